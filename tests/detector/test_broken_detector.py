"""A detector whose files are broken is named, with what to do; nothing ends with a traceback."""

import json

import pytest

from pipeline.detector.decision import DECISION_FILE, RUN_FILE, UNDECIDED
from pipeline.detector.detector import Detector
from pipeline.errors import UserError
from pipeline.models.detector_files import DETECTOR_FILE
from pipeline.records import read_record

DECISION, RECORD = UNDECIDED.as_dict(), {"config": {"inputs": {"method": "native"}}}
NO_OBJECT = {
    "empty": b"",
    "half": b'{"threshold": 0.5,',
    "binary": b"\xff\xfe\0",
    "list": b"[1]",
    "number": b"3",
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / DECISION_FILE).write_text(json.dumps(DECISION))
    (tmp_path / RUN_FILE).write_text(json.dumps(RECORD))
    (tmp_path / DETECTOR_FILE).write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize("name", [DECISION_FILE, RUN_FILE])
@pytest.mark.parametrize("kind", NO_OBJECT)
def test_what_is_no_object_of_json_is_named(folder, name, kind):
    (folder / name).write_bytes(NO_OBJECT[kind])
    with pytest.raises(UserError, match=rf"{name} is broken.*train it again"):
        Detector.load(folder)
    if name == RUN_FILE:
        with pytest.raises(UserError, match=rf"{name} is broken.*train it again"):
            read_record(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"threshold": 2}, {"threshold": "0.5"}, {"threshold": None}, {"temperature": 0}, {"temperature": -1},
        {"temperature": float("nan")}, {"temperature": float("inf")}, {"unsure": 0.5}, {"unsure": [0.1]},
        {"unsure": [0.9, 0.1]}, {"unsure": None},
    ],
)  # fmt: skip
def test_a_decision_that_decides_nothing_is_refused(folder, change):
    (folder / DECISION_FILE).write_text(json.dumps(DECISION | change))
    with pytest.raises(UserError, match=rf"{DECISION_FILE} is broken"):
        Detector.load(folder)
    less = {key: value for key, value in DECISION.items() if key not in change}
    (folder / DECISION_FILE).write_text(json.dumps(less))
    with pytest.raises(UserError, match=rf"{DECISION_FILE} is broken.*no '"):
        Detector.load(folder)


@pytest.mark.parametrize("config", [None, 3, [], {"inputs": 3}, {"inputs": {}}, {"inputs": {"method": "x"}}])
def test_a_record_of_another_shape_is_refused(folder, config):
    (folder / RUN_FILE).write_text(json.dumps({"config": config}))
    with pytest.raises(UserError, match=r"run\.json is broken|earlier version"):
        Detector.load(folder)
    with pytest.raises(UserError, match=r"run\.json is broken"):
        read_record(folder)


def test_a_file_that_is_not_there_is_said_to_be(tmp_path):
    with pytest.raises(UserError, match=r"run\.json is not there"):
        read_record(tmp_path)
