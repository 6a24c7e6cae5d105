"""An MLflow server that does not answer costs nothing but a second command."""

import sys

import pytest

NOBODY_LISTENS = "http://127.0.0.1:9"

RUN = """
import json, mlflow
client = mlflow.MlflowClient("sqlite:///mlflow.db")
key = json.load(open("models/run.json"))["run_key"]
everywhere = [each.experiment_id for each in client.search_experiments()]
found = client.search_runs(everywhere, f"tags.run_key = '{key}'")
print(json.dumps([[run.data.metrics, len(run.outputs.model_outputs), run.info.status] for run in found]))
"""


@pytest.mark.slow
def test_training_without_a_server_is_whole_and_is_sent_later_once(own_copy):
    repository = own_copy
    away = {"MLFLOW_TRACKING_URI": NOBODY_LISTENS, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    for stage in ("train", "evaluate"):
        output = repository.run(sys.executable, "-m", f"pipeline.{stage}", **away)
        assert "python -m pipeline.runs send" in output
        assert "Traceback" not in output
    assert repository.json("models/run.json")["run_id"] is None
    assert repository.answer(RUN) == []
    for _ in range(2):
        repository.run(sys.executable, "-m", "pipeline.runs", "send")
    ((metrics, models, status),) = repository.answer(RUN)
    assert metrics["test/roc_auc"] == repository.json("reports/metrics.json")["test"]["roc_auc"]
    assert metrics["train/loss"] > 0
    assert models == 1
    assert status == "FINISHED"
