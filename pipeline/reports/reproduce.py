"""What exactly was run: the facts of a training and of its evaluation."""

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline import checking
from pipeline.config import flatten
from pipeline.config_data import SAMPLE
from pipeline.evaluation.results import Results
from pipeline.models.detector_files import logged_address

UNKNOWN = "not recorded"


def model_name(results: Results) -> str:
    """Return the name of the file that builds the detector."""
    model = _config(results).get("model")
    return checking.model_name(model) if model else "detector"


def data_name(results: Results) -> str:
    """Return the name that the configuration gives the data."""
    return str(results.data.get("name") or "pictures")


def run_facts(results: Results) -> dict[str, str]:
    """List what was run, as people read it; what nobody recorded is said to be."""
    record, config = results.record, _config(results)
    return {
        "detector": model_name(results),
        "data": data_name(results),
        "preparation of files": str(config.get("convert", {}).get("policy", UNKNOWN)),
        "split": str(config.get("split", {}).get("method", UNKNOWN)),
        "commit of the training": _commit(record),
        "commit of the evaluation": _commit(results.evaluated),
        "data digest": str(record.get("data_digest", UNKNOWN)),
        "seed": str(record.get("seed", UNKNOWN)),
        "started": str(record.get("started", UNKNOWN)).replace("T", " ").replace("+00:00", " UTC"),
        "machine": " · ".join(
            str(record[key]) for key in ("device", "precision", "machine") if record.get(key)
        )
        or UNKNOWN,
        "MLflow run": str(record.get("run_id") or UNKNOWN),
        "MLflow model": model_address(results) or UNKNOWN,
        "threshold": _threshold(results),
        "intervals": f"{100 * results.confidence:g} %, over whole groups of pictures drawn anew",
    }


def model_address(results: Results) -> str | None:
    """Return where MLflow's `load_model` finds the detector; None where its training met no store.

    That is its version in the registry, or its run where the evaluation met no store.
    """
    if registered := results.evaluated.get("registered"):
        return str(registered)
    run_id = results.record.get("run_id")
    return logged_address(str(run_id)) if run_id else None


def settings(results: Results) -> dict[str, Any]:
    """Return what training, decision and evaluation depend on, with the keys of the command line."""
    config = _config(results) | results.decision.get("config", {})
    measuring = results.evaluated.get("evaluate")
    return flatten(config | ({"evaluate": measuring} if measuring else {})) if config or measuring else {}


def names_differing(results: Results) -> bool:
    """Return whether the records say which settings differ from those committed."""
    return all(each.get("differing") is not None for each in (results.record, results.evaluated))


def _threshold(results: Results) -> str:
    text, decision = f"{results.threshold:.3f}", results.decision
    if "false_alarms" in decision:
        text += f": up to {decision['false_alarms']:.1%} of genuine pictures look as suspicious"
        if decision["unsure"] > decision["false_alarms"]:
            text += f"; unsure up to {decision['unsure']:.0%}"
    return text


def _commit(record: Mapping[str, Any]) -> str:
    commit = str(record.get("commit") or UNKNOWN)
    if record.get("uncommitted_changes"):
        commit += ", with uncommitted changes: it cannot be repeated exactly"
    return commit


def _config(results: Results) -> dict[str, Any]:
    return dict(results.record.get("config", {}))


def commands(results: Results) -> list[str]:
    """List the commands that repeat a training and its evaluation in a fresh clone.

    Settings are named where the records say which ones differ from those committed; of an older record the
    data alone are named.
    """
    trained, evaluated = results.record, results.evaluated
    lines = [f"git checkout {trained['commit']}"] if trained.get("commit") else []
    lines.append("make .venv/installed && . .venv/bin/activate")
    choices, measuring = _choices(results), _settings(evaluated)
    again = evaluated.get("commit") not in (None, trained.get("commit"))
    chosen = choices if again else choices + measuring
    lines.append("make repro" if not chosen else " ".join(["python -m pipeline.repro", *chosen]))
    if again:
        # Tracked files that the run has rewritten would stand in the way of another commit.
        lines.append(f"git checkout --force {evaluated['commit']}")
        lines.append(" ".join(["python -m pipeline.evaluate", *choices, *measuring]))
    return lines


def _choices(results: Results) -> list[str]:
    """List what was trained on, which detector, and what it decides by, as the command line wants them."""
    if results.record.get("differing") is not None:
        return _settings(results.record) + _settings(results.decision)
    data = results.data
    if data.get("name") in (None, SAMPLE) or "root" not in data:
        return []
    root = Path(data["root"])
    shown = f"…/{root.name}" if root.is_absolute() else root.as_posix()  # no folders of another's machine
    return [_choice("data", data["name"]), _choice("data.root", shown)]


def _settings(record: Mapping[str, Any]) -> list[str]:
    return [_choice(key, value) for key, value in _as_chosen(record.get("differing") or {})]


def _as_chosen(differing: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield data, detector and inputs as choices of files in `conf/`, then single settings."""
    if "data.name" in differing:
        yield "data", differing["data.name"]
    if target := differing.get("model._target_"):
        yield "model", checking.model_name({checking.TARGET: str(target)})
    if "inputs.method" in differing:
        yield "inputs", differing["inputs.method"]
    for key, value in differing.items():
        if key not in ("data.name", "model._target_", "inputs.method"):
            yield key, value


def _choice(key: str, value: Any) -> str:
    """Return one choice for Hydra, quoted for a shell; unusual texts in quotes of their own."""
    plain = isinstance(value, str) and value.isidentifier() and value not in ("null", "true", "false")
    return shlex.quote(f"{key}={value if plain else json.dumps(value, ensure_ascii=False)}")
