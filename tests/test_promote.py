"""MLflow's registry: which version is the champion, and which may not become it."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import promote as command
from pipeline import registry
from pipeline.errors import UserError
from pipeline.promote import promote
from pipeline.run_store import connect
from pipeline.tracking import Tracker, fetch

pytestmark = pytest.mark.filterwarnings("ignore")  # what MLflow warns of itself

EVALUATED = ("good", "as good", "bad", "on other pictures")


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A store with a version a run; they differ by what their detector answered for the test pictures."""
    folder = tmp_path_factory.mktemp("registry")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.delenv("DVC_ROOT", raising=False)
        for name in (*EVALUATED, "not evaluated"):
            version_of(name)
        Tracker.start("an experiment", "not calibrated", {"run_key": "k"}).end()
    return folder


@pytest.fixture(autouse=True)
def client(repository, monkeypatch):
    """The store, without a champion."""
    monkeypatch.chdir(repository)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    found = connect()
    if registry.champion(found):
        found.delete_registered_model_alias(registry.DETECTOR, registry.CHAMPION)
    return found


def version_of(name):
    """Log what stands for a detector, with its predictions, and register it; return the version."""
    from mlflow.entities import LoggedModelOutput

    tracker = Tracker.start("an experiment", name, {"run_key": name})
    client, run = tracker.client, tracker.client.get_run(tracker.run_id)
    logged = client.create_logged_model(run.info.experiment_id, "model", source_run_id=tracker.run_id)
    client.log_outputs(tracker.run_id, [LoggedModelOutput(logged.model_id, 0)])
    Path("MLmodel").write_text("flavors: {}\n", encoding="utf-8")
    client.log_model_artifact(logged.model_id, "MLmodel")
    if name in EVALUATED:
        predictions_of(name).to_csv("predictions.csv", index=False)
        client.log_model_artifact(logged.model_id, "predictions.csv")
    client.finalize_logged_model(logged.model_id, "READY")
    tracker.end()
    return registry.register(client, tracker.run_id, logged.model_id, f"decision of {name}")


def predictions_of(name):
    target = np.arange(200) % 2
    random = np.random.default_rng(EVALUATED.index(name))
    logit = random.normal(0, 1, 200) + target * (0.2 if name == "bad" else 3.0)
    path = [f"{'other' if 'other' in name else 'test'}/{number}.png" for number in range(200)]
    called = np.where(logit > 1, "fake", "genuine")
    columns = {"path": path, "target": target, "group": path, "collection": "a"}
    return pd.DataFrame({**columns, "logit": logit, "called": called})


def champion_of(client):
    found = registry.champion(client)
    return found and registry.address_of(found)


def test_versions_are_numbered_and_found_by_run_and_decision(client):
    run = client.search_runs(["1"], "attributes.run_name = 'bad'")[0].info.run_id
    found = registry.newest_of(client, run)
    assert registry.address_of(found) == "models:/detector/3"
    assert registry.newest_of(client, run, "decision of bad").version == found.version
    assert registry.newest_of(client, run, "another decision") is None
    assert registry.newest_of(client, "0" * 32) is None


def test_registering_moves_no_champion_and_the_first_is_promoted_without_a_comparison(client):
    assert champion_of(client) is None
    said = promote("bad")
    assert said == "models:/detector@champion is models:/detector/3 now"
    assert champion_of(client) == "models:/detector/3"
    assert promote("models:/detector@champion") == "models:/detector/3 is the champion already"


def test_one_that_is_not_surely_worse_becomes_the_champion(client):
    promote("bad")
    said = promote("models:/detector/1")
    assert "first:  models:/detector/1" in said
    assert "By the ROC AUC the first is better" in said
    assert said.endswith("models:/detector@champion is models:/detector/1 now\nit was models:/detector/3")
    assert max(map(len, said.splitlines())) <= 80
    promote("as good")
    assert champion_of(client) == "models:/detector/2"


def test_one_that_is_worse_is_refused_unless_told(client, capsys):
    promote("good")
    with pytest.raises(
        UserError,
        match="detector/3 is worse than the champion, models:/detector/1, by the ROC AUC and by balanced",
    ):
        promote("bad")
    assert "the second is better" in " ".join(capsys.readouterr().out.split())
    assert champion_of(client) == "models:/detector/1"
    promote("bad", anyway=True)
    assert champion_of(client) == "models:/detector/3"


@pytest.mark.parametrize(
    ("run", "reason"), [("on other pictures", "different pictures"), ("not evaluated", "was not evaluated")]
)
def test_one_that_cannot_be_compared_is_refused_unless_told(client, run, reason):
    promote("good")
    with pytest.raises(UserError, match=f"cannot be compared.*{reason}.*--anyway"):
        promote(run)
    assert champion_of(client) == "models:/detector/1"
    assert "models:/detector@champion is models:/detector/" in promote(run, anyway=True)


def test_the_first_is_evaluated_too(client):
    with pytest.raises(UserError, match=r"detector/5 was not evaluated: python -m pipeline\.evaluate"):
        promote("not evaluated")
    assert champion_of(client) is None


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("no such run", "no detector of no such run is registered"),
        ("it's 'none'", "no detector of it's 'none' is registered"),
        ("not calibrated", "it was not calibrated, or an earlier version of this program made it"),
        ("models:/detector/99", "there is no models:/detector/99 at .*: the newest is models:/detector/5"),
        ("models:/other/1", "there is no models:/other/1"),
        ("models:/detector@champion", "has no champion yet; choose one with python -m pipeline.promote RUN"),
    ],
)
def test_what_is_not_registered_is_said_with_what_to_do(client, run, said):
    with pytest.raises(UserError, match=said):
        promote(run)
    assert champion_of(client) is None


def test_an_address_of_the_registry_is_fetched(tmp_path):
    promote("good")
    for number, address in enumerate(("models:/detector/1", "models:/detector@champion")):
        with pytest.raises(UserError, match=f"{address}: its detector was logged by an earlier version"):
            fetch(address, tmp_path / str(number))  # what stands for a detector here is none
    with pytest.raises(UserError, match=r"MLflow run models:/detector/99 cannot be read at .*detector"):
        fetch("models:/detector/99", tmp_path / "none")


def test_an_empty_registry_and_a_store_that_is_away_are_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no detector was registered yet"):
        promote("models:/detector/1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setattr(sys, "argv", ["promote", "good"])
    with pytest.raises(SystemExit):
        command.main()
    said = capsys.readouterr()
    assert "MLflow at http://127.0.0.1:9 did not answer" in said.err + said.out
    assert "Traceback" not in said.err
