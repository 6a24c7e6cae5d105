"""What a calibration leaves in MLflow: the decision, its metrics, and the detector that decides so.

Apart from `records.py`, because a training knows nothing of decisions.
"""

from pathlib import Path
from typing import Any

import yaml

from pipeline.detector.decision import DECISION_FILE
from pipeline.detector.served import Serving
from pipeline.images.hashes import sha256_of_file
from pipeline.records import how_it_was_made, read_record, send_training
from pipeline.run_store import connect
from pipeline.storage import read_json, unbroken
from pipeline.tracking import Tracker


def send_decision(models: Path) -> str:
    """Bring the decision in `models`, and the detector, into the run of its training; return its id."""
    record = read_record(models)
    tracker = Tracker.find(record) or Tracker(connect(), send_training(models))
    decision = read_decision(models)
    tracker.log_metrics({f"validation/{key}": value for key, value in decision["validation"].items()})
    tracker.log_text(yaml.safe_dump(decision["config"], sort_keys=False), "config/decision.yaml")
    tracker.log_files(models / DECISION_FILE)
    tracker.log_detector(models, Serving().model_dump(), decided=sha256_of_file(models / DECISION_FILE))
    score = decision["validation"]["balanced_accuracy"]
    figure = "not known" if score is None else f"{score:.0%}"
    text = f"Balanced accuracy on validation pictures, by which it was chosen: {figure}. Not evaluated yet."
    tracker.describe(f"{text}\n\n{how_it_was_made(record, tracker.run_id)}", replace=True)
    return tracker.run_id


def read_decision(models: Path) -> dict[str, Any]:
    """Read the `decision.json` of a detector."""
    path, again = models / DECISION_FILE, "make it again with make repro or python -m pipeline.calibrate"
    decision = read_json(path, again, "validation", "config", "detector")
    with unbroken(path, again):
        for key in ("validation", "config"):
            decision[key].items()
    return decision
