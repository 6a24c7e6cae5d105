"""Figures drawn for a page: SVG within the HTML, in the colours of the page by day and by night."""

import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from markupsafe import Markup

from pipeline.reports.style import FAINT, INK, QUIET

_WHITE = "#ffffff"
_OF_THE_PAGE = {INK: "var(--ink)", QUIET: "var(--quiet)", FAINT: "var(--line)", _WHITE: "var(--paper)"}
_BY_NIGHT = {"#0072b2": "var(--genuine)", "#d55e00": "var(--fake)"}  # too dark on a dark page
# White that is written stands on a colour that stays by night; all other white is the paper.
_ON_A_CELL = re.compile(r"(<text\b[^>]*?)var\(--paper\)")
_HEAD = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"<metadata>.*?</metadata>\s*", re.DOTALL)
_FONT = re.compile(r"'DejaVu Sans'[^;\"]*")


def inline_svg(draw: Callable[[Path], None], says: str) -> Markup:
    """Draw a figure and give it as markup that needs no other file.

    Args:
        draw: writes the figure to a path, as the `draw_*` functions do.
        says: what a reader who cannot see it is told.
    """
    from matplotlib import rc_context

    with TemporaryDirectory() as folder, rc_context({"svg.fonttype": "none"}):
        path = Path(folder) / "figure.svg"
        draw(path)
        text = path.read_text(encoding="utf-8")
    text = _METADATA.sub("", _HEAD.sub("", text))
    text = re.sub(r'\s+xmlns(:xlink)?="[^"]*"', "", text)  # HTML knows them, and they look like addresses
    text = re.sub(r'(<svg\b[^>]*?)\s+width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg\b[^>]*?)\s+height="[^"]*"', r"\1", text, count=1)
    text = _FONT.sub("system-ui, sans-serif", text)
    for color, name in (_OF_THE_PAGE | _BY_NIGHT).items():
        text = re.sub(re.escape(color), name, text, flags=re.IGNORECASE)
    text = _ON_A_CELL.sub(rf"\1{_WHITE}", text)
    return Markup(text.replace("<svg", Markup('<svg role="img" aria-label="{}"').format(says), 1))
