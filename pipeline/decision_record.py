"""What a calibration leaves in MLflow: the decision, its metrics, and the detector that decides so.

Apart from `records.py`, because a training knows nothing of decisions.
"""

from pathlib import Path
from typing import Any

import yaml

from pipeline import registry
from pipeline.detector.decision import DECISION_FILE
from pipeline.detector.served import Serving
from pipeline.images.hashes import sha256_of_file
from pipeline.records import how_it_was_made, read_record, send_training
from pipeline.run_store import connect
from pipeline.storage import read_json, unbroken
from pipeline.tracking import Tracker


def send_decision(models: Path) -> str:
    """Bring the decision in `models`, and the detector, into the run of its training.

    Returns:
        the detector's address in the registry, such as `models:/detector/3`.
    """
    record = read_record(models)
    tracker = Tracker.find(record) or Tracker(connect(), send_training(models))
    decision = read_decision(models)
    tracker.log_metrics({f"validation/{key}": value for key, value in decision["validation"].items()})
    tracker.log_text(yaml.safe_dump(decision["config"], sort_keys=False), "config/decision.yaml")
    tracker.log_files(models / DECISION_FILE)
    address = tracker.log_detector(models, Serving().model_dump(), _decided(models))
    score = decision["validation"]["balanced_accuracy"]
    figure = "not known" if score is None else f"{score:.0%}"
    text = f"Balanced accuracy on validation pictures, by which it was chosen: {figure}. Not evaluated yet."
    tracker.describe(f"{text}\n\n{how_it_was_made(record, address)}", replace=True)
    return address


def registered_address(models: Path) -> str:
    """Return the address in the registry of the detector in `models`; it is sent where the store lacks it."""
    tracker = Tracker.find(read_record(models))
    found = tracker and registry.newest_of(tracker.client, tracker.run_id, _decided(models))
    return registry.address_of(found) if found else send_decision(models)


def _decided(models: Path) -> str:
    return sha256_of_file(models / DECISION_FILE)


def read_decision(models: Path) -> dict[str, Any]:
    """Read the `decision.json` of a detector."""
    path, again = models / DECISION_FILE, "make it again with make repro or python -m pipeline.calibrate"
    decision = read_json(path, again, "validation", "config", "detector")
    with unbroken(path, again):
        for key in ("validation", "config"):
            decision[key].items()
    return decision
