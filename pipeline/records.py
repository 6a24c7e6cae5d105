"""The record of a training, `run.json`, and what a training and a sweep leave in MLflow.

`train` writes `run.json` beside the detector; it is never changed afterwards, because DVC holds
`models/trained/` as one output. What is sent is always read from the files on disk, and sending is
idempotent: what the store has already is not sent again. What an evaluation and an audit leave there is sent
by their stages.
"""

import contextlib
import datetime
import os
import platform
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from pipeline.checking import model_name
from pipeline.composition import differing
from pipeline.config import TABLES, TRAINING, Config, flatten, validate
from pipeline.errors import UserError
from pipeline.models.detector_files import HISTORY_FILE, RUN_FILE, SUMMARY_FILE, TRAINED
from pipeline.run_store import connect, git, tolerating_a_lost_store
from pipeline.storage import read_json, unbroken
from pipeline.tracking import RUN_KEY, STEP_COLUMN, Tracker, data_name

EVALUATION_FOLDER = "evaluation"
_AGAIN = "train it again with make repro"
METRICS_FILE = "metrics.json"
REPORT, CARD = "report.html", "MODEL_CARD.md"
TAGS = (
    *(RUN_KEY, "commit", "uncommitted_changes", "dvc_experiment"),
    *("data_digest", "seed", "device", "precision"),
)
# What a run records of itself; all else in `run.json` are facts of the training.
RECORDED = (
    *(RUN_KEY, "run_id", "name", "experiment", "parent", "started", "seed", "config"),
    *("commit", "uncommitted_changes", "dvc_experiment", "differing"),
)
# What every run rewrites: its settings are in the record themselves.
_REWRITTEN = ("params.yaml", "dvc.lock")


_NAMED = 4  # settings in the name of a run


class TrainingRun(contextlib.AbstractContextManager["TrainingRun"]):
    """One training while it runs: its record, and its MLflow run if the store answers.

    A block that raises closes the run as failed, or killed by Ctrl-C.

    Attributes:
        record: what becomes `run.json`.
    """

    def __init__(
        self, config: Config, name: str | None, parent: str | None, facts: Mapping[str, Any]
    ) -> None:
        """Open the run.

        Args:
            config: the whole configuration; what a training depends on is kept in the record.
            name: of the run; None: see `run_name`.
            parent: MLflow run of the sweep that this one belongs to.
            facts: of the inputs and the machine (digests, device, precision).
        """
        code = code_state(config.choose("sample", *TABLES, *TRAINING))
        self.record: dict[str, Any] = {
            RUN_KEY: uuid.uuid4().hex,
            "run_id": None,
            "name": name or run_name(config, code["differing"] or {}),
            "experiment": config.tracking.experiment,
            "parent": parent,
            "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "seed": config.training_seed,
            **code,
            **facts,
            "config": portable(config.choose("data.name", "seed", "convert", "split", *TRAINING)),
        }
        self._tracker: Tracker | None = None
        with tolerating_a_lost_store("opening the run"):
            self._tracker = _start(self.record)
            self.record["run_id"] = self._tracker.run_id
            self._tracker.log_params(flatten(self.record["config"]))

    def log_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Send an epoch while training goes on; after a first failure no more is tried."""
        if self._tracker is None:
            return
        with tolerating_a_lost_store("logging an epoch"):
            self._tracker.log_metrics(metrics, step=epoch)
            return
        self._tracker = None  # not where Ctrl-C struck in between: the run is still to be closed

    def finish(self, models: Path) -> None:
        """Send the finished training."""
        with tolerating_a_lost_store("recording the training", f" --models {models}"):
            send_training(models)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close the run as failed or killed where the block raised."""
        if kind is not None and self._tracker is not None:
            with tolerating_a_lost_store("closing the run"):
                self._tracker.end("KILLED" if issubclass(kind, KeyboardInterrupt) else "FAILED")


def send_training(models: Path) -> str:
    """Bring the training in `models` into the store; return the run's id."""
    record, folder = read_record(models), models / TRAINED
    tracker = Tracker.find(record) or _start(record)
    tracker.log_params(flatten(record["config"]))
    with unbroken(folder / HISTORY_FILE, _AGAIN):
        history = pd.read_csv(folder / HISTORY_FILE)
        history[STEP_COLUMN]
    tracker.log_history(history)
    tracker.log_tables(record["tables"])
    tracker.log_text(yaml.safe_dump(record["config"], sort_keys=False), "config/train.yaml")
    tracker.log_files(*(folder / name for name in (HISTORY_FILE, SUMMARY_FILE, RUN_FILE)))
    text = f"Trained, and not calibrated yet.\n\n{how_it_was_made(record)}"
    tracker.describe(text, replace=False)
    tracker.end()
    return tracker.run_id


def run_name(config: Config, differing: Mapping[str, Any]) -> str:
    """Return what tells a training from others: `dct sample matched grouped seed=20 train.epochs=3`.

    `differing`, of `code_state`, are the settings that are not those committed.
    """
    data = data_name(config.data.name, config.data.root)
    head = [model_name(config.model), data, config.convert.policy, config.split.method, f"seed={config.seed}"]
    whole = [key.partition(".")[0] for key in ("model._target_", "inputs.method") if key in differing]
    told = ("data.", "sample.", "seed", "convert.policy", "split.method", *(f"{group}." for group in whole))
    changed = [f"{key}={value}" for key, value in differing.items() if not key.startswith(told)]
    if "inputs" in whole:
        changed.insert(0, f"inputs={config.inputs.method}")
    more = [f"and {len(changed) - _NAMED} more"] if len(changed) > _NAMED else []
    return " ".join([*head, *changed[:_NAMED], *more])


def how_it_was_made(record: Mapping[str, Any], address: str | None = None) -> str:
    """Return, in Markdown, the settings that are not those committed, and how it is loaded."""
    differing = [f"{key}={value}" for key, value in (record.get("differing") or {}).items()]
    lines = [f"Other than committed: `{' '.join(differing)}`"] if differing else []
    if record.get("dvc_experiment"):
        lines.append(f"DVC's experiment: `dvc exp apply {record['dvc_experiment']}`")
    if address:
        lines.append(f'`mlflow.pyfunc.load_model("{address}")`')
    return "\n\n".join(lines)


def open_sweep(config: Config, name: str) -> str | None:
    """Open the parent run of a sweep; None where the store does not answer."""
    with tolerating_a_lost_store("opening the sweep"):
        return Tracker.start(config.tracking.experiment, name, {"seed": str(config.seed)}).run_id
    return None


def close_sweep(run_id: str | None, best: Mapping[str, Any] | None, table: Path) -> None:
    """Close the parent run with the metrics of the job that won on validation; as failed where none ended."""
    if run_id is None:
        return
    with tolerating_a_lost_store("closing the sweep"):
        tracker = Tracker(connect(), run_id)
        if best is None:
            tracker.end("FAILED")
            return
        for split in ("validation", "test"):
            tracker.log_metrics({f"{split}/{key}": value for key, value in best[split].items()})
        tracker.log_params({"best": best["name"]})
        tracker.log_files(table)
        tracker.end()


def read_evaluated(reports: Path) -> dict[str, Any]:
    """Read the `run.json` of the evaluation in `reports`; empty where there is none."""
    path = reports / EVALUATION_FOLDER / RUN_FILE
    again = "evaluate it again with make repro or python -m pipeline.evaluate"
    return read_json(path, again, RUN_KEY, "evaluate") if path.is_file() else {}


def read_record(models: Path) -> dict[str, Any]:
    """Read the `run.json` of a trained detector."""
    path = models / TRAINED / RUN_FILE
    keys = (RUN_KEY, "run_id", "name", "experiment", "parent", "tables", "config")
    record = read_json(path, _AGAIN, *keys)
    with unbroken(path, _AGAIN):
        for key in ("tables", "config"):
            record[key].items()
    return record


def _start(record: Mapping[str, Any]) -> Tracker:
    tags = {key: str(record[key]) for key in TAGS if record.get(key) is not None}
    return Tracker.start(record["experiment"], record["name"], tags, record["parent"])


def code_state(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of the code and of the settings a later reader has to restore.

    Args:
        settings: the part of the configuration that the work depends on.

    Returns:
        `commit`, whether the tree has uncommitted changes, DVC's name of the experiment, the machine, and
        `differing`: the settings that a command line has to name to have all of them again, by their keys,
        beside those of `params.yaml` in that commit; None where that cannot be known.
    """
    exclude = [f":(exclude,top){name}" for name in _REWRITTEN]
    status = git("status", "--porcelain", "--untracked-files=no", "--", ":/", *exclude)
    committed = git("show", "HEAD:./params.yaml")
    return {
        "commit": git("rev-parse", "HEAD"),
        "uncommitted_changes": None if status is None else bool(status),
        "dvc_experiment": os.environ.get("DVC_EXP_NAME"),
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "differing": None if committed is None else _differing(settings, committed),
    }


def portable(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings without the folders of this machine, as they go into records, reports and MLflow.

    What lies in the repository is named from there; what lies elsewhere by its last part behind `…/`, and
    what lies below `data.root` by the last part of that and what follows.

    >>> portable({"data": {"root": "/home/anna/faces", "fake": "/home/anna/faces/fake/x"}})
    {'data': {'root': '…/faces', 'fake': '…/faces/fake/x'}}
    """
    root = Path(settings.get("data", {}).get("root") or "")

    def shown(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: shown(each) for key, each in value.items()}
        if isinstance(value, list):
            return [shown(each) for each in value]
        if not isinstance(value, str) or not Path(value).is_absolute():
            return value
        path = Path(value)
        if path.is_relative_to(Path.cwd()):
            return path.relative_to(Path.cwd()).as_posix()
        above = root.parent if root.is_absolute() and path.is_relative_to(root) else path.parent
        return f"…/{path.relative_to(above).as_posix()}"

    return {key: shown(value) for key, value in settings.items()}


def _differing(settings: Mapping[str, Any], committed: str) -> dict[str, Any] | None:
    """Return which settings to name, without folders of this machine; None where that cannot be known."""
    try:  # the schema fills in what may be left out, as in `settings`
        named = differing(settings, validate(yaml.safe_load(committed)).model_dump())
    except UserError:  # of another schema, or chosen from files that are not there
        return None
    shown = flatten(portable(settings))
    return {key: shown[key] for key in named}
