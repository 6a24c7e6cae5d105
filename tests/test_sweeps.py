"""Sweeps and searches: children under one parent, chosen by validation, and what is refused."""

import time

import pandas as pd
import pytest

from pipeline.errors import UserError
from pipeline.experiment import explain_table
from pipeline.sweeps import count_jobs, refuse_upstream

RUNS = """
import json, mlflow, sys
client = mlflow.MlflowClient("sqlite:///mlflow.db")
found = client.search_runs([each.experiment_id for each in client.search_experiments()])
print(json.dumps([{
    "id": run.info.run_id, "status": run.info.status, "parent": run.data.tags.get("mlflow.parentRunId"),
    "name": run.info.run_name, "metrics": run.data.metrics, "experiment": run.data.tags.get("dvc_experiment"),
    "models": len(run.outputs.model_outputs)} for run in found]))
"""


@pytest.mark.parametrize(
    "override", ["data=casia,sample", "convert=raw,equal", "split.fold=range(0,5)", "seed=1,2"]
)
def test_what_happens_before_training_is_refused_with_the_command_that_does_it(override):
    with pytest.raises(UserError, match=r"python -m pipeline\.repro"):
        refuse_upstream(["train.epochs=1", override])


def test_training_may_be_swept_and_one_value_of_what_comes_before_is_left_to_the_check_of_the_tables():
    refuse_upstream(["model=cnn,forest", "train.learning_rate=1e-3,3e-4", "train.seed=1,2,3"])
    one_value_each = ["data.root='/pictures, 1'", "data.protocol=[source_matched,jpeg_only]"]
    refuse_upstream(["experiment=casia", *one_value_each])


@pytest.mark.parametrize(
    ("overrides", "space", "n_jobs"),
    [
        (["train.learning_rate=1e-3,3e-4", "model.share=0.02,0.05", "train.epochs=1"], {}, 4),
        (["train.seed=range(1,4)"], {"model.dropout": "0.3,0.5"}, 6),
        (["train.epochs=1"], {}, 1),
    ],
)
def test_jobs_are_counted_before_the_first_one_starts(overrides, space, n_jobs):
    assert count_jobs(overrides, space) == n_jobs


def test_a_figure_without_an_interval_is_explained_where_a_table_has_one():
    whole, bare = ["50% (6–94)", "0.71 (.13–.98)"], ["50%", "–"]
    assert "too few groups" not in explain_table([["0", "0.500", *whole], ["1", "0.400", *whole]], "runs/0")
    assert "too few groups" not in explain_table([["0", "0.500", "–", "–"]], "runs/0")
    assert "a figure without one has too few groups" in explain_table(
        [["0", "0.500", *whole], ["1", "0.400", *bare]], "runs/0"
    )


@pytest.mark.slow
def test_a_sweep_gives_children_under_one_parent_and_a_table_sorted_by_validation(own_copy):
    choices = ["train.learning_rate=1e-3,3e-4", "model.share=0.02,0.05", "train.epochs=1"]
    two_at_a_time = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    output = own_copy.stage("experiment", "-m", *choices, *two_at_a_time)
    runs = own_copy.answer(RUNS)
    children = [run for run in runs if run["parent"]]
    assert len(children) == 4
    assert len({run["parent"] for run in children}) == 1
    (parent,) = (run for run in runs if run["id"] == children[0]["parent"])
    assert parent["status"] == "FINISHED"
    promised = {"validation/balanced_accuracy", "test/balanced_accuracy", "test/fake_accuracy"}
    for run in children:
        assert promised <= set(run["metrics"])
        assert run["models"] == 1
    assert {run["name"] for run in children} == {
        f"model.share={share},train.epochs=1,train.learning_rate={rate}"
        for share in ("0.02", "0.05")
        for rate in ("0.001", "0.0003")
    }
    (table,) = own_copy.folder.glob("multirun/*/*/results.csv")
    scores = pd.read_csv(table)["validation.balanced_accuracy"]
    assert scores.is_monotonic_decreasing
    assert len(scores) == 4
    assert "Sorted by the validation score" in output
    assert [f"job {number} of 4: " in output for number in (1, 2, 3, 4)] == [True] * 4
    assert "where those of two jobs overlap" in " ".join(output.split()).lower()
    assert own_copy.run("dvc", "status").split() == ["pictures:", "always", "changed"]


@pytest.mark.slow
def test_a_search_runs_its_trials_over_the_space_of_a_recipe(own_copy):
    output = own_copy.stage("search", "experiment=dropout_and_rate", "search.trials=2", "train.epochs=1")
    assert "Sorted by the validation score" in output
    assert "job 2 of 2: " in output
    assert len([run for run in own_copy.answer(RUNS) if run["parent"]]) == 2


@pytest.mark.slow
def test_an_experiment_on_tables_of_another_configuration_is_refused(own_copy):
    output = own_copy.stage("experiment", "experiment=classic", fails=True)
    assert "split.method: 'grouped' there, 'random' asked for" in output
    assert "Traceback" not in output


@pytest.mark.slow
def test_queued_experiments_of_two_workers_land_in_the_same_store(own_copy):
    own_copy.run("git", "add", "-A")
    own_copy.run("git", "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-qm", "lock")
    choices = ["-S", "train.learning_rate=1e-3,3e-4", "-S", "train.epochs=1"]
    own_copy.run("dvc", "exp", "run", "--queue", *choices)
    own_copy.run("dvc", "queue", "start", "-j", "2")
    deadline = time.monotonic() + 300
    while any(word in (status := own_copy.run("dvc", "queue", "status")) for word in ("Queued", "Running")):
        assert time.monotonic() < deadline, status
        time.sleep(2)
    assert status.count("Success") == 2, status
    named = [run for run in own_copy.answer(RUNS) if run["experiment"]]
    assert len(named) == 2
    assert all(run["status"] == "FINISHED" and "test/roc_auc" in run["metrics"] for run in named)
