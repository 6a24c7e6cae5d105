"""The summary of a screening that a person looks at: one file, which needs no other and no network."""

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from pipeline.errors import counted
from pipeline.images.read import read
from pipeline.reports.gallery import data_uri
from pipeline.reports.rendering import BAD, NOTE, WARNING, cut, render
from pipeline.screening.archive import open_binary
from pipeline.screening.looking import MAPS, map_path
from pipeline.screening.tally import BINS, Expected, Tally
from pipeline.storage import write_text
from pipeline.surroundings import printable

PAGE = "screening.html"
_THUMBNAIL = 200  # pixels of the longer side
_QUALITY = 70
_LONGEST_PATH = 160  # characters of one on the page; its whole is in the answers

# The histogram, in units of its own: a bar is as high as the logarithm of its count, so that one picture in a
# million is still seen.
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 640, 220, 8, 24, 34


def write_page(output: Path, tally: Tally, about: Mapping[str, Any]) -> Path:
    """Write the page.

    Args:
        output: folder of the screening.
        tally: its figures.
        about: `source`, `detector` (its `About`), `threshold`, `passed_over`.
    """
    page = output / PAGE
    write_text(page, render_page(output, tally, about))
    return page


def render_page(output: Path, tally: Tally, about: Mapping[str, Any]) -> str:
    """Return the page as HTML; all texts from outside are escaped."""
    content = {
        **about,
        "source": printable(about["source"]),
        "tally": tally,
        "n_rows": sum(tally.pictures.values()),
        "n_different": sum(tally.different.values()),
        "finding": finding(tally.n_fake, tally.expected),
        "histogram": draw_histogram(tally.histogram, about["threshold"]),
        "suspicious": [_card(output, row) for row in tally.suspicious],
        "reasons": {cut(printable(reason), 200): number for reason, number in tally.reasons.items()},
    }
    return render("screening.html", content)


def finding(n_fake: int, expected: Expected) -> dict[str, str]:
    """Return in words what the number of pictures that are called fake is worth."""
    if expected.mean == 0:
        return {"level": NOTE, "title": "No picture could be judged", "text": "So there are no false alarms."}
    about = f"about {_rounded(expected.mean)} ({expected.low:,} to {expected.high:,})"
    known = (
        f"Of genuine pictures {expected.rate:.2%} may be called fake, known from "
        f"{counted(expected.n_reference, 'genuine picture')} that the detector was calibrated on; of "
        f"as many pictures as here {about} would be if every one were genuine. That holds for pictures "
        "like those; another kind of archive may have more."
    )
    if n_fake <= expected.high:
        more = f"{counted(n_fake, 'picture')} called fake: no more than chance explains"
        title = more if n_fake else "No picture is called fake"
        return {"level": NOTE, "title": title, "text": known}
    share = min(expected.mean / n_fake, 1.0)
    title = f"{counted(n_fake, 'picture')} called fake, {about} of them by mistake if the rest is genuine"
    return {"level": BAD if share < 0.5 else WARNING, "title": title, "text": known}


def _rounded(number: float) -> str:
    return f"{number:.1f}" if number < 10 else f"{number:,.0f}"


def draw_histogram(counts: Sequence[int], threshold: float) -> Markup:
    """Draw how many pictures have which probability, by a logarithmic scale, as SVG within a page."""
    width = (_WIDTH - 2 * _LEFT) / BINS
    most = math.log10(max(*counts, 1) + 1)
    floor = _HEIGHT - _BOTTOM
    across = _LEFT + threshold * (_WIDTH - 2 * _LEFT)
    parts = [f'<path d="M{across:.1f} {_TOP - 14}V{floor}" class="threshold"/>']
    for number, count in enumerate(counts):
        height = (floor - _TOP) * math.log10(count + 1) / most
        left = _LEFT + number * width
        colour = "var(--fake)" if (number + 1) / BINS > threshold else "var(--genuine)"
        size = f'width="{width - 2:.1f}" height="{height:.1f}"'
        parts.append(f'<rect x="{left + 1:.1f}" y="{floor - height:.1f}" {size} fill="{colour}"/>')
        if count:
            parts.append(
                f'<text x="{left + width / 2:.1f}" y="{floor - height - 4:.1f}" text-anchor="middle">'
                f"{_short(count)}</text>"
            )
    for tenth in range(0, 11, 2):
        at = _LEFT + tenth / 10 * (_WIDTH - 2 * _LEFT)
        anchor = {0: "start", 10: "end"}.get(tenth, "middle")
        parts.append(f'<text x="{at:.1f}" y="{floor + 15}" text-anchor="{anchor}">{tenth / 10:.1f}</text>')
    says = f"{counted(sum(counts), 'picture')} by probability of fake, called fake from {threshold:.3f} on"
    head = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{says}">'
    return Markup(f"{head}{''.join(parts)}</svg>")


def _short(count: int) -> str:
    """Write a count in at most four characters.

    >>> _short(999), _short(12_345), _short(3_400_000)
    ('999', '12k', '3.4M')
    """
    for unit, name in ((1_000_000, "M"), (1_000, "k")):
        if count >= unit:
            number = count / unit
            return f"{number:.1f}{name}" if number < 10 else f"{number:.0f}{name}"
    return str(count)


def _card(output: Path, row: Mapping[str, Any]) -> dict[str, Any]:
    drawn = map_path(Path(MAPS), row["sha256"])
    return {
        **row,
        "path": cut(printable(row["path"]), _LONGEST_PATH),
        "thumbnail": _thumbnail(row["path"]),
        "map": drawn.as_posix() if (output / drawn).is_file() else None,
    }


def _thumbnail(path: str) -> str | None:
    """Return a small picture as an address that holds it; None where it is gone meanwhile."""
    try:
        with open_binary(path) as file:
            image = read(file.read(), at_least=(_THUMBNAIL, _THUMBNAIL)).image
    except Exception:  # plugins of fsspec raise nearly everything
        return None
    image.thumbnail((_THUMBNAIL, _THUMBNAIL))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=_QUALITY)
    return data_uri(stream.getvalue())
