"""How charts, pages and tables look: the same file for the same numbers."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipeline.errors import counted
from pipeline.evaluation.bootstrap import Metric
from pipeline.evaluation.results import OF_COLLECTION
from pipeline.surroundings import printable

if TYPE_CHECKING:  # matplotlib takes a second to import
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, which people with any kind of colour vision can tell apart
# (https://jfly.uni-koeln.de/color/). The two classes have the same colour in every figure.
GENUINE, FAKE = "#0072B2", "#D55E00"
OF_LABEL = {"genuine": GENUINE, "fake": FAKE}
OTHERS = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9")
AUC = OTHERS[0]
INK, QUIET, FAINT = "#222222", "#6b6b6b", "#dddddd"

DASHED: dict[str, Any] = {"color": QUIET, "linestyle": (0, (4, 4)), "linewidth": 1}

DOTS_PER_INCH = 220
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
def new_chart(width: float, height: float) -> Iterator["Figure"]:
    """Yield an empty chart of `width` × `height` inches in the style of all charts.

    No pyplot: its figures are global and would pile up.
    """
    from matplotlib.figure import Figure

    with _style():
        yield Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")


@contextmanager
def _style(more: Mapping[Any, Any] | None = None) -> Iterator[None]:
    """Draw in our style and else as matplotlib does by itself, whatever the user's `matplotlibrc` says."""
    from matplotlib import rc_context, rcdefaults, rcParams

    with rc_context():
        rcdefaults()
        rcParams.update({**STYLE, **(more or {})})
        yield


def draw(chart: "Figure") -> str:
    """Return a chart as SVG, for files and pages: the same text for the same chart; words stay words."""
    written = StringIO()
    with _style({"svg.fonttype": "none"}):
        chart.savefig(written, format="svg", metadata={"Date": None, "Creator": None}, facecolor="white")
    return written.getvalue()


def ink_on(color: Sequence[float]) -> str:
    """Choose black or white, whichever stands out better: at least 4.5 : 1 on any colour (WCAG 2, 1.4.3).

    Args:
        color: red, green and blue, 0 to 1.
    """
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "white" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "black"


def cut(text: str, most: int) -> str:
    """Return a text of at most `most` characters; one that was longer ends in an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def percent_axis(axis: Any) -> None:
    """Write an axis of shares in percent."""
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))


def say_empty(axes: "Axes", text: str) -> None:
    """Write into a chart why there is nothing to see."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", color=QUIET, transform=axes.transAxes)


# How templates become pages: texts from outside are escaped, and a name that nobody gave is an error.

TEMPLATES = Path(__file__).with_name("templates")


def render(template: str, content: Mapping[str, Any], filters: Mapping[str, Any] | None = None) -> str:
    """Fill a template of `templates/`.

    Args:
        template: its name; where it ends in `.html`, what is filled in is escaped for HTML.
        content: name -> what the template shows.
        filters: of its own, beside `count`, `counted`, `percent`, `decimal`, `share` and `signed`.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=lambda name: name is None or name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "count": lambda number: f"{int(number):,}",
        "counted": counted,
        "percent": lambda share: f"{100 * share:.1f} %",
        "decimal": as_decimal,
        "share": in_percent,
        "signed": _signed,
        **(filters or {}),
    }
    return environment.get_template(template).render(content)


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−") if abs(value) >= 0.005 else "±0.00"


# How a chart becomes part of a page: SVG in the colours of the page by day and by night.

_WHITE = "#ffffff"
_OF_THE_PAGE = {INK: "var(--ink)", QUIET: "var(--quiet)", FAINT: "var(--line)", _WHITE: "var(--paper)"}
_BY_NIGHT = {"#0072b2": "var(--genuine)", "#d55e00": "var(--fake)"}  # too dark on a dark page
# White that is written stands on a colour that stays by night; all other white is the paper.
_ON_A_BLOCK = re.compile(r"(<text\b[^>]*?)var\(--paper\)")
_HEAD = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"<metadata>.*?</metadata>\s*", re.DOTALL)
_FONT = re.compile(r"'DejaVu Sans'[^;\"]*")


def inline_svg(drawn: str, says: str) -> Markup:
    """Return a chart as SVG within a page, which needs no other file.

    Args:
        drawn: of `draw`.
        says: what a reader who cannot see it is told.
    """
    text = _METADATA.sub("", _HEAD.sub("", drawn))
    text = re.sub(r'\s+xmlns(:xlink)?="[^"]*"', "", text)  # HTML knows them, and they look like addresses
    text = re.sub(r'(<svg\b[^>]*?)\s+width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg\b[^>]*?)\s+height="[^"]*"', r"\1", text, count=1)
    text = _FONT.sub("system-ui, sans-serif", text)
    for color, name in (_OF_THE_PAGE | _BY_NIGHT).items():
        text = re.sub(re.escape(color), name, text, flags=re.IGNORECASE)
    text = _ON_A_BLOCK.sub(rf"\1{_WHITE}", text)
    return Markup(text.replace("<svg", Markup('<svg role="img" aria-label="{}"').format(says), 1))


# What a check found, for the trust rules and the audit.
BAD, WARNING, GOOD, NOTE = "bad", "warning", "good", "note"
TOO_FEW = "too_few"  # pictures to tell: no praise, and no blame either
LEVELS = (BAD, WARNING, TOO_FEW, NOTE, GOOD)  # worst first
NOTHING = "–"


def title(subset: str) -> str:
    """Return the name of a subset as people read it: a collection's own, set in below what it is part of."""
    return f"  {subset.removeprefix(OF_COLLECTION)}" if subset.startswith(OF_COLLECTION) else subset


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
    return f"{value:.2f}".removeprefix("0")[:3]


COLUMNS = 80


def render_table(heads: Sequence[str], rows: Iterable[Sequence[str]], align: str) -> str:
    """Return a table as plain text: no colours, no lines, at most 80 columns.

    Args:
        heads: of the columns.
        rows: of texts, one a column.
        align: a letter a column: "l" for flush left, cut where the table would be too wide, else "r".

    >>> print(render_table(["", "fakes", "ROC AUC"], [["test", "96", "0.95 (.90–.98)"]], "lrr"))
         fakes        ROC AUC
    test    96 0.95 (.90–.98)
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="")
    for head, letter in zip(heads, align, strict=True):
        table.add_column(Text(head), justify="right" if letter == "r" else "left", no_wrap=letter == "r")
    for row in rows:
        table.add_row(*(Text(printable(text), no_wrap=True, overflow="ellipsis") for text in row))
    written = StringIO()
    Console(file=written, width=COLUMNS, color_system=None, legacy_windows=False).print(table)
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines())
