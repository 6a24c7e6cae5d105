"""The command `predict`, and the program `fakes`, as a person at a terminal has them."""

import io
import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir

from pipeline import __main__, predict
from pipeline.config import validate
from pipeline.detector.about import About
from pipeline.detector.detector import Detector
from pipeline.models.build import build
from tests.conftest import ROOT
from tests.detector.builders import reference, two_tests, write_decision, write_trained
from tests.images.pictures import draw_photo, encoded, saved, turned_without_loss

# NumPy 2 on how Keras 3.15 reads its own weights.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
TRAINING = (
    *("tensorflow", "keras", "hydra", "omegaconf", "yaml", "mlflow", "dvc"),
    *("sklearn", "skops", "scipy", "matplotlib", "rich"),
)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A detector that was never trained, calibrated on drawn numbers."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = validate(compose("config", overrides=["model=srm"]))
    folder = tmp_path_factory.mktemp("detector") / "models"
    write_trained(folder, build(config.model, 64, 64), config.inputs)
    known = {name: reference(np.linspace(-30, 30, 99), width=96.0, height=64.0) for name in two_tests().tests}
    write_decision(folder, two_tests(tests=known))
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Three photographs, one too small, one that is none."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(3):
        (folder / f"{number}.jpg").write_bytes(saved(draw_photo(64, 96, seed=number), quality=95))
    (folder / "small.jpg").write_bytes(saved(draw_photo(16, 24, seed=9), quality=95))
    (folder / "text.jpg").write_text("no picture")
    return folder


@pytest.fixture
def ask(monkeypatch, capsys, models):
    """Call the command; return exit status, what it prints, and what it tells beside."""

    def call(*arguments, given=b""):
        monkeypatch.setattr(sys, "argv", ["predict.py", "--models", str(models), *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        with pytest.raises(SystemExit) as ended:
            predict.main()
        printed = capsys.readouterr()
        return ended.value.code, printed.out, printed.err

    return call


def test_a_line_each_on_standard_output_and_what_is_told_beside(ask, pictures):
    status, printed, beside = ask(pictures)
    assert status == 1  # one is no picture
    lines = printed.splitlines()
    assert len(lines) == 5
    assert lines[3].endswith("cannot tell: 24 × 16 pixels are too few")
    assert f"{'-':>6}  cannot tell" in lines[3]  # no number where nothing can be told
    assert lines[4].startswith(f"error: {pictures / 'text.jpg'} cannot be read: ")
    first, *_, last = beside.splitlines()
    assert first.startswith("detector ")
    assert "drawn for a test: trained on drawn" in " ".join(beside.split())
    assert "false alarms, by 99 genuine pictures" in " ".join(beside.split())
    assert last.startswith("5 pictures: ")
    assert "1 cannot tell" in last
    assert "1 unreadable" in last
    assert "\r" not in beside  # a bar is for terminals


def test_the_most_suspicious_come_first_if_asked_and_what_cannot_be_read_last(ask, pictures):
    _, printed, _ = ask(pictures, "--sort", "--json")
    answers = [json.loads(line) for line in printed.splitlines()]
    p_values = [each["p_value"] for each in answers[:-1]]
    assert p_values == sorted(p_values)
    assert set(answers[-1]) == {"path", "error"}
    _, unsorted, _ = ask(pictures, "--json")
    assert sorted(unsorted.splitlines()) == sorted(printed.splitlines())


def test_tables_hold_what_is_printed(ask, pictures, tmp_path, models):
    _, printed, _ = ask(pictures, "--json", "--csv", tmp_path / "a.csv", "--parquet", tmp_path / "a.parquet")
    answers = [json.loads(line) for line in printed.splitlines()]
    by_csv, by_parquet = pd.read_csv(tmp_path / "a.csv"), pd.read_parquet(tmp_path / "a.parquet")
    assert by_csv["path"].tolist() == by_parquet["path"].tolist() == [each["path"] for each in answers]
    for table in (by_csv, by_parquet):
        for answer, (_, row) in zip(answers[:-1], table.iterrows(), strict=False):
            assert row["verdict"] == answer["verdict"]
            assert row["p_network"] == pytest.approx(answer["p_values"].get("network", np.nan), nan_ok=True)
        assert table["error"].notna().tolist() == [False] * 4 + [True]
        assert set(table["detector"]) == {Detector.load(models).about.id}


def test_one_picture_may_come_on_standard_input(ask, pictures):
    content = (pictures / "0.jpg").read_bytes()
    status, printed, _ = ask("-", "--json", given=content)
    answer = json.loads(printed)
    assert status == 0
    assert answer.pop("path") == "standard input"
    _, printed, _ = ask(pictures / "0.jpg", "--json")
    by_name = json.loads(printed)
    assert {**by_name, "path": None} == {**answer, "path": None}
    assert "standard input is empty" in ask("-")[1]
    assert "the picture cannot be read" in ask("-", given=b"no picture")[1]


def test_another_rate_moves_the_threshold_and_nothing_else(ask, pictures):
    _, strict, told = ask(pictures / "0.jpg", "--json", "--false-alarms", "0.001")
    _, loose, _ = ask(pictures / "0.jpg", "--json", "--false-alarms", "0.5")
    strict, loose = json.loads(strict), json.loads(loose)
    assert strict["threshold"] > loose["threshold"]
    assert "0.1% false alarms" in told
    for wrong in ("0", "1", "2%"):
        status, _, told = ask("x.jpg", "--false-alarms", wrong)
        assert status == 2
        assert "expected a share between 0 and 1" in told


def test_a_map_is_drawn_as_large_as_the_picture_is_looked_at(ask, pictures, tmp_path):
    _, printed, _ = ask(pictures / "0.jpg", "--json", "--maps", tmp_path / "maps")
    drawn = json.loads(printed)["map"]
    from PIL import Image

    with Image.open(drawn) as picture:
        assert picture.size[0] > 3000


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_picture_that_is_stored_turned_gets_the_verdict_of_the_upright_one(models, orientation):
    upright = saved(draw_photo(64, 96, seed=1) // 2 + 64, quality=75, subsampling=0)
    detector = Detector.load(models)
    one, other = (detector.look(each) for each in (upright, turned_without_loss(upright, orientation)))
    assert one.said["verdict"] == other.said["verdict"]
    assert other.answer.logit == pytest.approx(one.answer.logit, abs=0.05)  # libjpeg turns, then rounds
    assert one.picture.quantisation.any()
    assert other.picture.quantisation.any()


def run(*arguments):
    """Call the program where only what predicts is installed."""
    script = f"""
import runpy, sys
for name in {TRAINING!r}:
    sys.modules[name] = None
sys.argv = ["fakes", *{list(map(str, arguments))!r}]
runpy.run_module("pipeline", run_name="__main__")
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_nothing_of_training_is_needed_for_the_same_answer(models, pictures):
    answered = run("predict", "--json", "--models", models, pictures / "1.jpg")
    assert answered.returncode == 0, answered.stderr
    answer, here = json.loads(answered.stdout), Detector.load(models).look(pictures / "1.jpg").said
    assert answer["p_values"]["network"] == pytest.approx(here["p_values"]["network"], abs=1e-4)


def test_a_page_of_a_picture_needs_nothing_of_training_either(models, pictures, tmp_path):
    examined = run("examine", "--models", models, "--to", tmp_path, pictures / "1.jpg")
    assert examined.returncode == 0, examined.stderr
    assert (tmp_path / "1.jpg.html").is_file()


def test_a_detector_whose_name_acts_on_a_terminal_is_told_in_escapes():
    """It has the name of the folder that it was trained on."""
    lines = About("id", "dct a\x1b[2J", "trained on a\nfake: none", "measured").lines()
    assert "dct a\\x1b[2J" in lines[0]
    assert not any(letter < " " for line in lines for letter in line)


def test_the_program_names_commands_that_it_does_not_know(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["fakes", "predct"])
    with pytest.raises(SystemExit):
        __main__.main()
    assert "there is no command 'predct', perhaps predict" in capsys.readouterr().err


def test_a_command_whose_packages_are_not_there_says_how_to_get_them():
    answered = run("compare", "a", "b")
    assert answered.returncode == 1
    assert 'pip install "fake-image-detection[train]"' in answered.stderr
    assert "Traceback" not in answered.stderr


def test_a_scan_is_not_told_by_a_detector_of_jpegs(models, tmp_path):
    (tmp_path / "scan.png").write_bytes(encoded(draw_photo(64, 96, seed=4), "PNG"))
    said = Detector.load(models).look(tmp_path / "scan.png").said
    assert (said["verdict"], said["probability_fake"]) == ("cannot tell", None)
