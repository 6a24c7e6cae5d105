"""Several machines, here as processes: jobs on a cluster, runs on one server, results through a remote."""

import re

import fsspec
import pandas as pd
import psycopg
import pytest

from pipeline.errors import UserError
from pipeline.sweeps import _run_jobs
from tests.conftest import Repository, running_cluster
from tests.servers import postgres_programs, running_mlflow, running_postgres, running_s3

BUCKET = "fakes"
IDENTITY = ("-c", "user.name=test", "-c", "user.email=test@localhost")

RUNS = """
import json, mlflow
client = mlflow.MlflowClient({address!r})
found = client.search_runs([each.experiment_id for each in client.search_experiments()])
print(json.dumps([{{
    "id": run.info.run_id, "status": run.info.status, "parent": run.data.tags.get("mlflow.parentRunId"),
    "name": run.info.run_name, "metrics": sorted(run.data.metrics), "place": run.info.artifact_uri,
    "files": [each.path for each in client.list_artifacts(run.info.run_id)],
    "models": len(run.outputs.model_outputs)}} for run in found]))
"""


@pytest.mark.slow
def test_jobs_on_two_workers_are_children_of_one_run_in_one_store(own_copy, tmp_path):
    programs = postgres_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    artifacts = tmp_path / "artifacts"
    artifacts.mkdir()
    (tmp_path / "cluster").mkdir()
    recorded = len(list((own_copy.folder / "mlruns").rglob("*")))
    with (
        running_postgres(programs) as store,
        running_mlflow(store, artifacts, tmp_path, own_copy.environment()) as server,
        running_cluster(tmp_path / "cluster") as scheduler,
    ):
        launcher = ["hydra/launcher=dask", f"hydra.launcher.scheduler={scheduler}"]
        choices = ["train.seed=1,2", "train.epochs=1"]
        output = own_copy.stage("experiment", "-m", *choices, *launcher, MLFLOW_TRACKING_URI=server)
        runs = own_copy.answer(RUNS.format(address=server))
        with psycopg.connect(store.replace("+psycopg", "")) as connection:
            ((rows,),) = connection.execute("select count(*) from runs").fetchall()
    assert len(runs) == rows == 3
    children = [run for run in runs if run["parent"]]
    (parent,) = (run for run in runs if not run["parent"])
    assert [run["parent"] for run in children] == [parent["id"]] * 2
    assert {run["name"] for run in children} == {f"train.epochs=1,train.seed={seed}" for seed in (1, 2)}
    for run in runs:
        assert run["status"] == "FINISHED"
        assert {"validation/balanced_accuracy", "test/roc_auc"} <= set(run["metrics"])
        assert run["place"].startswith("mlflow-artifacts:")
        assert len(list(artifacts.rglob(run["id"]))) == 1
    assert parent["files"] == ["results.csv"]
    assert all({"run.json", "report.html"} <= set(run["files"]) and run["models"] == 1 for run in children)
    assert len(list((own_copy.folder / "mlruns").rglob("*"))) == recorded
    (table,) = own_copy.folder.glob("multirun/*/*/results.csv")
    assert pd.read_csv(table)["validation.balanced_accuracy"].is_monotonic_decreasing
    assert all(f"job {number} of 2: " in output for number in (1, 2))


def test_a_worker_that_does_not_see_the_repository_says_so(tmp_path):
    with pytest.raises(UserError, match=r"does not see .*multirun/now: .*under the same path"):
        _run_jobs(tmp_path, tmp_path / "multirun" / "now", {}, [(0, [])])
    assert not (tmp_path / "multirun").exists()


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    """The environment in which there is a bucket."""
    with running_s3(tmp_path_factory.mktemp("s3"), BUCKET) as environment:
        yield environment


def stages_run(output):
    return re.findall("^Running stage '(.*)':$", output, re.MULTILINE)


def files_of(folder):
    """What stages left, without what they remember for themselves in hidden files."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for place in ("data", "models", "reports")
        for path in (folder / place).rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


@pytest.mark.slow
@pytest.mark.parametrize("way", ["exp push and pull, a folder", "push and pull, S3"])
def test_a_second_clone_pulls_and_reproduces_nothing(own_copy, tmp_path, s3, way):
    in_s3 = way.endswith("S3")
    remote = f"s3://{BUCKET}/store" if in_s3 else str(tmp_path / "shared")
    origin, second = tmp_path / "origin.git", Repository(tmp_path / "second")
    own_copy.run("git", "init", "-q", "--bare", str(origin))
    own_copy.run("git", "remote", "add", "origin", str(origin))
    own_copy.run("dvc", "remote", "add", "--local", "--default", "shared", remote)
    if in_s3:
        own_copy.run("git", "add", "dvc.lock")
        own_copy.run("git", *IDENTITY, "commit", "-qm", "what lies here")
        own_copy.run("git", "push", "-q", "origin", "HEAD")
        own_copy.run("dvc", "push", **s3)
    else:
        own_copy.run("git", "push", "-q", "origin", "HEAD")
        own_copy.run("dvc", "exp", "save", "--name", "kept")
        own_copy.run("dvc", "exp", "push", "origin", "kept")
    own_copy.run("git", "clone", "-q", str(origin), str(second.folder))
    second.run("dvc", "remote", "add", "--local", "--default", "shared", remote)
    if in_s3:
        second.run("dvc", "pull", **s3)
    else:
        second.run("dvc", "exp", "pull", "origin", "kept")
        second.run("dvc", "exp", "apply", "kept")
    pulled = files_of(second.folder)
    assert pulled == files_of(own_copy.folder)
    assert stages_run(second.run("dvc", "repro")) == ["pictures"]
    assert files_of(second.folder) == pulled


@pytest.mark.slow
def test_the_pictures_of_a_bucket_are_screened(reproduced, tmp_path, s3):
    how = {"endpoint_url": s3["AWS_ENDPOINT_URL"], "key": "any", "secret": "any"}
    system = fsspec.filesystem("s3", **how, skip_instance_cache=True)
    sample = sorted((reproduced.folder / "data/raw/sample/genuine").iterdir())[:3]
    for path in sample:
        system.pipe(f"{BUCKET}/scans/{path.name}", path.read_bytes())
    output = tmp_path / "screened"
    reproduced.stage("screen", f"s3://{BUCKET}/scans", "--output", str(output), **s3)
    table = pd.read_parquet(output / "answers")
    assert sorted(table["path"]) == [f"s3://{BUCKET}/scans/{path.name}" for path in sample]
    assert table["verdict"].notna().all()
