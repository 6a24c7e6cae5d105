"""Metrics with their intervals as people read them."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipeline.evaluation.bootstrap import Metric

NOTHING = "–"
COLLECTION = "collections."


def look_up(intervals: pd.DataFrame, part: str, metric: str) -> Metric:
    """Find a figure in the table of `scoring.evaluation`; parts that are not there have none."""
    return first_figure(intervals[(intervals["part"] == part) & (intervals["metric"] == metric)])


def first_figure(rows: pd.DataFrame) -> Metric:
    """Read the figure in the first row of a table with `value`, `low` and `high`; an empty one has none."""
    if rows.empty:
        return Metric()
    row = rows.iloc[0]
    return Metric(*(None if pd.isna(row[name]) else float(row[name]) for name in ("value", "low", "high")))


def shortcut_figure(row: Mapping[Any, Any], start: str = "") -> Metric:
    """Read a figure of `shortcuts.csv` whose columns begin with `start`; without such columns it has none."""
    found = (row.get(f"{start}{name}") for name in ("roc_auc", "low", "high"))
    return Metric(*(None if value is None or pd.isna(value) else float(value) for value in found))


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


def in_percent(figure: Metric) -> str:
    """Write a share as `92% (83–97)`."""
    if figure.value is None:
        return NOTHING
    text = f"{100 * figure.value:.0f}%"
    if figure.low is None or figure.high is None:
        return text
    return f"{text} ({100 * figure.low:.0f}–{100 * figure.high:.0f})"


def as_decimal(figure: Metric) -> str:
    """Write a figure in [0, 1] as `0.95 (.90–.98)`."""
    if figure.value is None:
        return NOTHING
    text = f"{figure.value:.2f}"
    if figure.low is None or figure.high is None:
        return text
    return f"{text} ({_short(figure.low)}–{_short(figure.high)})"


def _short(value: float) -> str:
    """Write a number in [0, 1] in three characters."""
    text = f"{value:.2f}"
    return text.removeprefix("0") if text.startswith("0") else text[:3]


def elsewhere_parts(intervals: pd.DataFrame) -> list[str]:
    """Name the parts that were only tested: `elsewhere`, and the collections that stand after it."""
    parts = list(intervals["part"].unique())
    return parts[parts.index("elsewhere") :] if "elsewhere" in parts else []
