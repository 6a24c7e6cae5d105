"""What a model card says beyond figures: methods and their papers, data and their terms, known failures."""

import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from pipeline.reports.audit_words import GOOD
from pipeline.reports.believe import believe
from pipeline.reports.content import ReportContent
from pipeline.reports.finding import ALTERED, CONTROL, ELSEWHERE
from pipeline.reports.numbers import COLLECTION, as_decimal, elsewhere_parts, in_percent
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
    away = elsewhere_parts(content.intervals)
    names = [part for part in content.intervals["part"].unique() if part.startswith(COLLECTION)]
    return [
        {
            "name": part.removeprefix(COLLECTION),
            "role": "tested only" if part in away else "trained on and tested",
            "licence": collections.get(part.removeprefix(COLLECTION), {}).get("licence") or NOT_STATED,
        }
        for part in names
    ]


def failures(content: ReportContent) -> list[str]:
    """List what is known to go wrong: doubtful findings about pictures, the weakest slice, alterations."""
    return list(_failures(content))


def _failures(content: ReportContent) -> Iterator[str]:
    for finding in believe(content):
        if finding.about in (CONTROL, ELSEWHERE, ALTERED) and finding.level != GOOD:
            yield f"{finding.title[:1].upper()}{finding.title[1:]}. {finding.text}"
    worst = weakest([] if content.slices is None else slice_rows(content.slices))
    if worst is not None:
        yield f"Weakest on {worst.name} ({worst.property}): {_figures(worst)}."
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
