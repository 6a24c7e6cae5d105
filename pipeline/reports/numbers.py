"""Metrics with their intervals, and results of checks, as people read them."""

import pandas as pd

from pipeline.evaluation.bootstrap import Metric
from pipeline.evaluation.results import metric_of

NOTHING = "–"
BAD, WARNING, GOOD, NOTE = (
    "bad",
    "warning",
    "good",
    "note",
)  # what a check found, for the trust rules and the audit
COLLECTION = "collections."


def look_up(intervals: pd.DataFrame, part: str, metric: str) -> Metric:
    """Return a metric of `Results.intervals`; parts that are not there have none."""
    rows = intervals[(intervals["part"] == part) & (intervals["metric"] == metric)]
    return metric_of(rows.iloc[0]) if len(rows) else Metric()


def shown_parts(intervals: pd.DataFrame) -> list[str]:
    """Name the parts worth a row: what was tested here and elsewhere; collections if there are several."""
    there = intervals.loc[intervals[["n_fake", "n_genuine"]].sum(axis=1) > 0, "part"].unique()
    several = sum(_is_collection(part) for part in there) > 1
    return [part for part in there if part in ("test", "elsewhere") or (several and _is_collection(part))]


def title(part: str) -> str:
    """Name a part as people read it: a collection by its own name, set in below what it is part of."""
    return f"  {part.removeprefix(COLLECTION)}" if _is_collection(part) else part


def _is_collection(part: str) -> bool:
    return part.startswith(COLLECTION)


def in_percent(metric: Metric) -> str:
    """Write a share as `92% (83–97)`."""
    if metric.value is None:
        return NOTHING
    text = f"{100 * metric.value:.0f}%"
    if metric.low is None or metric.high is None:
        return text
    return f"{text} ({100 * metric.low:.0f}–{100 * metric.high:.0f})"


def as_decimal(metric: Metric) -> str:
    """Write a metric in [0, 1] as `0.95 (.90–.98)`."""
    if metric.value is None:
        return NOTHING
    text = f"{metric.value:.2f}"
    if metric.low is None or metric.high is None:
        return text
    return f"{text} ({_short(metric.low)}–{_short(metric.high)})"


def _short(value: float) -> str:
    """Write a number in [0, 1] in three characters."""
    text = f"{value:.2f}"
    return text.removeprefix("0") if text.startswith("0") else text[:3]
