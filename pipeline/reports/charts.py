"""What becomes of a detector when its pictures are changed, as one table that is read by its shades."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from pipeline.evaluation.bootstrap import Metric
from pipeline.evaluation.perturbations import CONTENT_ONLY
from pipeline.evaluation.robustness import AS_HANDED_IN, FRAGILE, SHORTCUT
from pipeline.reports.numbers import NOTHING, as_decimal, first_figure, in_percent
from pipeline.reports.rendering import (
    FAINT,
    FAKE,
    GENUINE,
    INK,
    OTHERS,
    QUIET,
    drawn,
    ink_on,
    percent_axis,
    say_empty,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HARM = "#7A2E62"  # a dark relative of the palette's purple, which neither class has
_LABELS, _VERDICT = 2.75, 1.25  # inches, of what stands left and right of the cells
_ROW, _GAP, _HEAD, _FOOT = 0.29, 0.11, 0.98, 1.0  # inches: a row, between families, above and below all
_STRONGEST = {
    HARM: 0.9,
    FAKE: 0.75,
    GENUINE: 0.65,
    FAINT: 1.0,
}  # shades on which ink can be read
_LARGEST_SHIFT = 4.0  # of a logit, at which its shade is full: from even odds to 98 %


_MARGIN = 0.1
TITLE = "What becomes of the answers when pictures are changed"


class Column(NamedTuple):
    """One column of cells.

    Attributes:
        name: in the table.
        title: above it.
        width: inches.
    """

    name: str
    title: str
    width: float


COLUMNS = (
    Column("roc_auc", "ROC AUC\n(interval)", 1.3),
    Column("true_positive_rate", "fakes\ncalled fake", 0.84),
    Column("false_positive_rate", "genuine\ncalled fake", 0.84),
    Column("fake_shift", "logit of\nfakes", 0.74),
    Column("genuine_shift", "logit of\ngenuine", 0.74),
    Column("flipped", "calls\nflipped", 0.74),
)


def draw_robustness(path: Path, table: pd.DataFrame) -> None:
    """Draw a row for each perturbation, those of one family together, below the pictures as handed in.

    Args:
        path: PNG or SVG.
        table: of `scoring.robustness.measure_robustness`.
    """
    table = table.fillna({"family": "", "verdict": ""})  # as a CSV that was read back has them
    tops = _tops(table["family"].tolist())
    width = _LABELS + sum(column.width for column in COLUMNS) + _VERDICT
    height = _HEAD + tops[-1] + _ROW + _FOOT
    with drawn(path, width, height) as figure:
        figure.set_layout_engine("none")  # all places are given in inches
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_xlim(-_MARGIN, width - _MARGIN)
        axes.set_ylim(tops[-1] + _ROW + _FOOT, -_HEAD)
        axes.set_axis_off()
        axes.text(0, 0.12 - _HEAD, TITLE, va="top", fontsize=11.5, fontweight="bold")
        left = _LABELS
        for column in COLUMNS:
            middle = left + column.width / 2
            axes.text(middle, -0.07, column.title, ha="center", va="bottom", color=QUIET, fontsize=9.5)
            for top, (_, row) in zip(tops, table.iterrows(), strict=True):
                _cell(axes, (left, top), column, row, table.iloc[0])
            left += column.width
        family = None
        for top, (_, row) in zip(tops, table.iterrows(), strict=True):
            _labels(axes, top, row, is_first_of_family=row["family"] != family)
            family = row["family"]
            _verdict(axes, (left + 0.1, top + _ROW / 2), str(row["verdict"]))
        axes.plot([0, left], [_ROW + _GAP / 2] * 2, color=FAINT, linewidth=1)
        _explain(axes, tops[-1] + _ROW + 0.14, table.iloc[0])


def _tops(families: list[str]) -> list[float]:
    """Place the rows from above, in inches, with a gap where another family begins."""
    tops, top = [], 0.0
    for place, family in enumerate(families):
        if place and family != families[place - 1]:
            top += _GAP
        tops.append(top)
        top += _ROW
    return tops


def _labels(axes: "Axes", top: float, row: pd.Series, is_first_of_family: bool) -> None:
    middle = top + _ROW / 2
    if row["name"] == AS_HANDED_IN:
        axes.text(0, middle, row["strength"], va="center", fontweight="bold")
        return
    if is_first_of_family:
        axes.text(0, middle, row["family"], va="center", fontweight="bold")
    weight = "bold" if row["verdict"] == SHORTCUT else "normal"
    axes.text(_LABELS - 0.12, middle, row["strength"], va="center", ha="right", fontweight=weight)


def _cell(axes: "Axes", place: tuple[float, float], column: Column, row: pd.Series, first: pd.Series) -> None:
    """Fill one cell: its number, on a shade that says how bad it is, or which way logits went."""
    from matplotlib.patches import Rectangle

    shade = _shade(column.name, row, first)
    axes.add_patch(Rectangle(place, column.width, _ROW, facecolor=shade, edgecolor="white", linewidth=1.5))
    says = _written(column.name, row, is_first=row["name"] == AS_HANDED_IN)
    middle = (place[0] + column.width / 2, place[1] + _ROW / 2)
    axes.text(*middle, says, ha="center", va="center", color=ink_on(shade))


def _shade(name: str, row: pd.Series, first: pd.Series) -> tuple[float, ...]:
    """Choose the colour of a cell; of the probes only the ROC AUC is bad or good, and good if near 0.5."""
    from matplotlib.colors import to_rgb

    value, before = float(row[name]), float(first[name])
    color, strength = HARM, 0.0
    if np.isnan(value):
        color, strength = FAINT, 0.5
    elif row["family"] == CONTENT_ONLY:
        strength = 2 * abs(value - 0.5) if name == "roc_auc" else 0.0
    elif name.endswith("_shift"):
        color, strength = FAKE if value > 0 else GENUINE, abs(value) / _LARGEST_SHIFT
    elif name == "flipped":
        strength = 2 * value  # half of them flipped is what chance does
    elif name == "false_positive_rate":
        strength = (value - before) / max(1 - before, 1e-9)
    else:
        worst = 0.5 if name == "roc_auc" else 0.0
        strength = (before - value) / max(before - worst, 1e-9)
    strength = _STRONGEST[color] * float(np.clip(strength, 0, 1))
    return tuple(1 - strength * (1 - part) for part in to_rgb(color))


def _written(name: str, row: pd.Series, is_first: bool) -> str:
    value = float(row[name])
    if np.isnan(value):
        return NOTHING
    if name == "roc_auc":
        ends = [None if pd.isna(row[end]) else float(row[end]) for end in ("low", "high")]
        return as_decimal(Metric(value, *ends))
    if name.endswith("_shift"):
        return "" if is_first else f"{value:+.1f}".replace("-", "−")
    if is_first and name == "flipped":
        return ""
    return f"{100 * value:.0f}%"


def _verdict(axes: "Axes", place: tuple[float, float], verdict: str) -> None:
    if verdict == SHORTCUT:
        axes.text(*place, f"◆ {verdict}", va="center", fontweight="bold", color=INK)
    else:
        axes.text(*place, verdict, va="center", color=QUIET)


def _explain(axes: "Axes", top: float, first: pd.Series) -> None:
    """Say below what was tested and what shades and words mean."""
    lines = [
        f"{first['n_fake']:,} fakes and {first['n_genuine']:,} genuine pictures, both changed alike; the "
        "threshold stays as chosen on validation.",
        "Purple: worse than as handed in; where the content alone is left, anything but 0.5 is.",
        "Logits: mean change of the same pictures, blue towards genuine, orange towards fake.",
        f"{FRAGILE}: the ROC AUC falls by more than 0.05.  ◆ {SHORTCUT}: it rises, or the content alone "
        "tells the classes.",
    ]
    for place, line in enumerate(lines):
        axes.text(0, top + 0.22 * place, line, va="top", fontsize=9, color=QUIET)


# The figures of slices, one row a slice, in the order in which people read them.
#

PROPERTIES = {
    "subset": "kind of tampering",
    "collection": "collection",
    "format": "format as handed in",
    "size": "size",
    "quality": "JPEG quality",
}
SHOWN = ("fake_accuracy", "genuine_accuracy", "roc_auc")


class SliceRow(NamedTuple):
    """One slice.

    Attributes:
        property: as people call it.
        name: of the slice.
        n_fake: how many fakes it has.
        n_genuine: how many genuine pictures.
        figures: `SHOWN` -> figure.
    """

    property: str
    name: str
    n_fake: int
    n_genuine: int
    figures: dict[str, Metric]


def slice_rows(slices: pd.DataFrame) -> list[SliceRow]:
    """Lay `slices.csv` out by slice; properties as in `PROPERTIES`, slices as in the file."""
    return list(_rows(slices))


def weakest(rows: list[SliceRow], fewest: int = 10) -> SliceRow | None:
    """Find the slice that is surest to be weak, among those with at least `fewest` pictures of each class.

    It is the one with the lowest upper end of the ROC AUC's interval: the lowest figure of many slices is
    more often than not that of a small one.
    """
    known = [
        (row.figures["roc_auc"].high, place)
        for place, row in enumerate(rows)
        if row.figures["roc_auc"].high is not None and min(row.n_fake, row.n_genuine) >= fewest
    ]
    return rows[min(known)[1]] if known else None


def _rows(slices: pd.DataFrame) -> Iterator[SliceRow]:
    known = [name for name in PROPERTIES if name in set(slices["property"])]
    for name in [*known, *(set(slices["property"]) - set(known))]:
        of_property = slices[slices["property"] == name]
        for value, rows in of_property.groupby("slice", sort=False):
            first = rows.iloc[0]
            yield SliceRow(
                PROPERTIES.get(name, name),
                str(value),
                int(first["n_fake"]),
                int(first["n_genuine"]),
                {metric: first_figure(rows[rows["metric"] == metric]) for metric in SHOWN},
            )


# Where a detector fails: the figures of each slice with their intervals.
#

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
