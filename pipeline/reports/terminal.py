"""The short table at the end of a run: what was reached, how sure that is, and where to look."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.evaluation.bootstrap import Metric
from pipeline.evaluation.metrics import METRICS, PIXELS
from pipeline.reports.numbers import (
    as_decimal,
    in_percent,
    look_up,
    shortcut_figure,
    shown_parts,
    title,
)
from pipeline.reports.report_content import leaks

WIDTH = 80
ACCURACIES = ("fake_accuracy", "genuine_accuracy", "balanced_accuracy")
LARGER_CLASS = "by guessing"  # every test picture called by the class that there is more of
HEADS = ["fakes", "genuine", "fake acc.", "genuine acc.", "balanced", "ROC AUC"]


def summarise(
    intervals: pd.DataFrame,
    metrics: Mapping[str, Any],
    confidence: float,
    files: Mapping[str, Path],
    counts: Mapping[str, Any] | None = None,
    shortcuts: pd.DataFrame | None = None,
) -> str:
    """Lay the headline figures out for a terminal of 80 columns.

    Args:
        intervals: `intervals.csv` of an evaluation.
        metrics: `metrics.json` of the same one; `threshold` and, if there was one, `control` are shown.
        confidence: of the intervals.
        files: what it is -> where it lies, for the list at the end.
        counts: `counts.json` of the manifest, for what its split leaks.
        shortcuts: `shortcuts.csv` of the evaluation; None: there was no audit of these pictures.
    """
    rows = {title(part): _cells(intervals, part) for part in shown_parts(intervals)}
    rows[LARGER_CLASS] = _of_larger_class(intervals)
    widths = [max(map(len, column)) for column in zip(HEADS, *rows.values(), strict=True)]
    lines = [_line("", HEADS, widths), *(_line(name, cells, widths) for name, cells in rows.items())]
    lines += ["", f"(a–b): {confidence:.0%} interval, from groups of pictures that belong together."]
    lines += [f"{LARGER_CLASS}: every test picture called by the class that there is more of."]
    threshold = metrics["threshold"]
    lines += [f"Accuracies at the threshold {threshold:.2f}, which was chosen on validation pictures."]
    lines += _places(intervals, metrics.get("control", {}))
    lines += _beside(shortcuts, shown_parts(intervals))
    lines += list(_warnings(intervals, counts or {}))
    longest = max((len(name) for name in files), default=0)
    lines += ["", *(f"{name:<{longest}}  {path.as_posix()}" for name, path in files.items())]
    return "\n".join(lines)


def _places(intervals: pd.DataFrame, control: Mapping[str, Any]) -> list[str]:
    """Say whether it looks at the right place: by pixel, and on crops with and without tampering."""
    rows = intervals[intervals["metric"] == PIXELS]
    lines = [
        f"{title(part):<14} pixel ROC AUC {as_decimal(look_up(intervals, part, PIXELS))}"
        for part in rows["part"]
        if part in shown_parts(intervals)
    ]
    for kind, words in (("tampered", "tampered crops of fakes"), ("untouched", "untouched crops of fakes")):
        keys = [f"{kind}_roc_auc", f"{kind}_roc_auc_low", f"{kind}_roc_auc_high"]
        if control.get(keys[0]) is not None:
            figure = as_decimal(Metric(*(control[key] for key in keys)))
            lines.append(f"{words:<26} against genuine crops: ROC AUC {figure}")
    return ["", "Does it look at the right place?", *lines] if lines else []


def _beside(shortcuts: pd.DataFrame | None, parts: list[str]) -> list[str]:
    """Say what is reached on the pictures of the parts without looking for any forgery."""
    rows = [] if shortcuts is None else shortcuts[shortcuts["part"].isin(parts)].to_dict("records")
    if not rows:
        return [
            "What the best shortcut or the compression history alone reaches is not known:",
            "there is no audit of these pictures.",
        ]
    lines = ["", "What is reached there without looking for any forgery (ROC AUC; guessing 0.50):"]
    lines.append(f"{'':<14} {'JPEG history':>14}  {'best shortcut':>14}")
    for row in rows:
        best, history = (as_decimal(shortcut_figure(row, start)) for start in ("", "history_"))
        line = f"{title(row['part'])[:14]:<14} {history:>14}  {best:>14}  {row['words']}"
        lines.append(line if len(line) <= WIDTH else line[: WIDTH - 1] + "…")
    return lines


def _cells(intervals: pd.DataFrame, part: str) -> list[str]:
    numbers = intervals[intervals["part"] == part].iloc[0]
    cells = [f"{int(numbers['n_fake']):,}", f"{int(numbers['n_genuine']):,}"]
    cells += [in_percent(look_up(intervals, part, metric)) for metric in ACCURACIES]
    return [*cells, as_decimal(look_up(intervals, part, "roc_auc"))]


def _of_larger_class(intervals: pd.DataFrame) -> list[str]:
    """Give the cells of whoever calls every test picture by the class that there is more of."""
    first = intervals[intervals["part"] == "test"].iloc[0]
    found = {
        metric: Metric(METRICS[metric].by_guessing(int(first["n_fake"]), int(first["n_genuine"])))
        for metric in (*ACCURACIES, "roc_auc")
    }
    return ["", "", *(in_percent(found[metric]) for metric in ACCURACIES), as_decimal(found["roc_auc"])]


def _line(name: str, cells: list[str], widths: list[int]) -> str:
    left = WIDTH - sum(widths) - len(widths)
    shown = name if len(name) <= left else name[: left - 1] + "…"
    columns = [f" {cell:>{width}}" for cell, width in zip(cells, widths, strict=True)]
    return f"{shown:<{left}}" + "".join(columns)


def _warnings(intervals: pd.DataFrame, counts: Mapping[str, Any]) -> Iterator[str]:
    for part in shown_parts(intervals):
        row = intervals[intervals["part"] == part].iloc[0]
        for label in ("genuine", "fake"):
            if not row[f"n_{label}"]:
                yield f"{title(part).strip()} has no {label} pictures: figures that need both are missing."
    for leak in leaks(counts)[:1]:
        if leak.related:
            yield f"This split leaks: {leak.share:.0%} of the tested {leak.whom} have a relative in train."


# The table of a comparison, for a terminal of 80 columns.
#

_METRICS = {"roc_auc": "ROC AUC", "balanced_accuracy": "balanced"}


def comparison_table(rows: pd.DataFrame, confidence: float) -> str:
    """Lay out the rows of `scoring.comparison.compare`."""
    lines = [f"{'':<13}{'fakes':>7}{'genuine':>8}  {'':<9}{'first':>7}{'second':>7}  difference"]
    for row in rows.to_dict("records"):
        name = row["part"] if len(row["part"]) <= 12 else f"{row['part'][:11]}…"
        low, high = ("–" if pd.isna(row[end]) else f"{row[end]:+.3f}" for end in ("low", "high"))
        lines.append(
            f"{name:<13}{row['n_fake']:>7,}{row['n_genuine']:>8,}  {_METRICS[row['metric']]:<9}"
            f"{row['first']:>7.3f}{row['second']:>7.3f}  {row['difference']:+.3f} ({low} to {high})"
        )
    lines += ["", f"(a to b): {confidence:.0%} interval, from the same groups drawn for both."]
    return "\n".join(lines)
