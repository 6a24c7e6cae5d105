"""The pictures that a verdict is calibrated on, asked of a small network as `calibrate` asks them."""

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from PIL import Image

from pipeline import calibrate
from pipeline.config import Calibration, Decision, validate
from pipeline.detector import calibration_pictures
from pipeline.detector.calibration import CALIBRATION, TAMPERED, VALIDATION
from pipeline.detector.calibration_pictures import SCORES_FILE, calibration_table
from pipeline.detector.decision import DECISION_FILE, NETWORK
from pipeline.detector.detector import Detector, Judged, load_scorer
from pipeline.detector.validation import MAP_METRICS, score_table
from pipeline.errors import UserError
from pipeline.evidence.measured import measure_files
from pipeline.evidence.panel import COLUMNS
from pipeline.forgery.tampered_copies import write_tampered_copy
from pipeline.images.hashes import sha256_of_file
from pipeline.images.read import read
from pipeline.models.build import build
from pipeline.models.detector_files import TRAINED
from tests.conftest import ROOT
from tests.detector.builders import BY_NETWORK, numbers, write_trained
from tests.images.pictures import draw_photo, on_cores
from tests.inputs.drawn import draw_table

# Keras under TensorFlow 2.21 warns so, when it saves.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

HERE = on_cores(1)


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    """A detector as training leaves it, of a new network."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = validate(compose("config", overrides=["model=srm"]))
    folder = tmp_path_factory.mktemp("detector")
    write_trained(folder, build(config.model, 64, 64), config.inputs)
    return folder


@pytest.fixture
def models(detector, tmp_path):
    """A copy of it."""
    return shutil.copytree(detector, tmp_path / "models")


@pytest.fixture
def photographs(tmp_path):
    """A folder of photographs as somebody has them."""
    folder = tmp_path / "my photos, é"
    (folder / "below").mkdir(parents=True)
    for number in range(3):
        picture = Image.fromarray(draw_photo(96, 128, seed=number))
        picture.save(folder / "below" / f"{number}.JPG", quality=80)
    Image.fromarray(draw_photo(72, 96, seed=9)).save(folder / "3.png")
    return folder


@pytest.fixture
def validation(tmp_path):
    (tmp_path / "converted").mkdir()
    table = draw_table(tmp_path / "converted", genuine=5, fake=5)
    return table.assign(sha256=[sha256_of_file(Path(path)) for path in table["path"]])


@pytest.fixture
def measured(validation):
    return measure_files(validation["path"].tolist(), HERE, "measure")[COLUMNS]


@pytest.fixture
def ask(models, validation, measured):
    """Make the table for a folder of photographs."""

    def asked(genuine, tampered=4, seed=0):
        chosen = Calibration(genuine=None if genuine is None else str(genuine), tampered=tampered)
        return calibration_table(models, validation, measured, chosen, seed, HERE)

    return asked


@pytest.fixture
def no_network(monkeypatch):
    """From when it is called on, nobody may ask a network."""

    def refused(models):
        raise AssertionError(f"{models} was asked")

    return lambda: monkeypatch.setattr(calibration_pictures, "load_scorer", refused)


def of(table, part):
    return table[table["part"] == part].reset_index(drop=True)


def test_each_picture_has_its_numbers_as_they_are_measured_elsewhere(ask, models, validation, photographs):
    table = ask(photographs)
    assert table["part"].value_counts().to_dict() == {VALIDATION: 10, CALIBRATION: 4, TAMPERED: 4}
    assert {"part", "sha256", "target", "group", *COLUMNS, NETWORK, *MAP_METRICS} <= set(table)
    assert of(table, VALIDATION)["target"].tolist() == validation["target"].tolist()
    assert of(table, VALIDATION)["group"].tolist() == validation["group"].tolist()
    assert (of(table, CALIBRATION)["target"] == 0).all()
    assert of(table, CALIBRATION)["group"].is_unique
    assert (of(table, TAMPERED)["target"] == 1).all()

    wanted = score_table(load_scorer(models), validation)
    assert of(table, VALIDATION)[NETWORK].to_numpy() == pytest.approx(wanted["logit"])
    assert of(table, VALIDATION)[MAP_METRICS].to_numpy() == pytest.approx(
        wanted[MAP_METRICS].to_numpy(), nan_ok=True
    )
    paths = [photographs / "3.png", *sorted((photographs / "below").iterdir())]
    of_folder = of(table, CALIBRATION).set_index("sha256").loc[[sha256_of_file(path) for path in paths]]
    alone = measure_files([str(path) for path in paths], HERE, "again")[COLUMNS]
    assert of_folder[COLUMNS].to_numpy() == pytest.approx(alone.to_numpy(float), nan_ok=True)


def test_without_a_folder_the_validation_pictures_are_all(ask):
    table = ask(None, tampered=0)
    assert set(table["part"]) == {VALIDATION}
    assert set(ask(None, tampered=2)["part"]) == {VALIDATION, TAMPERED}


def test_a_broken_picture_is_left_out_and_said(ask, photographs, caplog):
    (photographs / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    caplog.set_level(logging.WARNING, "pipeline")
    table = ask(photographs, tampered=100)
    assert len(of(table, CALIBRATION)) == 4
    assert 7 <= len(of(table, TAMPERED)) <= 8  # that of the broken one, and one for which it was the donor
    said = [each.getMessage() for each in caplog.records if each.name.startswith("pipeline")]
    assert [each for each in said if "broken.jpg is left out: " in each]


def test_what_was_measured_is_not_asked_again(ask, photographs, no_network):
    (photographs / "broken.jpg").write_bytes(b"no picture")
    first = ask(photographs)
    no_network()
    pd.testing.assert_frame_equal(ask(photographs), first)
    alone = of(ask(None, tampered=0), VALIDATION)
    pd.testing.assert_frame_equal(alone, of(first, VALIDATION), check_exact=True, check_dtype=False)


def test_a_new_photograph_alone_is_asked_about(ask, photographs, monkeypatch):
    first = ask(photographs, tampered=0)
    Image.fromarray(draw_photo(96, 128, seed=20)).save(photographs / "new.png")
    asked = []
    monkeypatch.setattr(
        calibration_pictures, "score_table",
        lambda scorer, table: asked.extend(table["path"]) or score_table(scorer, table),
    )  # fmt: skip
    second = ask(photographs, tampered=0)
    assert asked == [str(photographs / "new.png")]
    assert len(second) == len(first) + 1


@pytest.mark.parametrize("what", ["network", "specialists", "columns"])
def test_what_another_network_or_other_specialists_said_counts_no_more(
    ask, models, monkeypatch, what, photographs
):
    ask(photographs, tampered=0)
    if what == "network":
        path = models / TRAINED / "detector.onnx"
        path.write_bytes(path.read_bytes() + b"\0")
    elif what == "specialists":
        (photographs / "other.py").write_text("# edited")
        monkeypatch.setattr(calibration_pictures, "_files_of_specialists", lambda: [photographs / "other.py"])
    else:
        table = pd.read_csv(models / SCORES_FILE).drop(columns=COLUMNS[-1])
        table.to_csv(models / SCORES_FILE, index=False)
    monkeypatch.setattr(calibration_pictures, "load_scorer", lambda models: [].index(models))
    with pytest.raises(ValueError, match="not in list"):
        ask(photographs, tampered=0)


def test_scores_that_are_broken_are_named(ask, models):
    ask(None, tampered=0)
    (models / SCORES_FILE).write_bytes(b"\xff\xfe\0")
    with pytest.raises(UserError, match=rf"{SCORES_FILE} is broken.*delete .*{SCORES_FILE}"):
        ask(None, tampered=0)


def test_tampered_copies_are_the_same_for_a_seed_and_others_for_another(ask, models, photographs):
    first = of(ask(photographs, tampered=2), TAMPERED)
    (models / SCORES_FILE).unlink()
    pd.testing.assert_frame_equal(of(ask(photographs, tampered=2), TAMPERED), first)
    assert not set(of(ask(photographs, tampered=2, seed=1), TAMPERED)["sha256"]) & set(first["sha256"])
    pd.testing.assert_frame_equal(of(ask(photographs, tampered=2), TAMPERED), first)


def test_a_photograph_that_is_among_the_validation_pictures_counts_once(ask, validation, photographs):
    for path in validation["path"].iloc[[0, 7]]:  # genuine, and a fake that somebody takes for genuine
        shutil.copy(path, photographs)
    table = ask(photographs, tampered=0)
    assert len(of(table, CALIBRATION)) == 4
    assert not set(of(table, CALIBRATION)["sha256"]) & set(validation["sha256"])


def test_a_folder_without_pictures_is_refused(ask, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("no picture")
    with pytest.raises(UserError, match=r"calibration\.genuine is .*empty, which holds no picture"):
        ask(tmp_path / "empty")
    (tmp_path / "empty" / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"calibration\.genuine is .*empty, of which no picture can be read"):
        ask(tmp_path / "empty")
    with pytest.raises(UserError, match="nowhere"):
        ask(tmp_path / "nowhere")


def test_a_validation_picture_that_was_not_measured_is_named(models, validation, measured):
    with pytest.raises(UserError, match=r"009\.png was not measured; measure the pictures again with"):
        calibration_table(models, validation, measured[:-1], Calibration(genuine=None, tampered=0), 0, HERE)


def test_a_network_whose_training_came_apart_is_said(ask, monkeypatch):
    monkeypatch.setattr(
        calibration_pictures, "score_table",
        lambda scorer, table: score_table(scorer, table).assign(logit=np.nan),
    )  # fmt: skip
    table = ask(None, tampered=0)
    assert len(table) == 10
    with pytest.raises(UserError, match="its training came apart"):
        calibrate.decide(table, numbers([]), Decision(false_alarms=0.02, unsure=0.1))


# The stage.


@pytest.fixture
def stage(models, validation, measured, tmp_path, monkeypatch, compose_config):
    """`calibrate` beside a manifest and a run that need not be there."""
    (tmp_path / "manifest").mkdir()
    monkeypatch.setattr(calibrate, "check_built_from", lambda *_: None)
    monkeypatch.setattr(calibrate, "check_learnt_from", lambda *_: None)
    monkeypatch.setattr(calibrate, "read_record", lambda _: {"tables": {}})
    monkeypatch.setattr(calibrate, "read_table", lambda _: validation)
    monkeypatch.setattr(calibrate, "read_measured", lambda _: measured)
    monkeypatch.setattr(calibrate, "reference_measured", lambda: numbers([])[COLUMNS])
    monkeypatch.setattr(calibrate, "send_decision", lambda _: None)

    def run(*overrides):
        return calibrate.calibrate(compose_config("compute.workers=1", *overrides), models)

    return run


def test_another_rate_takes_no_network_and_says_what_it_takes(stage, models, photographs, no_network, capsys):
    chosen = [f'calibration.genuine="{photographs}"', "calibration.tampered=3"]
    first = stage(*chosen, "decision.false_alarms=0.05")
    assert first["pictures"] == {"genuine": 9, "validation": 10, "folder": 4, "tampered": 3}
    said = " ".join(capsys.readouterr().out.split())
    assert "from 9 genuine pictures" in said
    assert "genuine pictures, and network has 9" in said
    no_network()
    second = stage(*chosen, "decision.false_alarms=0.2", "decision.unsure=0.4")
    assert (first["false_alarms"], second["false_alarms"]) == (0.05, 0.2)
    assert second["config"]["decision"] == {"false_alarms": 0.2, "unsure": 0.4}
    written = json.loads((models / DECISION_FILE).read_text())
    assert written == json.loads(json.dumps(second))
    said = capsys.readouterr().out
    assert "20.0%" in said
    assert max(map(len, said.splitlines())) <= 80


def test_what_it_leaves_judges_pictures(stage, models, photographs):
    stage(f'calibration.genuine="{photographs}"', "calibration.tampered=3")
    path = photographs / "below" / "0.JPG"
    (said, _, answer, _) = Detector.load(models).look(path)
    assert said["error"] is None
    assert 0 < said["p_value"] <= 1
    assert said["reason"]
    assert answer.map.shape == (12, 16)
    (models / TRAINED / "detector.onnx").write_bytes(b"another one")
    with pytest.raises(UserError, match="of another detector"):
        Detector.load(models)


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ("fake", "fake", "fake"), ("genuine", "unsure", "genuine"), ("unsure", "cannot tell", "unsure"),
        ("fake", "unsure", "cannot tell"), ("no trace found", "fake", "cannot tell"),
    ],
)  # fmt: skip
def test_what_one_more_save_makes_or_unmakes_a_fake_is_not_told(photographs, before, after, verdict):
    seen = []

    class Told(Detector):
        def verdicts(self, originals):
            seen.extend(originals)
            yield Judged({"verdict": after}, None, None, {})

    said = {"verdict": before, "reason": "a test", "p_value": 0.5}
    found = Told(None, BY_NETWORK).saved_again(photographs / "below" / "0.JPG", said)
    assert found["verdict"] == verdict
    if verdict != before:
        assert found["reason"] == f"{before} as it is, {after} when it is saved once more as JPEG 85"
    assert found["p_value"] == 0.5
    (content,) = seen
    assert read(content).jpeg.quality == 85
    assert read(content).pixels.shape == (96, 128, 3)


def test_it_says_what_is_missing(compose_config, tmp_path, monkeypatch):
    monkeypatch.setattr(calibrate, "check_built_from", lambda *_: None)
    with pytest.raises(UserError, match="train a detector with make repro"):
        calibrate.calibrate(compose_config(), tmp_path / "models")


# Tampered copies.


def test_a_tampered_copy_is_saved_as_its_photograph_was(photographs, tmp_path):
    (tmp_path / "copies").mkdir()
    donor, seeds = photographs / "3.png", [(3, number) for number in range(6)]
    for path in (photographs / "below" / "0.JPG", donor):
        before = read(path)
        for seed in seeds:
            written = write_tampered_copy(path, donor, seed, tmp_path / "copies" / f"{seed[1]}")
            after = read(written)
            assert after.format == before.format
            assert after.pixels.shape == before.pixels.shape
            assert (after.pixels != before.pixels).any()
            if before.jpeg is not None:
                assert after.jpeg.quality == before.jpeg.quality
            again = write_tampered_copy(path, donor, seed, tmp_path / "copies" / "again")
            assert again.read_bytes() == written.read_bytes()


def test_of_a_broken_photograph_there_is_no_copy(photographs, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    whole, broken = photographs / "3.png", tmp_path / "broken.jpg"
    for path, donor in ((whole, broken), (broken, whole)):
        with pytest.raises(UserError, match=r"broken\.jpg"):
            write_tampered_copy(path, donor, [1], tmp_path / "copy")
    assert not list(tmp_path.glob("copy*"))
