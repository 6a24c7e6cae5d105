"""How the figures look, and how they are written: the same file for the same numbers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.storage.atomic import replacing

if TYPE_CHECKING:  # matplotlib takes a second to import
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, which people with any kind of colour vision can tell apart
# (https://jfly.uni-koeln.de/color/). The two classes have the same colour in every figure.
GENUINE, FAKE = "#0072B2", "#D55E00"
OF_LABEL = {"genuine": GENUINE, "fake": FAKE}
OTHERS = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9")
INK, QUIET, FAINT = "#222222", "#6b6b6b", "#dddddd"

DOTS_PER_INCH = 150
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "text.color": INK,
    "text.parse_math": False,  # a collection may have a dollar sign in its name
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "lines.linewidth": 2,
    "svg.hashsalt": "fake-image-detection",  # names of parts in an SVG, else drawn by chance
}


@contextmanager
def drawn(path: Path, width: float, height: float) -> Iterator["Figure"]:
    """Give an empty figure of `width` × `height` inches and write it as the PNG or SVG `path`.

    No pyplot: its figures are global and would pile up.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")
        yield figure
        with replacing(path) as partial:
            kind = path.suffix.removeprefix(".")
            unnamed: dict[str, Any] = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}
            figure.savefig(partial, format=kind, metadata=unnamed[kind], facecolor="white")


def ink_on(color: Sequence[float]) -> str:
    """Choose black or white, whichever stands out better: at least 4.5 : 1 on any colour (WCAG 2, 1.4.3).

    Args:
        color: red, green and blue, 0 to 1.
    """
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "white" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "black"


def percent_axis(axis: Any) -> None:
    """Write an axis of shares in percent."""
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))


def say_empty(axes: "Axes", text: str) -> None:
    """Say in a figure why there is nothing to see."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", color=QUIET, transform=axes.transAxes)
