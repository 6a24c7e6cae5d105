"""What commands print: tables of 80 columns, of what was reached, how sure that is, and where to look."""

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
from pipeline.reports.rendering import render_table
from pipeline.reports.report_content import leaks

ACCURACIES = ("fake_accuracy", "genuine_accuracy", "balanced_accuracy")
LARGER_CLASS = "by guessing"  # every test picture called by the class that there is more of
HEADS = ["", "fakes", "genuine", "fake acc.", "genuine acc.", "balanced", "ROC AUC"]


def summarise(
    intervals: pd.DataFrame,
    metrics: Mapping[str, Any],
    confidence: float,
    files: Mapping[str, Path],
    counts: Mapping[str, Any] | None = None,
    shortcuts: pd.DataFrame | None = None,
) -> str:
    """Return the headline metrics as text for a terminal of 80 columns.

    Args:
        intervals: `intervals.csv` of an evaluation.
        metrics: `metrics.json` of the same one; `threshold` and, if there was one, `control` are shown.
        confidence: of the intervals.
        files: what it is -> where it lies, for the list at the end.
        counts: `counts.json` of the manifest, for what its split leaks.
        shortcuts: `shortcuts.csv` of the evaluation; None: there was no audit of these pictures.
    """
    rows = [[title(part), *_row(intervals, part)] for part in shown_parts(intervals)]
    lines = [render_table(HEADS, [*rows, _of_larger_class(intervals)], "lrrrrrr")]
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
    """Return whether it looks at the right place: by pixel, and on crops with and without tampering."""
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
    """Return what is reached on the pictures of the parts without looking for any forgery."""
    rows = [] if shortcuts is None else shortcuts[shortcuts["part"].isin(parts)].to_dict("records")
    if not rows:
        return [
            "What the best shortcut or the compression history alone reaches is not known:",
            "there is no audit of these pictures.",
        ]
    table = [
        [
            title(row["part"]),
            *(as_decimal(shortcut_figure(row, start)) for start in ("history_", "")),
            row["words"],
        ]
        for row in rows
    ]
    return [
        "",
        "What is reached there without looking for any forgery (ROC AUC; guessing 0.50):",
        render_table(["", "JPEG history", "best shortcut", ""], table, "lrrl"),
    ]


def _row(intervals: pd.DataFrame, part: str) -> list[str]:
    numbers = intervals[intervals["part"] == part].iloc[0]
    cells = [f"{int(numbers['n_fake']):,}", f"{int(numbers['n_genuine']):,}"]
    cells += [in_percent(look_up(intervals, part, metric)) for metric in ACCURACIES]
    return [*cells, as_decimal(look_up(intervals, part, "roc_auc"))]


def _of_larger_class(intervals: pd.DataFrame) -> list[str]:
    """Return the row of whoever calls every test picture by the class that there is more of."""
    first = intervals[intervals["part"] == "test"].iloc[0]
    *shares, roc_auc = (
        Metric(METRICS[metric].by_guessing(int(first["n_fake"]), int(first["n_genuine"])))
        for metric in (*ACCURACIES, "roc_auc")
    )
    return [LARGER_CLASS, "", "", *map(in_percent, shares), as_decimal(roc_auc)]


def _warnings(intervals: pd.DataFrame, counts: Mapping[str, Any]) -> Iterator[str]:
    for part in shown_parts(intervals):
        row = intervals[intervals["part"] == part].iloc[0]
        for label in ("genuine", "fake"):
            if not row[f"n_{label}"]:
                yield f"{title(part).strip()} has no {label} pictures: figures that need both are missing."
    for leak in leaks(counts)[:1]:
        if leak.related:
            yield f"This split leaks: {leak.share:.0%} of the tested {leak.whom} have a relative in train."


_METRICS = {"roc_auc": "ROC AUC", "balanced_accuracy": "balanced"}


def comparison_table(rows: pd.DataFrame, confidence: float) -> str:
    """Return the rows of `evaluation.comparison.compare` as a table."""
    table = []
    for row in rows.to_dict("records"):
        low, high = ("–" if pd.isna(row[end]) else f"{row[end]:+.3f}" for end in ("low", "high"))
        counts = (f"{row[name]:,}" for name in ("n_fake", "n_genuine"))
        values = (f"{row[name]:.3f}" for name in ("first", "second"))
        metric, difference = _METRICS[row["metric"]], f"{row['difference']:+.3f} ({low} to {high})"
        table.append([row["part"], *counts, metric, *values, difference])
    heads = ["", "fakes", "genuine", "", "first", "second", "difference"]
    note = f"(a to b): {confidence:.0%} interval, from the same groups drawn for both."
    return "\n".join([render_table(heads, table, "lrrlrrl"), "", note])
