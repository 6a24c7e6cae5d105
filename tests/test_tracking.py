"""What is recorded of the code; MLflow's database; a server that does not answer costs a second command."""

import contextlib
import importlib
import json
import platform
import shutil
import sqlite3
import subprocess
import sys
from unittest.mock import Mock

import pytest
import yaml

from pipeline.composition import composed_text
from pipeline.config import validate
from pipeline.params import PARAMS
from pipeline.records import TrainingRun, code_state, run_name
from pipeline.run_store import where_runs_are_compared
from pipeline.tracking import LOADER
from tests.conftest import ROOT, Repository


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository of the real params.yaml; gives its settings."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / PARAMS, PARAMS)
    shutil.copytree(ROOT / "conf", "conf")
    git("init", "--quiet")
    git("add", str(PARAMS))
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "first")
    return validate(yaml.safe_load(PARAMS.read_text())).model_dump()


def git(*arguments):
    subprocess.run(["git", *arguments], check=True)


def test_the_committed_settings_do_not_differ(repository):
    state = code_state(repository)
    assert (state["differing"], state["uncommitted_changes"], len(state["commit"])) == ({}, False, 40)


def test_settings_that_differ_from_those_committed_are_named(repository):
    repository["train"]["epochs"] = 77
    repository["model"]["new"] = None
    PARAMS.write_text("as dvc exp run leaves it")
    state = code_state(repository)
    assert state["differing"] == {"train.epochs": 77, "model.new": None}
    assert not state["uncommitted_changes"], "the record holds these settings itself"


def test_an_edit_of_the_code_is_an_uncommitted_change(repository, tmp_path):
    (tmp_path / "code.py").write_text("x = 1\n")
    git("add", "code.py")
    assert code_state(repository)["uncommitted_changes"]


def test_outside_of_a_repository_nothing_is_claimed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    state = code_state({"seed": 20})
    assert [state[key] for key in ("commit", "uncommitted_changes", "differing")] == [None] * 3


def test_a_record_tells_no_folder_of_the_machine_and_no_kernel(repository, tmp_path):
    folders = {
        "root": "/home/anna/faces",
        "genuine": "/home/anna/faces/a/b",
        "fake": "/elsewhere/fake",
        "masks": str(tmp_path / "data" / "masks"),
        "known_groups": "/home/anna/groups.csv",
    }
    chosen = composed_text(overrides=[f"data.{key}={path}" for key, path in folders.items()])
    repository = validate(yaml.safe_load(chosen)).model_dump()
    state = code_state(repository)
    assert {key: value for key, value in state["differing"].items() if key.startswith("data.")} == {
        "data.root": "…/faces",
        "data.genuine": "…/faces/a/b",
        "data.fake": "…/fake",
        "data.masks": "data/masks",
        "data.known_groups": "…/groups.csv",
    }
    assert platform.release() not in json.dumps(state)
    # What is committed so is no difference.
    PARAMS.write_text(yaml.safe_dump(repository))
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-am", "own pictures")
    assert code_state(repository)["differing"] == {}
    assert platform.node() not in json.dumps(state)


def test_the_module_that_loads_a_logged_detector_can():
    assert callable(importlib.import_module(LOADER)._load_pyfunc)


@pytest.mark.parametrize(
    ("error", "ended"),
    [(KeyboardInterrupt, ["KILLED"]), (OSError, []), (ValueError, ["FAILED"])],
)
def test_a_training_that_is_broken_off_while_an_epoch_is_sent_is_closed(
    compose_config, monkeypatch, error, ended
):
    tracker = Mock(run_id="1")
    tracker.log_metrics.side_effect = error("broken off")
    monkeypatch.setattr("pipeline.records._start", lambda _: tracker)
    with (
        contextlib.suppress(KeyboardInterrupt, ValueError, ZeroDivisionError),
        TrainingRun(compose_config(), None, None, {}) as run,
    ):
        run.log_epoch(1, {"train/loss": 0.5})
        raise ZeroDivisionError  # the store was away: nobody waits for it again
    assert [each.args[0] for each in tracker.end.call_args_list] == ended


@pytest.mark.parametrize(
    ("choices", "differing", "name"),
    [
        ([], {}, "dct sample matched grouped seed=20"),
        (["seed=1"], {"seed": 1}, "dct sample matched grouped seed=1"),
        (
            ["data=folders", "data.root=/a/holiday", "convert=raw"],
            {"data.name": "folders", "data.root": "/a/holiday", "convert.policy": "raw", "train.seed": 3},
            "dct holiday raw grouped seed=20 train.seed=3",
        ),
        (
            ["model=cnn"],
            {"model._target_": "pipeline.models.cnn.build", "model.dropout": 0.5, "inputs.method": "resized"},
            "cnn sample matched grouped seed=20 inputs=resized",
        ),
        (
            [],
            dict.fromkeys(
                ["train.epochs", "train.batch_size", "train.seed", "model.depth", "model.share"], 2
            ),
            "dct sample matched grouped seed=20 train.epochs=2 train.batch_size=2 train.seed=2 model.depth=2 "
            "and 1 more",
        ),
    ],
)
def test_a_run_is_named_after_what_tells_it_from_others(compose_config, choices, differing, name):
    assert run_name(compose_config(*choices), differing) == name


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("", "make ui (= mlflow ui), then open http://127.0.0.1:5000"),
        ("https://me:secret@host:5000/a", "open https://host:5000/a"),
        (
            "postgresql://me:secret@host/db",
            'mlflow ui --backend-store-uri "$MLFLOW_TRACKING_URI", then open http://127.0.0.1:5000',
        ),
    ],
)
def test_where_runs_are_compared_tells_no_password(monkeypatch, address, said):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert where_runs_are_compared() == said


@pytest.mark.slow
def test_what_a_killed_process_left_of_the_database_is_made_anew(tmp_path):
    connect = [sys.executable, "-c", "from pipeline.run_store import connect; connect()"]
    environment = Repository(tmp_path).environment(PYTHONPATH=str(ROOT))
    (tmp_path / ".mlflow.db.partial").write_bytes(b"half of it")
    subprocess.run(connect, cwd=tmp_path, env=environment, check=True)
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {"mlflow.db"}
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        tables = database.execute("select count(*) from sqlite_master where type = 'table'")
        assert tables.fetchone()[0] > 20
    before = (tmp_path / "mlflow.db").stat().st_ino
    subprocess.run(connect, cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "mlflow.db").stat().st_ino == before


NOBODY_LISTENS = "http://127.0.0.1:9"

RUN = """
import json, mlflow
client = mlflow.MlflowClient("sqlite:///mlflow.db")
key = json.load(open("models/trained/run.json"))["run_key"]
everywhere = [each.experiment_id for each in client.search_experiments()]
found = client.search_runs(everywhere, f"tags.run_key = '{key}'")
print(json.dumps([[run.data.metrics, len(run.outputs.model_outputs), run.info.status] for run in found]))
"""


@pytest.mark.slow
def test_training_without_a_server_is_whole_and_is_sent_later_once(own_copy):
    away = {"MLFLOW_TRACKING_URI": NOBODY_LISTENS, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    for stage in (("train", "train.resume=false"), ("calibrate",), ("evaluate",)):  # trained, not put back
        output = own_copy.stage(*stage, **away)
        assert "python -m pipeline.runs send" in output
        assert "Traceback" not in output
    assert own_copy.json("models/trained/run.json")["run_id"] is None
    assert own_copy.answer(RUN) == []
    assert "to be sent with python -m pipeline.runs send" in own_copy.stage("summary")
    for _ in range(2):
        assert "models:/detector/2 is complete at sqlite:///" in own_copy.stage("runs", "send")
    ((metrics, models, status),) = own_copy.answer(RUN)
    assert metrics["test/roc_auc"] == own_copy.json("reports/metrics.json")["test"]["roc_auc"]
    assert metrics["train/loss"] > 0
    assert models == 1
    assert status == "FINISHED"


@pytest.mark.filterwarnings("ignore")  # what MLflow warns of itself
@pytest.mark.parametrize(("overrides", "seed"), [([], 20), (["train.seed=1"], 1), (["seed=7"], 7)])
def test_the_seed_of_a_run_is_that_of_its_training(compose_config, tmp_path, monkeypatch, overrides, seed):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlflow.db").write_text("no database, so nothing is sent")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert TrainingRun(compose_config(*overrides), "a run", None, {}).record["seed"] == seed
