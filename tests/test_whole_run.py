"""The main job, as a person runs it: everything from nothing, on a tiny sample."""

import json
import re
import shutil
import tomllib

import pandas as pd
import pytest

from tests.conftest import ROOT, Repository, edit_yaml
from tests.golden import differing
from tests.source_imports import PACKAGE, closure

pytestmark = pytest.mark.slow

METRICS = ["fake_accuracy", "genuine_accuracy", "balanced_accuracy", "roc_auc", "average_precision"]


def test_the_promised_metrics_are_there(reproduced):
    metrics = reproduced.json("reports/metrics.json")["test"]
    assert set(METRICS) <= set(metrics)
    assert all(0 <= metrics[name] <= 1 for name in METRICS)


def test_the_files_are_the_golden_ones(reproduced):
    """Whoever means to change a figure records it: python -m tests.golden record tests/golden.json."""
    golden = json.loads((ROOT / "tests/golden.json").read_text(encoding="utf-8"))
    assert differing(golden, reproduced.folder) == []


def test_the_best_shortcut_stands_beside_the_figures(reproduced):
    beside = pd.read_csv(reproduced.folder / "reports/evaluation/shortcuts.csv").set_index("part")
    test = reproduced.json("reports/metrics.json")["test"]
    assert test["best_shortcut_roc_auc"] == pytest.approx(beside.loc["test", "roc_auc"])
    shown = reproduced.stage("summary")
    assert "What is reached there without looking for any forgery" in shown
    assert beside.loc["test", "words"] in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_the_audit_is_a_run_of_its_own_and_lies_beside_the_evaluation(reproduced):
    run = reproduced.json("models/trained/run.json")["run_id"]
    read = f"""
import json, mlflow
client = mlflow.MlflowClient("sqlite:///mlflow.db")
audits = client.get_experiment_by_name("shortcut audits").experiment_id
(audit,) = client.search_runs([audits])
files = [[each.path for each in client.list_artifacts(each)] for each in (audit.info.run_id, {run!r})]
print(json.dumps([audit.data.metrics, audit.data.params, audit.info.status, files]))
"""
    metrics, params, status, (of_audit, of_training) = reproduced.answer(read)
    assert 0 <= metrics["converted/training/compression_history_roc_auc"] <= 1
    assert params["convert.policy"] == "matched"
    assert status == "FINISHED"
    assert {"audit.json", "audit.html"} <= set(of_audit)
    assert {"audit.json", "audit.html"} <= set(of_training)
    again = reproduced.stage("runs", "send", "--audit", "reports")
    assert "holds the audit" in again
    assert len(reproduced.answer(read)) == 4  # one run still


def test_another_rate_is_decided_without_training_or_measuring(own_copy):
    before = own_copy.json("models/decision.json")
    edit_yaml(own_copy.folder / "conf/decision/default.yaml", {"false_alarms": 0.05})
    own_copy.stage("params", "write")
    output = own_copy.run("dvc", "repro")
    ran = set(re.findall("Running stage '(.*)'", output))
    assert {"calibrate", "evaluate"} <= ran
    assert not {"convert", "measure", "train"} & ran
    after = own_copy.json("models/decision.json")
    assert (before["false_alarms"], after["false_alarms"]) == (0.02, 0.05)
    assert after["detector"] == before["detector"]


def test_another_audit_alone_trains_nothing_again(own_copy):
    edit_yaml(own_copy.folder / "conf/audit/default.yaml", {"bootstrap": 150})
    own_copy.stage("params", "write")
    output = own_copy.run("dvc", "repro")
    assert "Running stage 'audit'" in output
    assert "Running stage 'gate'" in output
    assert "Running stage 'train'" not in output


def test_a_second_run_does_nothing(reproduced):
    output = reproduced.run("dvc", "repro")
    # But look whether a picture has changed.
    assert re.findall("Running stage '(.*)'", output) == ["pictures"]
    assert "Stage 'evaluate' didn't change" in output


def test_mlflow_has_the_same_figures_the_config_and_the_tables(reproduced):
    run = reproduced.json("models/trained/run.json")
    read = f"""
import mlflow, json
run = mlflow.MlflowClient("sqlite:///mlflow.db").get_run({run["run_id"]!r})
print(json.dumps([run.data.metrics, run.data.params, run.data.tags, run.info.status,
                  [each.dataset.name for each in run.inputs.dataset_inputs]]))
"""
    metrics, params, tags, status, inputs = reproduced.answer(read)
    wanted = reproduced.json("reports/metrics.json")["test"]
    assert {name: metrics[f"test/{name}"] for name in METRICS} == {name: wanted[name] for name in METRICS}
    assert params["train.learning_rate"] == "0.001"
    assert params["convert.policy"] == "matched"
    assert {"train/loss", "validation/loss", "validation/balanced_accuracy"} <= set(metrics)
    assert tags["commit"]
    assert tags["mlflow.runName"] == "dct sample matched grouped seed=20"
    counts = "{n_fake} fakes, {n_genuine} genuine pictures: ROC AUC {roc_auc:.2f}".format(**wanted)
    assert tags["mlflow.note.content"].startswith(f"**test**, {counts}")
    assert status == "FINISHED"
    assert sorted(inputs) == ["train", "validation"]


def test_the_logged_model_answers_for_pictures_and_files_of_a_folder_as_predict_does(reproduced):
    card = (reproduced.folder / "reports/MODEL_CARD.md").read_text("utf-8")
    (address,) = set(re.findall(r"models:/detector/\d+", card))
    assert f"MLflow    {address}" in reproduced.stage("summary")
    assert address in (reproduced.folder / "reports/report.html").read_text("utf-8")
    paths = pd.read_csv(reproduced.folder / "data/manifest/test.csv")["path"].head(3).tolist()
    read = f"""
import json, mlflow, pandas
mlflow.set_tracking_uri("sqlite:///mlflow.db")
image = pandas.DataFrame({{"image": [open(path, "rb").read() for path in {paths!r}]}})
answers = mlflow.pyfunc.load_model({address!r}).predict(image)
of_folder = mlflow.pyfunc.load_model({address!r}, model_config={{"pictures": "."}})
assert of_folder.predict(pandas.DataFrame({{"image": b"", "path": {paths!r}}})).equals(answers)
print(answers.drop(columns="error").to_json(orient="records"))
"""
    logged = reproduced.answer(read)
    lines = reproduced.stage("predict", "--json", *paths).splitlines()
    predicted = [json.loads(line) for line in lines if line.startswith("{")]
    for ours, theirs, path in zip(predicted, logged, paths, strict=True):
        assert ours.pop("path") == path
        assert ours.pop("p_values")
        assert ours == pytest.approx(theirs, abs=1e-9)


def test_card_predictions_and_code_lie_beside_the_logged_model_and_nothing_else(reproduced, tmp_path):
    fetch = f"""
import mlflow
mlflow.set_tracking_uri("sqlite:///mlflow.db")
mlflow.artifacts.download_artifacts("models:/detector/1", dst_path={str(tmp_path)!r})
print("{{}}")
"""
    reproduced.answer(fetch)
    for name, beside in (("MODEL_CARD.md", "."), ("predictions.csv", "evaluation")):
        assert (tmp_path / name).read_bytes() == (reproduced.folder / "reports" / beside / name).read_bytes()
    files = {path.relative_to(tmp_path / "code") for path in (tmp_path / "code").rglob("*") if path.is_file()}
    code = {path for path in files if path.parent.name != "__pycache__"}  # of whoever loaded it
    assert code == {path.relative_to(ROOT) for path in closure(PACKAGE / "detector" / "served.py")}
    needed = (tmp_path / "requirements.txt").read_text(encoding="utf-8").splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    base = {re.match(r"[\w-]+", each)[0] for each in project["dependencies"]}
    assert {each.partition("==")[0] for each in needed} == {"mlflow", *base}


def test_another_rate_is_another_version_and_the_champion_is_scored(own_copy):
    assert "models:/detector@champion is models:/detector/1 now" in own_copy.stage(
        "promote", "models:/detector/1"
    )
    output = own_copy.stage("calibrate", "decision.false_alarms=0.1")
    assert "registered in MLflow as models:/detector/2" in output
    run = own_copy.json("models/trained/run.json")["run_id"]
    assert "models:/detector/2 was not evaluated" in own_copy.stage("promote", run[:8], fails=True)
    own_copy.stage("evaluate", "decision.false_alarms=0.1")
    assert "MLflow    models:/detector/2" in own_copy.stage("summary")
    assert "models:/detector@champion is models:/detector/2 now" in own_copy.stage("promote", run[:8])
    own_copy.stage("score", "score.split=test", "score.run=models:/detector@champion", "score.name=champion")
    scored = pd.read_csv(own_copy.folder / "score/champion/predictions.csv")
    assert len(scored) == own_copy.json("reports/metrics.json")["test"]["n_genuine"] * 2


def test_a_detector_is_not_tested_on_tables_that_it_was_not_trained_with(own_copy):
    assert "seed" in own_copy.stage("evaluate", "seed=5", fails=True)
    own_copy.stage("manifest", "seed=5")
    assert "was not trained with" in own_copy.stage("evaluate", "seed=5", fails=True)


def test_an_edit_in_conf_stops_dvc_until_the_snapshot_is_made_anew(own_copy):
    edit_yaml(own_copy.folder / "conf/data_model_train/sample_dct_default.yaml", {"train": {"epochs": 1}})
    output = own_copy.run("dvc", "repro", fails=True)
    assert "train.epochs: 2 in params.yaml, 1 in conf/" in output
    assert "make params" in output
    own_copy.stage("params", "write")
    output = own_copy.run("dvc", "repro")
    assert "Running stage 'train'" in output
    assert "Stage 'sample' didn't change" in output
    assert len(pd.read_csv(own_copy.folder / "models/trained/history.csv")) == 1


def test_a_moved_repository_finds_its_artifacts_again(reproduced, tmp_path):
    moved = Repository(shutil.copytree(reproduced.folder, tmp_path / "moved", symlinks=True))
    output = moved.stage("train", "train.resume=false", fails=True)  # trained, not put back
    assert "python -m pipeline.runs relocate" in output
    output = moved.stage("runs", "relocate", "--from", str(reproduced.folder))
    assert "addresses now point into" in output
    run = moved.json("models/trained/run.json")["run_id"]
    read = f"""
import json, mlflow
mlflow.set_tracking_uri("sqlite:///mlflow.db")
client = mlflow.MlflowClient()
found = client.get_run({run!r})
mlflow.pyfunc.load_model("models:/" + found.outputs.model_outputs[0].model_id)
print(json.dumps([found.info.artifact_uri, [each.path for each in client.list_artifacts({run!r})]]))
"""
    address, listed = moved.answer(read)
    assert str(moved.folder) in address
    assert "history.csv" in listed


# Training on shuffled labels: what is learnt are these, and what is tested stays true.

SCORES = """
import json
from pathlib import Path
from sklearn.metrics import roc_auc_score
from pipeline.datasets.tables import read_table, shuffle_labels
from pipeline.detector.detector import load_scorer
from pipeline.detector.validation import score_table
record = json.loads(Path("models/trained/run.json").read_text())
table = read_table(Path("data/manifest/train.csv"))
logits = score_table(load_scorer(Path("models")), table)["logit"]
dealt = shuffle_labels(table, [record["config"]["seed"], 0])["target"]
print(json.dumps([roc_auc_score(dealt, logits), roc_auc_score(table["target"], logits)]))
"""


def test_a_detector_learns_the_labels_that_were_dealt_and_the_tables_stay_true(own_copy):
    tables = {path: path.read_bytes() for path in (own_copy.folder / "data/manifest").glob("*.csv")}
    choices = ["model=forest", "inputs.augment=null", "train.shuffle_labels=true"]
    own_copy.stage("train", *choices)
    of_dealt, of_true = own_copy.answer(SCORES)
    assert of_dealt > 0.95
    assert of_true < 0.85
    for path, content in tables.items():
        assert path.read_bytes() == content
    output = own_copy.stage("train", "train.shuffle_labels=true", fails=True)
    assert "experiment=shuffled_labels" in output
