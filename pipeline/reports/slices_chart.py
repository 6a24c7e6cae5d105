"""Where a detector fails: the figures of each slice with their intervals."""

from pathlib import Path

import pandas as pd

from pipeline.reports.numbers import as_decimal, in_percent
from pipeline.reports.slice_rows import SliceRow, slice_rows
from pipeline.reports.style import FAKE, GENUINE, INK, OTHERS, QUIET, drawn, percent_axis, say_empty

_COLUMNS = {
    "fake_accuracy": ("fakes called fake", FAKE),
    "genuine_accuracy": ("genuine called genuine", GENUINE),
    "roc_auc": ("ROC AUC", OTHERS[0]),
}


def draw_slices(path: Path, slices: pd.DataFrame, confidence: float) -> None:
    """Draw three figures of each slice as dots with intervals.

    Args:
        path: PNG or SVG.
        slices: `slices.csv`.
        confidence: of the intervals.
    """
    rows = slice_rows(slices)
    with drawn(path, 9.6, 1.4 + 0.46 * max(len(rows), 2)) as figure:
        columns = figure.subplots(1, 3, sharey=True, gridspec_kw={"wspace": 0.1})
        if not rows:
            for axes in columns:
                say_empty(axes, "no slices")
            return
        for axes, (metric, (name, color)) in zip(columns, _COLUMNS.items(), strict=True):
            axes.axvline(0.5, color=QUIET, linewidth=1, linestyle=(0, (4, 4)))
            for place, row in enumerate(rows):
                found = row.figures[metric]
                write = as_decimal if metric == "roc_auc" else in_percent
                axes.text(1.06, place, write(found), fontsize=7.5, va="center", color=INK)
                if found.low is not None and found.high is not None:
                    axes.plot([found.low, found.high], [place, place], color=color, linewidth=1.6)
                if found.value is not None:
                    axes.plot(found.value, place, "o", color=color, markersize=6, markeredgecolor="white")
            axes.set_title(name, fontsize=10)
            axes.set_xlim(-0.03, 1.75)
            axes.set_xticks([0, 0.5, 1])
            axes.grid(visible=False, axis="y")
            if metric != "roc_auc":
                percent_axis(axes.xaxis)
        columns[0].set_ylim(len(rows) - 0.4, -0.6)
        columns[0].set_yticks(range(len(rows)), [_label(row) for row in rows])
        columns[0].tick_params(axis="y", length=0, labelcolor=INK, labelsize=8.5)
        figure.supxlabel(f"with {confidence:.0%} intervals over groups of pictures", fontsize=9, color=QUIET)


def _label(row: SliceRow) -> str:
    name = row.name if len(row.name) <= 34 else f"{row.name[:33]}…"
    return f"{name}\n{row.n_fake:,} fake, {row.n_genuine:,} genuine"
