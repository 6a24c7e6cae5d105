"""Views of a picture that analysts know: error levels, noise residual, JPEG ghosts. They are no evidence.

Nothing here is calibrated: no view says how often a genuine picture looks like that, and edges, texture and
flat places stand out in all of them. The gain is fixed, so that two pictures can be compared; scaling each by
its own largest value, as many programs do, shows something in every picture.

Each is computed of the whole picture at full size and then averaged over areas to be shown.
"""

import io
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from pipeline.images.encode import LONGEST_SIDE, Jpeg

Array = np.ndarray

LONGEST = 1400  # pixels of the longer side as shown
ELA_QUALITY, ELA_GAIN = 90, 20  # as conf/model/ela.yaml has them
RESIDUAL_GAIN = 20
GHOST_QUALITIES = (50, 60, 70, 80, 90, 95)
_GHOST_LONGEST = 460
_ROWS = 1024  # of a strip
_GHOST_WINDOW = 16  # pixels, of Farid's average
GHOST_GAIN = 24


class View(NamedTuple):
    """One view: its name, what it is and how far to be trusted, and its pictures by name, (h, w, 3) uint8."""

    name: str
    words: str
    pictures: dict[str, Array]


def make_views(pixels: Array) -> list[View]:
    """Make all views of a picture, (h, w, 3) uint8; none of one that is too wide for a JPEG.

    >>> [view.name for view in make_views(np.zeros((24, 40, 3), np.uint8))]
    ['Error level', 'Noise residual', 'JPEG ghosts']
    """
    if max(pixels.shape) > LONGEST_SIDE:
        return []
    return [
        View(
            "Error level",
            f"Difference to the same picture saved once more as JPEG {ELA_QUALITY}, times {ELA_GAIN} "
            "(Krawetz, 2007). Edges and texture are always bright; only like things that differ are worth a "
            "question.",
            {"": _shown(error_level(pixels), LONGEST)},
        ),
        View(
            "Noise residual",
            f"Difference to the median of 3 × 3 pixels, times {RESIDUAL_GAIN}. Parts of another origin, "
            "smoothed or retouched ones can have another noise; so have shade, sky and what is out of focus.",
            {"": _shown(noise_residual(pixels), LONGEST)},
        ),
        View(
            "JPEG ghosts",
            "Difference to saves at several qualities, averaged over 16 × 16 pixels, times "
            f"{GHOST_GAIN} (Farid, 2009). A part that was saved at one of them before, on this grid, is "
            "darker there than like parts around it.",
            {f"quality {each}": _shown(jpeg_ghost(pixels, each), _GHOST_LONGEST) for each in GHOST_QUALITIES},
        ),
    ]


def error_level(pixels: Array) -> Array:
    """Return the absolute difference to a save at `ELA_QUALITY`, times `ELA_GAIN`: (h, w, 3) uint8."""

    def level(strip: Array) -> Array:
        return cv2.convertScaleAbs(cv2.absdiff(strip, _saved(strip, ELA_QUALITY)), alpha=ELA_GAIN)

    return _in_strips(level, pixels, np.empty_like(pixels))


def noise_residual(pixels: Array) -> Array:
    """Return the absolute difference of the luminance to its median around each pixel: (h, w) uint8."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return cv2.convertScaleAbs(cv2.absdiff(grey, cv2.medianBlur(grey, 3)), alpha=RESIDUAL_GAIN)


def jpeg_ghost(pixels: Array, quality: int) -> Array:
    """Return the root of the mean squared difference to a save at `quality`, times a gain: (h, w) uint8.

    H. Farid: Exposing digital forgeries from JPEG ghosts, IEEE TIFS 4(1), 2009, without its scaling of each
    pixel to the range over all qualities.
    """

    def ghost(strip: Array) -> Array:
        squared = np.zeros(strip.shape[:2], np.float32)
        for channel in cv2.split(cv2.absdiff(strip, _saved(strip, quality))):
            cv2.accumulateSquare(channel, squared)
        mean = cv2.blur(squared / 3, (_GHOST_WINDOW, _GHOST_WINDOW))
        return cv2.convertScaleAbs(np.sqrt(np.maximum(mean, 0)), alpha=GHOST_GAIN)

    return _in_strips(ghost, pixels, np.empty(pixels.shape[:2], np.uint8))


def _in_strips(of_strip: Callable[[Array], Array], pixels: Array, whole: Array) -> Array:
    """Fill `whole` with what a function makes of a picture, strip by strip, so that memory stays small.

    The strips begin on the grid of blocks, each of which JPEG saves by itself, and overlap by a window.
    """
    height = len(pixels)
    for top in range(0, height, _ROWS):
        first, last = max(top - _GHOST_WINDOW, 0), min(top + _ROWS + _GHOST_WINDOW, height)
        made = of_strip(np.ascontiguousarray(pixels[first:last]))
        whole[top : top + _ROWS] = made[top - first : top - first + _ROWS]
    return whole


def _saved(pixels: Array, quality: int) -> Array:
    """Return what a decoder makes of a picture saved without subsampling: all differences are of one kind."""
    content = Jpeg(quality, "4:4:4").save(b"", Image.fromarray(pixels))
    with Image.open(io.BytesIO(content)) as saved:
        return np.asarray(saved.convert("RGB"))


def _shown(view: Array, longest: int) -> Array:
    """Return a view in colour, averaged over areas where it is larger than it can be shown."""
    coloured = view if view.ndim == 3 else np.repeat(view[..., None], 3, axis=2)
    scale = longest / max(view.shape[:2])
    if scale >= 1:
        return coloured
    size = [max(1, round(side * scale)) for side in (view.shape[1], view.shape[0])]
    return np.asarray(cv2.resize(coloured, size, interpolation=cv2.INTER_AREA))
