"""MLflow's store: any name and any folder is recorded; where it cannot be used, that is said."""

import re
import shutil
import sqlite3
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.run_store import (
    DATABASE,
    NotRecorded,
    connect,
    needing_the_store,
    shown_address,
    store_names,
    tolerating_a_lost_store,
    where_runs_are_compared,
)
from pipeline.runs import relocate
from pipeline.tracking import Tracker, fetch, find_run

pytestmark = pytest.mark.filterwarnings("ignore")  # what MLflow warns of itself

FOLDER = "why? #1 50% 'é' & $b"
METRICS = {
    "test/roc_auc": 0.5,
    "collections/IMD (2020)/roc_auc": 0.75,
    "collections/v2.0//..": 1.0,
    "a?": 0.1,
}


@pytest.fixture(autouse=True)
def _no_address(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A repository in a folder of an odd name, with a run that has odd names; it is only read."""
    folder = tmp_path_factory.mktemp("stores") / FOLDER
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.delenv("DVC_ROOT", raising=False)
        tracker = Tracker.start("an experiment", "a run", {"run_key": "k"})
        tracker.log_metrics(METRICS)
        for _ in range(2):  # a second time changes nothing
            tracker.log_params({"a (b)": 1, "a [b]": 2, "long": "x" * 10_000})
        tracker.log_text("text", "notes.txt")
        tracker.end()
    return folder


@pytest.fixture
def copied(recorded, tmp_path, monkeypatch):
    folder = shutil.copytree(recorded, tmp_path / "moved é" / "x y")
    monkeypatch.chdir(folder)
    return folder


def test_a_repository_of_any_name_has_its_store_inside(recorded, monkeypatch):
    monkeypatch.chdir(recorded)
    assert {path.name for path in recorded.parent.iterdir()} == {FOLDER}
    assert {path.name for path in recorded.iterdir()} == {DATABASE, "mlruns", ".locks"}
    (found,) = connect().search_runs(["1"])
    assert sorted(found.data.metrics.values()) == sorted(METRICS.values())
    assert found.data.metrics["collections/IMD _2020_/roc_auc"] == 0.75
    assert found.data.params["a _b_"] == "1"
    assert found.data.params["a _b__"] == "2"
    assert [each.path for each in connect().list_artifacts(found.info.run_id)] == ["notes.txt"]


def test_a_run_is_found_by_the_start_of_its_id_its_address_or_its_name(recorded, monkeypatch):
    monkeypatch.chdir(recorded)
    run_id = connect().search_runs(["1"])[0].info.run_id
    for called in (run_id, run_id[:6], f"runs:/{run_id}/model", "a run"):
        assert find_run(called) == (run_id, f"a run ({run_id[:8]})")
    assert find_run("no such run") == ("no such run", "no such run")
    with pytest.raises(UserError, match="MLflow run no such run"):
        fetch("no such run", recorded)


def test_the_start_of_several_ids_is_refused_with_what_they_are_called(copied):
    relocate(copied / DATABASE, copied)
    other = Tracker.start("an experiment", "a run", {"run_key": "l"})
    other.end()
    with pytest.raises(UserError, match=rf"2 runs are called so.*{other.run_id[:12]} \(a run\)"):
        find_run("a run")


def test_a_moved_repository_of_any_name_finds_its_artifacts(copied):
    assert relocate(copied / DATABASE, copied) > 0
    (found,) = connect().search_runs(["1"])
    assert [each.path for each in connect().list_artifacts(found.info.run_id)] == ["notes.txt"]
    assert relocate(copied / DATABASE, copied) == 0


def test_an_experiment_that_was_deleted_is_said_to_be(copied, capsys):
    relocate(copied / DATABASE, copied)
    connect().delete_experiment("1")
    with tolerating_a_lost_store("opening the run", " --models m"):
        Tracker.start("an experiment", "another", {})
    said = capsys.readouterr().out
    assert "mlflow experiments restore -x 1" in said
    assert "python -m pipeline.runs send --models m" in said
    assert "server" not in said


BROKEN = {"text": b"version https://git-lfs.github.com/spec/v1\n", "header": b"SQLite format 3\0" + b"x" * 90}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_database_costs_no_training(tmp_path, monkeypatch, capsys, kind):
    monkeypatch.chdir(tmp_path)
    (tmp_path / DATABASE).write_bytes(BROKEN[kind])
    with tolerating_a_lost_store("opening the run"):
        connect()
    said = capsys.readouterr().out
    assert str(tmp_path / DATABASE) in said
    assert "move it away" in said
    with pytest.raises(UserError, match="move it away"):
        relocate(tmp_path / DATABASE, tmp_path)
    with pytest.raises(UserError, match="move it away"):
        fetch("a" * 32, tmp_path)


@pytest.mark.filterwarnings("ignore")  # what MLflow warns of itself
def test_a_detector_is_found_where_its_files_lie_and_one_of_before_is_called_so(tmp_path, monkeypatch):
    import mlflow

    monkeypatch.setattr("pipeline.tracking.connect", lambda: None)
    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", lambda *_, dst_path: dst_path)
    (tmp_path / "data/models").mkdir(parents=True)
    (tmp_path / "data/models/run.json").write_text("{}")
    with pytest.raises(UserError, match="logged by an earlier version of this program; train it again"):
        fetch("models:/m-1", tmp_path)
    (tmp_path / "data/models/trained").mkdir()
    (tmp_path / "data/models/trained/run.json").write_text("{}")
    assert fetch("models:/m-1", tmp_path) == tmp_path / "data/models"


def test_the_store_in_folders_is_said_to_be_gone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "./mlruns")
    with pytest.raises(NotRecorded, match="MLFLOW_TRACKING_URI=sqlite:///"), needing_the_store():
        connect()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgresql+psycopg://anna:geheim@h/x", "the package psycopg"),
        ("htp://junk", "is of no kind that MLflow knows (htp:)"),
        ("postgresql+none://anna:geheim@h/x", "is of no kind that MLflow knows (postgresql+none:)"),
        ("postgresql://anna:geheim@h:port/x", "is no address ("),
    ],
)
def test_an_address_that_mlflow_cannot_use_costs_no_training(tmp_path, monkeypatch, capsys, address, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "psycopg", None)  # not installed
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with tolerating_a_lost_store("opening the run"):
        connect()
    shown = capsys.readouterr().out
    assert said in shown
    assert "python -m pipeline.runs send" in shown
    assert "did not answer" not in shown
    assert "geheim" not in shown


@pytest.fixture
def said_of(tmp_path, monkeypatch, capfd):
    """All that is printed or raised where the store at an address does not answer."""

    def ask(address):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        with tolerating_a_lost_store("opening the run"):
            connect()
        with pytest.raises(UserError) as refused:
            fetch("a" * 32, tmp_path)
        return "".join(capfd.readouterr()) + str(refused.value) + shown_address() + where_runs_are_compared()

    return ask


@pytest.mark.parametrize("password", ["geheim", "ge@heim", "ge/heim", "ge:heim"])
def test_no_password_is_printed(said_of, password):
    said = said_of(f"http://anna:{password}@127.0.0.1:9/mlflow")
    assert "http://127.0.0.1:9/mlflow" in said
    assert "heim" not in said
    assert "anna" not in said


@pytest.mark.parametrize(
    "secret",
    [
        "?token=geheim",
        "/?token=geheim",
        "/mlflow?a=b&token=geheim",
        "?token=sehr geheim",
        "#geheim",
        "?a=x@geheim",
    ],
)
def test_no_query_of_an_address_is_printed(said_of, secret):
    said = said_of(f"http://127.0.0.1:9{secret}")
    assert "did not answer" in said
    assert "geheim" not in said


@given(st.lists(st.text(st.sampled_from("ab/.(?é# \n-:")), max_size=8, unique=True))
def test_every_name_becomes_one_that_mlflow_takes_and_no_two_the_same(names):
    given_names = [name or "x" for name in names]
    taken = store_names(given_names)
    assert len(set(taken.values())) == len(set(given_names))
    for name in taken.values():
        assert re.fullmatch(r"[/\w.\- :]+", name)
        assert not {".", "..", ""} & set(name.split("/"))


def test_what_relocating_finds_is_left_alone_where_it_points_elsewhere(copied):
    with sqlite3.connect(copied / DATABASE) as database:
        database.execute("UPDATE experiments SET artifact_location = 's3://bucket/mlruns'")
    assert relocate(copied / DATABASE, copied, str(copied.parent)) == 0
