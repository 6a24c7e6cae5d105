"""What exactly was run: the facts of a training and of its evaluation."""

from collections.abc import Mapping
from typing import Any

from pipeline.reports.content import ReportContent
from pipeline.validate import flatten

UNKNOWN = "not recorded"


def model_name(content: ReportContent) -> str:
    """Name the detector by the file that builds it."""
    target = _config(content).get("model", {}).get("_target_", "")
    return str(target).removeprefix("pipeline.models.").removesuffix(".build") or "detector"


def data_name(content: ReportContent) -> str:
    """Name the data as the configuration does."""
    return str((content.data or {}).get("name") or "pictures")


def run_facts(content: ReportContent) -> dict[str, str]:
    """List what was run, as people read it; what nobody recorded is said to be."""
    record, config = content.record or {}, _config(content)
    return {
        "detector": model_name(content),
        "data": data_name(content),
        "preparation of files": str(config.get("convert", {}).get("policy", UNKNOWN)),
        "split": str(config.get("split", {}).get("method", UNKNOWN)),
        "commit of the training": _commit(record),
        "commit of the evaluation": _commit(content.evaluated or {}),
        "data digest": str(record.get("data_digest", UNKNOWN)),
        "seed": str(record.get("seed", UNKNOWN)),
        "started": str(record.get("started", UNKNOWN)).replace("T", " ").replace("+00:00", " UTC"),
        "machine": " · ".join(
            str(record[key]) for key in ("device", "precision", "machine") if record.get(key)
        )
        or UNKNOWN,
        "MLflow run": str(record.get("run_id") or UNKNOWN),
        "threshold": _threshold(content),
        "intervals": f"{100 * content.confidence:g} %, over whole groups of pictures drawn anew",
    }


def settings(content: ReportContent) -> dict[str, Any]:
    """Give what training and evaluation depend on, with the keys of the command line."""
    config, measuring = _config(content), (content.evaluated or {}).get("evaluate")
    return flatten(config | ({"evaluate": measuring} if measuring else {})) if config or measuring else {}


def names_differing(content: ReportContent) -> bool:
    """Tell whether the records say which settings differ from those committed."""
    return all((each or {}).get("differing") is not None for each in (content.record, content.evaluated))


def _threshold(content: ReportContent) -> str:
    threshold = content.metrics.get("threshold")
    if threshold is None:
        return UNKNOWN
    text = f"{threshold:.3f}, chosen on validation pictures"
    decision = content.decision or {}
    if "temperature" in decision:
        text += f"; temperature {decision['temperature']:.2f}"
    if decision.get("unsure") and decision["unsure"][0] < decision["unsure"][1]:
        text += "; unsure from {:.2f} to {:.2f}".format(*decision["unsure"])
    return text


def _commit(record: Mapping[str, Any]) -> str:
    commit = str(record.get("commit") or UNKNOWN)
    if record.get("uncommitted_changes"):
        commit += ", with uncommitted changes: it cannot be repeated exactly"
    return commit


def _config(content: ReportContent) -> dict[str, Any]:
    return dict((content.record or {}).get("config", {}))
