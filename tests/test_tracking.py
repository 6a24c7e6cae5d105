"""What is recorded of the code, so that a later reader can restore it."""

import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import asdict

import pytest
import yaml

from pipeline.config import validate
from pipeline.params import PARAMS
from pipeline.records import code_state
from tests.conftest import ROOT


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository of the real params.yaml; gives its settings."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / PARAMS, PARAMS)
    git("init", "--quiet")
    git("add", str(PARAMS))
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "first")
    return asdict(validate(yaml.safe_load(PARAMS.read_text())))


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
    assert state["uncommitted_changes"]


def test_outside_of_a_repository_nothing_is_claimed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    state = code_state({"seed": 20})
    assert [state[key] for key in ("commit", "uncommitted_changes", "differing")] == [None] * 3


# MLflow's database: made whole or not at all.
#

TABLES = "select count(*) from sqlite_master where type = 'table'"


def connect(folder):
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "DVC_"))
    }
    command = [sys.executable, "-c", "from pipeline.tracking import connect; connect()"]
    subprocess.run(command, cwd=folder, env=environment | {"PYTHONPATH": str(ROOT)}, check=True)


@pytest.mark.slow
def test_what_a_killed_process_left_of_the_database_is_made_anew(tmp_path):
    (tmp_path / ".mlflow.db.partial").write_bytes(b"half of it")
    connect(tmp_path)
    assert {each.name for each in tmp_path.iterdir() if each.is_file()} == {"mlflow.db"}
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        assert database.execute(TABLES).fetchone()[0] > 20
    before = (tmp_path / "mlflow.db").stat().st_ino
    connect(tmp_path)
    assert (tmp_path / "mlflow.db").stat().st_ino == before
