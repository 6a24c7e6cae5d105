"""Views of a picture that analysts know: error levels, noise residual, JPEG ghosts. They are no evidence.

Nothing here is calibrated: no view says how often a genuine picture looks like that, and edges, texture and
flat places stand out in all of them. The gain is fixed, so that two pictures can be compared; scaling each by
its own largest value, as many programs do, shows something in every picture.

Each is computed of the whole picture at full size and then averaged over areas to be shown.
"""

import io
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
_GHOST_WINDOW = 16  # pixels, of Farid's average
GHOST_GAIN = 24


class View(NamedTuple):
    """One view: its name, what it is and how far to be trusted, and its pictures by name, (h, w, 3) uint8."""

    name: str
    words: str
    pictures: dict[str, Array]


def make_views(image: Image.Image) -> list[View]:
    """Make all views of an upright picture in mode RGB; none of one that is too wide for a JPEG.

    >>> [view.name for view in make_views(Image.new("RGB", (40, 24)))]
    ['Error level', 'Noise residual', 'JPEG ghosts']
    """
    if max(image.size) > LONGEST_SIDE:
        return []
    return [
        View(
            "Error level",
            f"Difference to the same picture saved once more as JPEG {ELA_QUALITY}, times {ELA_GAIN} "
            "(Krawetz, 2007). Edges and texture are always bright; only like things that differ are worth a "
            "question.",
            {"": _shown(error_level(image), LONGEST)},
        ),
        View(
            "Noise residual",
            f"Difference to the median of 3 × 3 pixels, times {RESIDUAL_GAIN}. Parts of another origin, "
            "smoothed or retouched ones can have another noise; so have shade, sky and what is out of focus.",
            {"": _shown(noise_residual(np.asarray(image)), LONGEST)},
        ),
        View(
            "JPEG ghosts",
            "Difference to saves at several qualities, averaged over 16 × 16 pixels, times "
            f"{GHOST_GAIN} (Farid, 2009). A part that was saved at one of them before, on this grid, is "
            "darker there than like parts around it.",
            {f"quality {each}": _shown(jpeg_ghost(image, each), _GHOST_LONGEST) for each in GHOST_QUALITIES},
        ),
    ]


def error_level(image: Image.Image) -> Array:
    """Return the absolute difference to a save at `ELA_QUALITY`, times `ELA_GAIN`: (h, w, 3) uint8."""
    return cv2.convertScaleAbs(cv2.absdiff(np.asarray(image), _saved(image, ELA_QUALITY)), alpha=ELA_GAIN)


def noise_residual(pixels: Array) -> Array:
    """Return the absolute difference of the luminance to its median around each pixel: (h, w) uint8."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return cv2.convertScaleAbs(cv2.absdiff(grey, cv2.medianBlur(grey, 3)), alpha=RESIDUAL_GAIN)


def jpeg_ghost(image: Image.Image, quality: int) -> Array:
    """Return the root of the mean squared difference to a save at `quality`, times a gain: (h, w) uint8.

    H. Farid: Exposing digital forgeries from JPEG ghosts, IEEE TIFS 4(1), 2009, without its scaling of each
    pixel to the range over all qualities.
    """
    squared = np.zeros((image.height, image.width), np.float32)
    for channel in cv2.split(cv2.absdiff(np.asarray(image), _saved(image, quality))):
        cv2.accumulateSquare(channel, squared)
    mean = cv2.blur(squared / 3, (_GHOST_WINDOW, _GHOST_WINDOW))
    ghost: Array = cv2.convertScaleAbs(np.sqrt(np.maximum(mean, 0)), alpha=GHOST_GAIN)
    return ghost


def _saved(image: Image.Image, quality: int) -> Array:
    """Return what a decoder makes of a picture saved without subsampling: all differences are of one kind."""
    with Image.open(io.BytesIO(Jpeg(quality, "4:4:4").save(b"", image))) as saved:
        return np.asarray(saved.convert("RGB"))


def _shown(view: Array, longest: int) -> Array:
    """Return a view in colour, averaged over areas where it is larger than it can be shown."""
    coloured = view if view.ndim == 3 else np.repeat(view[..., None], 3, axis=2)
    scale = longest / max(view.shape[:2])
    if scale >= 1:
        return coloured
    size = [max(1, round(side * scale)) for side in (view.shape[1], view.shape[0])]
    return np.asarray(cv2.resize(coloured, size, interpolation=cv2.INTER_AREA))
