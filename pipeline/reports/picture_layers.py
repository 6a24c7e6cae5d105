"""Pictures and what lies over them, as data within a page: maps in colour, lines between matched points."""

import io
from typing import NamedTuple

import numpy as np
from PIL import Image

from pipeline.images.encode import LONGEST_SIDE
from pipeline.images.jpeg import BLOCK
from pipeline.reports.gallery import cividis, data_uri

Array = np.ndarray

MOST_SHOWN = 40_000_000  # pixels: a browser keeps four bytes of each
_QUALITY = 92
_MOST_LINES = 150


class Layer(NamedTuple):
    """Something that lies over the picture.

    Attributes:
        key: its name within the page.
        name: for a person.
        uri: its picture.
        box: left, top, width and height, in percent of the picture.
        sharp: whether its pixels are shown as squares, as those of a map are.
    """

    key: str
    name: str
    uri: str
    box: tuple[float, float, float, float] = (0.0, 0.0, 100.0, 100.0)
    sharp: bool = False


def shown(pixels: Array, longest: int | None = None) -> Image.Image:
    """Return a picture as it is shown: at full size, unless that is more than a browser takes.

    Args:
        pixels: (h, w, 3) uint8.
        longest: pixels of the longer side at most; None: as many as are there.
    """
    image = Image.fromarray(pixels)
    most = min(LONGEST_SIDE, longest or LONGEST_SIDE)
    scale = min(1.0, most / max(image.size), (MOST_SHOWN / (image.width * image.height)) ** 0.5)
    if scale == 1.0:
        return image
    size = max(round(image.width * scale), 1), max(round(image.height * scale), 1)
    return image.resize(size, Image.Resampling.BOX, reducing_gap=2.0)


def jpeg_uri(image: Image.Image, quality: int = _QUALITY) -> str:
    """Return a picture as a JPEG within a page."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return data_uri(stream.getvalue())


def map_layer(key: str, name: str, values: Array, pixels: Array, start: tuple[int, int] = (0, 0)) -> Layer:
    """Return a map as a layer in the colours of cividis, on a fixed scale.

    Args:
        key: its name within the page.
        name: for a person.
        values: (rows, columns) of blocks of 8 × 8 pixels, in [0, 1].
        pixels: (h, w, 3), the picture that it is of.
        start: row and column at which the first block begins.
    """
    height, width = pixels.shape[:2]
    rows, columns = values.shape
    box = (
        100 * max(start[1], 0) / width, 100 * max(start[0], 0) / height,
        min(100 * BLOCK * columns / width, 100.0), min(100 * BLOCK * rows / height, 100.0),
    )  # fmt: skip
    palette = cividis((np.arange(256) + 0.5) / 256).round().astype(np.uint8)
    image = Image.fromarray(np.clip(values * 256, 0, 255).astype(np.uint8))
    image.putpalette(palette.tobytes())
    return Layer(key, name, data_uri(_png(image), "image/png"), box, sharp=True)


def grey_png(values: Array) -> bytes:
    """Return values in [0, 1] as a grey PNG, 0 to 255."""
    return _png(Image.fromarray(np.clip(np.rint(values * 255), 0, 255).astype(np.uint8)))


def lines(matches: Array) -> list[list[float]]:
    """Return some of the matched points, evenly taken, as (x, y, x, y) for lines between them."""
    chosen = np.unique(np.linspace(0, len(matches) - 1, min(_MOST_LINES, len(matches))).astype(int))
    return [[round(float(value), 1) for value in matches[index]] for index in chosen] if len(matches) else []


def scale_colours(steps: int = 9) -> str:
    """Return the scale of the maps as the colours of a CSS gradient."""
    colours = cividis(np.linspace(0, 1, steps)).round().astype(int)
    return ", ".join(f"rgb({red} {green} {blue})" for red, green, blue in colours)


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()
