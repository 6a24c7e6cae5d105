"""What is recorded of the code, so that a later reader can restore it."""

import shutil
import subprocess
from dataclasses import asdict

import pytest
import yaml

from pipeline.params import PARAMS
from pipeline.records import code_state
from pipeline.validate import validate
from tests.source_imports import ROOT


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
