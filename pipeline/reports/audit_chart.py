"""The one chart of an audit: what gives the label away, in the files as handed in and as converted."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.reports.audit_rows import SAME_IN_ALL, Row, Side
from pipeline.reports.style import INK, OTHERS, QUIET, drawn

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BEFORE, AFTER = QUIET, OTHERS[0]
LOWEST = 0.4  # left end of the axis; what lies below is drawn at it, with its number beside
TEXT = 40  # characters of a label before it is cut


def draw_audit(paths: Sequence[Path], rows: Sequence[Row], title: str, settings: dict[str, Any]) -> None:
    """Draw the rows as dots with intervals, raw above converted.

    Args:
        paths: what to write, a PNG and an SVG for instance, told by their endings.
        rows: of the chart.
        title: what is drawn.
        settings: `audit` of the configuration, for the limits that are marked.
    """
    for path in paths:
        with drawn(path, 9.6, 1.9 + 0.56 * len(rows)) as figure:
            axes = figure.add_subplot()
            axes.axvline(0.5, color=QUIET, linewidth=1, linestyle=(0, (4, 4)))
            axes.axvline(settings["warn_above"], color=OTHERS[2], linewidth=1, linestyle=(0, (1, 2)))
            for place, row in enumerate(rows):
                _point(axes, place - 0.16, row.raw, BEFORE, hollow=True)
                _point(axes, place + 0.16, row.converted, AFTER, hollow=False)
            axes.set_yticks(range(len(rows)), [_label(row) for row in rows])
            axes.set_ylim(len(rows) - 0.45, -0.75)
            axes.set_xlim(LOWEST - 0.01, 1.13)
            axes.set_xticks([0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
            axes.grid(visible=False, axis="y")
            axes.tick_params(axis="y", length=0, labelcolor=INK)
            handles = {"as handed in": BEFORE, "as converted": AFTER}
            for name, color in handles.items():
                axes.plot([], [], "o-", color=color, markersize=7, label=name,
                          markerfacecolor="white" if color == BEFORE else color)  # fmt: skip
            axes.plot([], [], color=QUIET, linewidth=1, linestyle=(0, (4, 4)), label="guessing")
            axes.plot([], [], color=OTHERS[2], linewidth=1, linestyle=(0, (1, 2)),
                      label=f"a shortcut from here ({settings['warn_above']:g})")  # fmt: skip
            axes.set_title(title, pad=30)
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, borderaxespad=0.2)
            axes.set_xlabel(
                f"ROC AUC out of fold, with {settings['confidence']:.0%} intervals over groups of pictures"
            )


def _point(axes: "Axes", height: float, side: Side, color: str, hollow: bool) -> None:
    figure = side.figure
    if figure.value is None:
        axes.text(LOWEST, height, "not measured", va="center", fontsize=8, color=QUIET)
        return
    if figure.low is not None and figure.high is not None:
        ends = [max(end, LOWEST) for end in (figure.low, figure.high)]
        axes.plot(ends, [height, height], color=color, linewidth=1.6)
    look: dict[str, Any] = {
        "markeredgecolor": color if hollow else "white",
        "markerfacecolor": "white" if hollow else color,
    }
    axes.plot(max(figure.value, LOWEST), height, "o", markersize=7 if hollow else 8, **look)
    says = SAME_IN_ALL if side.is_same_in_all else f"{figure.value:.2f}"
    axes.text(
        1.03, height, says, va="center", fontsize=8, color=color, fontweight="bold" if not hollow else None
    )


def _label(row: Row) -> str:
    """Name a row, with what was strongest there as handed in."""
    if row.raw.words in ("", row.title):
        return row.title
    text = row.raw.words
    return f"{row.title}\n{text if len(text) <= TEXT else text[: TEXT - 1] + '…'}"
