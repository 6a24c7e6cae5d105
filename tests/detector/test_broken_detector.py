"""A detector whose files are broken is named, with what to do; nothing ends with a traceback."""

import json

import pytest

from pipeline.detector.conformal import LOSSLESS, SIZES
from pipeline.detector.decision import DECISION_FILE
from pipeline.detector.detector import Detector, load_scorer, require_detector
from pipeline.errors import UserError
from pipeline.models.detector_files import DETECTOR_FILE, RUN_FILE, TRAINED
from pipeline.models.portable import ONNX_FILE, trained_digest
from pipeline.records import read_record
from tests.detector.builders import BY_NETWORK, write_decision

RECORD = {"config": {"inputs": {"method": "native"}}}
SIZE = next(iter(SIZES))
NO_OBJECT = {
    "empty": b"",
    "half": b'{"threshold": 0.5,',
    "binary": b"\xff\xfe\0",
    "list": b"[1]",
    "number": b"3",
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / TRAINED).mkdir()
    (tmp_path / TRAINED / RUN_FILE).write_text(json.dumps(RECORD))
    (tmp_path / TRAINED / ONNX_FILE).write_bytes(b"a network")
    write_decision(tmp_path)
    return tmp_path


@pytest.mark.parametrize("kind", NO_OBJECT)
def test_what_is_no_object_of_json_is_named(folder, kind):
    (folder / TRAINED / RUN_FILE).write_bytes(NO_OBJECT[kind])
    for read in (Detector.load, read_record):
        with pytest.raises(UserError, match=rf"{RUN_FILE} is broken.*train it again"):
            read(folder)
    (folder / DECISION_FILE).write_bytes(NO_OBJECT[kind])
    with pytest.raises(UserError, match=rf"{DECISION_FILE} is broken.*calibrate it again with .*calibrate"):
        Detector.load(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"false_alarms": 2}, {"false_alarms": 0}, {"false_alarms": None}, {"false_alarms": "often"},
        {"unsure": 0.001}, {"unsure": 2}, {"unsure": None}, {"unsure": [0.1]},
        {"temperature": 0}, {"temperature": -1}, {"temperature": float("nan")},
        {"temperature": float("inf")}, {"offset": float("nan")}, {"offset": float("inf")}, {"offset": None},
        {"tests": 3}, {"tests": {"network": 3}}, {"tests": {"network": {"tiny": {LOSSLESS: [1.0]}}}},
        {"tests": {"network": {SIZE: {LOSSLESS: ["much"]}}}},
        {"tests": {"network": {SIZE: {LOSSLESS: [float("nan")]}}}},
        {"tampered": 3}, {"tampered": {"size": [SIZE], "quality": [], "suspicion": [1.0, 0.0]}},
        {"detector": None}, {"detector": "0" * 64},
    ],
)  # fmt: skip
def test_a_decision_that_decides_nothing_is_refused(folder, change):
    content = json.loads((folder / DECISION_FILE).read_text())
    (folder / DECISION_FILE).write_text(json.dumps(content | change))
    with pytest.raises(UserError, match=rf"{DECISION_FILE} is .*; calibrate it again"):
        Detector.load(folder)
    less = {key: value for key, value in content.items() if key not in change}
    (folder / DECISION_FILE).write_text(json.dumps(less))
    with pytest.raises(UserError, match=rf"{DECISION_FILE} is broken.*no '"):
        Detector.load(folder)


def test_a_decision_is_taken_for_one_detector_and_refused_for_another(folder):
    (folder / TRAINED / ONNX_FILE).write_bytes(b"trained once more")
    with pytest.raises(UserError, match=rf"{DECISION_FILE} is of another detector; calibrate it again"):
        Detector.load(folder)
    write_decision(folder, BY_NETWORK)
    with pytest.raises(UserError, match=r"detector\.onnx cannot be loaded"):  # which it says of itself
        Detector.load(folder)


def test_a_detector_without_a_decision_says_how_to_make_one(folder):
    (folder / DECISION_FILE).unlink()
    for ask in (require_detector, Detector.load):
        with pytest.raises(UserError, match=r"has no decision .*make repro or python -m pipeline\.calibrate"):
            ask(folder)


def test_what_is_not_whole_is_said_by_name(folder, tmp_path):
    with pytest.raises(UserError, match=r"there is no folder .*train a detector with make repro"):
        require_detector(tmp_path / "nowhere")
    (folder / TRAINED / RUN_FILE).unlink()
    for ask in (require_detector, load_scorer):
        with pytest.raises(UserError, match=rf"no trained detector \({TRAINED}/run\.json missing\)"):
            ask(folder)
    with pytest.raises(UserError, match=r"run\.json is not there"):
        read_record(folder)
    (folder / TRAINED / ONNX_FILE).unlink()
    with pytest.raises(UserError, match=rf"no trained detector \({TRAINED}/detector\.onnx missing\)"):
        require_detector(folder)
    with pytest.raises(UserError, match=r"detector\.onnx is missing; train a detector"):
        trained_digest(folder)


def test_a_detector_of_an_earlier_version_says_that_it_is_one(folder):
    (folder / TRAINED / ONNX_FILE).rename(folder / TRAINED / DETECTOR_FILE)
    for ask in (require_detector, load_scorer, Detector.load):
        with pytest.raises(UserError, match=rf"earlier version .*{ONNX_FILE} missing.* train it again"):
            ask(folder)


@pytest.mark.parametrize("config", [None, 3, [], {"inputs": 3}, {"inputs": {}}, {"inputs": {"method": "x"}}])
def test_a_record_of_another_shape_is_refused(folder, config):
    (folder / TRAINED / RUN_FILE).write_text(json.dumps({"config": config}))
    with pytest.raises(UserError, match=r"run\.json is broken|earlier version"):
        Detector.load(folder)
    with pytest.raises(UserError, match=r"run\.json is broken"):
        read_record(folder)


def test_a_detector_of_an_earlier_version_is_refused(folder):
    (folder / TRAINED / RUN_FILE).write_text('{"config": {"preprocess": {}}}')
    with pytest.raises(UserError, match="trained by an earlier version of this program; train it again"):
        Detector.load(folder)
