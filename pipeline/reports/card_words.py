"""What a model card says beyond figures: methods and their papers, data and their terms, known failures."""

import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from pipeline.reports.audit_words import GOOD
from pipeline.reports.believe import believe
from pipeline.reports.content import ReportContent
from pipeline.reports.finding import ALTERED, CONTROL, ELSEWHERE, FRAGILE
from pipeline.reports.numbers import COLLECTION, as_decimal, in_percent
from pipeline.reports.roles import TEST, roles
from pipeline.reports.slice_rows import SliceRow, slice_rows, weakest

NOT_STATED = "not stated"

_CALIBRATION = "Guo et al., On Calibration of Modern Neural Networks, ICML 2017, arXiv:1706.04599"
_MODELS = "pipeline.models."


def method(content: ReportContent) -> tuple[str, list[str]]:
    """Say how a detector works and what it goes back to, in the words of the file that builds it.

    Returns:
        one sentence, and paragraphs that name papers; the last is that of the calibration.
    """
    target = str((content.record or {}).get("config", {}).get("model", {}).get("_target_", ""))
    if not target.startswith(_MODELS):
        return "How it works was not recorded.", [_CALIBRATION]
    said = inspect.cleandoc(import_module(target.removesuffix(".build")).__doc__ or "")
    first, *others = said.split("\n\n")
    return first, [*others, _CALIBRATION]


def training_data(content: ReportContent) -> list[dict[str, Any]]:
    """List the collections: `name`, `role` and `licence`, `NOT_STATED` where nobody configured it."""
    collections = (content.data or {}).get("collections", {})
    tested = set(content.intervals["part"])
    return [
        {
            "name": name,
            "role": _role(role == TEST, f"{COLLECTION}{name}" in tested),
            "licence": collections.get(name, {}).get("licence") or NOT_STATED,
        }
        for name, role in roles(content).items()
    ]


def failures(content: ReportContent) -> list[str]:
    """List what is known to go wrong: doubtful findings about pictures, the weakest slice, alterations."""
    return list(_failures(content))


def _role(is_away: bool, is_tested: bool) -> str:
    if is_away:
        return "tested only" if is_tested else "to be tested only, but none of its pictures was"
    return "trained on and tested" if is_tested else "trained on, none of its pictures tested"


def _failures(content: ReportContent) -> Iterator[str]:
    for finding in believe(content):
        if finding.about in (CONTROL, FRAGILE, ELSEWHERE, ALTERED) and finding.level != GOOD:
            yield f"{finding.title[:1].upper()}{finding.title[1:]}. {finding.text}"
    worst = weakest([] if content.slices is None else slice_rows(content.slices))
    if worst is not None:
        yield (
            f"Weakest, going by the upper end of the interval, on {worst.name} ({worst.property}): "
            f"{_figures(worst)}."
        )
    if content.robustness is not None:
        fragile = content.robustness[content.robustness["verdict"] == "fragile"]
        if len(fragile):
            yield "Its ROC AUC falls by more than 0.05 after: " + ", ".join(fragile["name"]) + "."


def _figures(row: SliceRow) -> str:
    fakes, genuine, auc = (row.figures[name] for name in ("fake_accuracy", "genuine_accuracy", "roc_auc"))
    return (
        f"ROC AUC {as_decimal(auc)}, fake accuracy {in_percent(fakes)}, genuine accuracy "
        f"{in_percent(genuine)}, on {row.n_fake:,} fake and {row.n_genuine:,} genuine pictures"
    )
