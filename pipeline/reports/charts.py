"""Metrics as dots with their intervals, one row a subset of pictures: readable on a phone and in print."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.evaluation.bootstrap import Metric
from pipeline.reports.rendering import DASHED, OTHERS, QUIET, cut, new_chart, say_empty

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, _RIGHT, _FOOT = 4.8, 1.32, 0.5  # inches: of all, right of the tracks, below them
_TRACK, _TITLE, _NOTE, _HEADING, _GAP = 0.19, 0.22, 0.16, 0.4, 0.14  # inches of height


class Dot(NamedTuple):
    """A metric on a track: a dot, with a line from end to end of its interval."""

    metric: Metric
    color: str
    marker: str = "o"
    hollow: bool = False

    @property
    def style(self) -> dict[str, Any]:
        """How matplotlib draws it."""
        face, edge = ("white", self.color) if self.hollow else (self.color, "white")
        return {
            "marker": self.marker, "color": self.color, "linewidth": 1.6, "markersize": 6.5,
            "markerfacecolor": face, "markeredgecolor": edge,
        }  # fmt: skip


class Track(NamedTuple):
    """Dots on one axis, and what is written right of it."""

    dots: Sequence[Dot]
    says: str


class Row(NamedTuple):
    """A subset of pictures, with its tracks one below the other; rows of one `heading` stand together."""

    title: str
    note: str
    tracks: Sequence[Track]
    heading: str = ""


def plot_dots(
    rows: Sequence[Row],
    name: str,
    key: Mapping[str, Dot],
    xlabel: str,
    lowest: float = 0.0,
    limit: tuple[float, str] | None = None,
    beside: float = 0.0,
) -> "Figure":
    """Plot rows of dots, below a title and the key to their colours.

    Args:
        rows: from above.
        name: title of the chart.
        key: what a kind of dot means -> one of that kind.
        xlabel: what the axis means.
        lowest: left end of the axis, whose right end is 1; 0 where a dot or an interval lies further left.
        limit: a value to mark, and what it means.
        beside: inches left of the tracks for the titles of rows; 0: titles and notes stand above.
    """
    tops, bottom = _layout(rows, beside)
    ends = [end for row in rows for track in row.tracks for dot in track.dots for end in dot.metric]
    if any(end is not None and end < lowest for end in ends):
        lowest = 0.0  # nothing is drawn where it does not lie
    head = 0.42 + 0.19 * ((len(key) + 2 + (limit is not None)) // 2)
    height, left = head + bottom + _FOOT, beside or 0.14
    with new_chart(WIDTH, height) as chart:
        chart.set_layout_engine("none")  # all places are given in inches
        size = (WIDTH - left - _RIGHT) / WIDTH, bottom / height
        axes = chart.add_axes((left / WIDTH, _FOOT / height, *size))
        chart.text(0.01, 1 - 0.08 / height, name, va="top", fontsize=11.5, fontweight="bold")
        if not rows:
            say_empty(axes, "nothing was measured")
            return chart
        axes.set(xlim=(lowest - 0.02, 1.02), ylim=(bottom, 0), xlabel=xlabel, yticks=[])
        axes.set_xticks([0.4, 0.6, 0.8, 1.0] if lowest else [0, 0.25, 0.5, 0.75, 1.0])
        axes.spines["left"].set_visible(False)
        lines = {"guessing": (0.5, DASHED)}
        if limit is not None:
            lines[limit[1]] = limit[0], {**DASHED, "color": OTHERS[2], "linestyle": (0, (1, 2))}
        handles = [axes.plot([], [], label=label, **dot.style)[0] for label, dot in key.items()]
        handles += [axes.axvline(value, label=label, **style) for label, (value, style) in lines.items()]
        chart.legend(handles=handles, ncols=2, loc="upper left", borderaxespad=0, borderpad=0,
                     bbox_to_anchor=(0.012, 1 - 0.38 / height), labelspacing=0.3)  # fmt: skip
        for place, (row, top) in enumerate(zip(rows, tops, strict=True)):
            if row.heading and (not place or row.heading != rows[place - 1].heading):
                _write(axes, top - 0.12, cut(row.heading, 52), color=QUIET, fontweight="bold", left=left)
            _plot_row(axes, row, top, beside)
        return chart


def _layout(rows: Sequence[Row], beside: float) -> tuple[list[float], float]:
    """Return the upper end of each row and the lower end of the last, in inches from the first."""
    tops, bottom, heading = [], 0.0, ""
    for row in rows:
        bottom += _HEADING if row.heading != heading else 0 if beside else _GAP
        heading = row.heading
        tops.append(bottom)
        bottom += _TRACK * len(row.tracks) + (0 if beside else _TITLE + _NOTE * bool(row.note))
    return tops, max(bottom + 0.1, 1.0)


def _plot_row(axes: "Axes", row: Row, top: float, beside: float) -> None:
    if beside:
        _write(axes, top + _TRACK / 2, cut(row.title, 24), fontsize=9, left=beside)
    else:
        _write(axes, top + _TITLE / 2, cut(row.title, 54), fontsize=9.5, fontweight="bold")
        _write(axes, top + _TITLE + _NOTE / 2 - 0.02, cut(row.note, 74), fontsize=8, color=QUIET)
        top += _TITLE + _NOTE * bool(row.note)
    for place, track in enumerate(row.tracks):
        y = top + (place + 0.5) * _TRACK
        for dot in track.dots:
            value, low, high = dot.metric
            if low is not None and high is not None:
                axes.plot([low, high], [y, y], color=dot.color, linewidth=1.6)
            if value is not None:
                axes.plot(value, y, **dot.style)
        _write(axes, y, track.says, fontsize=8.5, right=0.1)


def _write(
    axes: "Axes", y: float, text: str, left: float = 0.0, right: float | None = None, **style: Any
) -> None:
    """Write beside a height of the axes: `left` inches before their left end or `right` after the right."""
    width = WIDTH * axes.get_position().width
    x = -left / width + 0.01 if right is None else 1 + right / width
    paper = {"color": "white", "pad": 0.8}  # no line runs through the words
    axes.text(x, y, text, va="center", transform=axes.get_yaxis_transform(), bbox=paper, **style)
