"""What a trained detector says of pictures that were not in the manifest."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

pytestmark = pytest.mark.slow


@pytest.fixture
def labelled(reproduced, tmp_path):
    """Two folders of pictures as somebody may have them."""
    folder = tmp_path / "mein Ordner é"
    for label in ("genuine", "fake"):
        pictures = sorted((reproduced.folder / "data/raw/sample" / label).iterdir())[:6]
        (folder / label / "nested").mkdir(parents=True)
        for picture in pictures:
            shutil.copy(picture, folder / label / "nested" / picture.name.upper())
    (folder / "genuine" / "notes.txt").write_text("not a picture")
    return folder


def test_predict_answers_for_files_and_folders_and_says_which_are_broken(reproduced, labelled):
    (labelled / "fake" / "broken.jpg").write_bytes(b"\xff\xd8\xff not much of a picture")
    output = reproduced.stage("predict", "--json", str(labelled), fails=True)
    answers = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert len(answers) == 13
    broken = [answer for answer in answers if "error" in answer]
    assert [answer["path"] for answer in broken] == [str(labelled / "fake" / "broken.jpg")]
    for answer in answers:
        if "error" not in answer:
            assert set(answer) == {
                *("path", "probability_fake", "verdict", "reason", "p_value", "p_values", "threshold")
            }
            assert answer["verdict"] in ("fake", "genuine", "no trace found", "unsure", "cannot tell")
            if answer["verdict"] == "cannot tell":
                assert answer["probability_fake"] is None
            elif answer["verdict"] == "fake":
                assert answer["threshold"] <= answer["probability_fake"] <= 1
            else:
                assert 0 <= answer["probability_fake"] < answer["threshold"]
            assert answer["reason"]
            assert 0 < min(answer["p_values"].values()) <= answer["p_value"] <= 1


def test_predict_says_of_each_path_without_a_picture_why(reproduced, labelled):
    (labelled / "empty").mkdir()
    asked = [str(labelled / name) for name in ("empty", "Fake", "fake")]
    output = reproduced.stage("predict", *asked, fails=True)
    assert f"error: {labelled}/empty holds no picture; names of pictures end in .jpg" in output
    assert f"error: {labelled}/Fake is not there; {labelled}/fake is there" in output
    assert len(re.findall(r"nested/\S+ +(?:[01]\.\d+|-)  ", output)) == 6  # the others are answered


def test_predict_gives_the_answer_of_the_evaluation(reproduced):
    evaluated = pd.read_csv(reproduced.folder / "reports/evaluation/predictions.csv")
    output = reproduced.stage("predict", "--json", evaluated["path"].iloc[-1])
    (answer,) = (json.loads(line) for line in output.splitlines() if line.startswith("{"))
    assert answer["p_value"] == pytest.approx(evaluated["p_value"].iloc[-1], abs=1e-6)
    if answer["verdict"] != "cannot tell":
        probability = evaluated["probability_fake"].iloc[-1]
        assert answer["probability_fake"] == pytest.approx(probability, abs=1e-6)


def test_predict_draws_what_it_saw_where(reproduced, tmp_path):
    path = pd.read_csv(reproduced.folder / "data/manifest/test.csv")["path"].iloc[0]
    output = reproduced.stage("predict", "--json", "--maps", str(tmp_path / "maps"), path)
    (answer,) = (json.loads(line) for line in output.splitlines() if line[0] == "{")
    with Image.open(answer["map"]) as drawn, Image.open(reproduced.folder / path) as picture:
        assert drawn.width > 2 * picture.width  # the picture, and beside it the map
    assert Path(answer["map"]).parent == tmp_path / "maps"


def test_predict_without_a_detector_says_how_to_get_one(reproduced, tmp_path):
    output = reproduced.stage("predict", "--models", str(tmp_path), "x.jpg", fails=True)
    assert "make repro" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("from_run", [False, True])
def test_score_tests_all_of_another_set_and_trains_nothing(reproduced, labelled, from_run):
    run, name = reproduced.json("models/trained/run.json")["run_id"], f"labelled{from_run}"
    chosen = [f"score.run={run}"] if from_run else []
    data = ["data=folders", f"data.root='{labelled}'", "convert=raw"]
    output = reproduced.stage("score", *data, f"score.name={name}", *chosen)
    assert "python -m pipeline.audit data=folders" in output
    metrics = reproduced.json(f"score/{name}/metrics.json")
    assert metrics["test"]["n_fake"] == metrics["test"]["n_genuine"] == 6
    assert metrics["policy"] == "raw"
    folder = reproduced.folder / "score" / name
    assert len(pd.read_csv(folder / "predictions.csv")) == 12
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Do not believe these figures" in page
    assert "python -m pipeline.score data=folders" in page
    assert str(labelled.parent) not in page  # folders of this machine
    assert (folder / "crops.csv").is_file()
    assert "notes.txt" in pd.read_csv(folder / "converted/rejected.csv")["path"].iloc[0]


def test_score_tests_the_pictures_of_one_table_in_another_form(reproduced):
    reproduced.stage("score", "convert=raw", "score.split=test", "score.name=as_handed_in")
    scored = pd.read_csv(reproduced.folder / "score/as_handed_in/predictions.csv")
    evaluated = pd.read_csv(reproduced.folder / "reports/evaluation/predictions.csv")
    assert len(scored) == len(evaluated)
    assert scored["target"].sum() == evaluated["target"].sum()


def test_two_runs_are_compared_by_their_pictures(reproduced):
    run = reproduced.json("models/trained/run.json")["run_id"]
    for called in (run, run[:8]):
        output = reproduced.stage("compare", called, "reports/evaluation")
        assert "+0.000 (– to –)" in output
        assert f"({run[:8]})" in output
        assert "By the ROC AUC their figures are the same" in " ".join(output.split())
    output = reproduced.stage("compare", run, "reports", fails=True)
    assert "predictions.csv is not there" in output
    output = reproduced.stage("compare", "0" * 32, run, fails=True)
    assert "Traceback" not in output
