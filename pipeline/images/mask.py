"""Masks of tampered pixels: read, and brought to the size and the orientation of their picture."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.images.files import Unreadable
from pipeline.images.read import Picture, read
from pipeline.images.tiff import TURNS

# Masks of another resolution than their picture are common; one of another shape belongs elsewhere.
_SHAPE_TOLERANCE = 0.02


def read_mask(path: Path) -> np.ndarray:
    """Read a mask of any supported format as (height, width) bool; raises as `pipeline.images.read.read`.

    True is where the picture was tampered with: where the mask is brighter than middle grey, or not 0 in a
    mask that knows 0 and 1 only. One of 16 bits may hold such a one, or one of 8 bits.
    """
    return _marked(read(path))


def align_mask(mask: Picture, picture: Picture) -> np.ndarray:
    """Lay a mask over its picture as the picture is shown.

    A mask without an orientation of its own that has the size of the stored picture was made for the
    stored pixels: it is turned as they are. One that has the size of the upright picture is left as it
    is. One of the same shape at another resolution is resized, each pixel taking its nearest neighbour.

    Returns:
        (height, width) bool of the upright picture.

    Raises:
        Unreadable: the mask is broken, or of another shape than the picture.
    """
    marked, upright = Image.fromarray(_marked(mask)), picture.upright_size
    turn = TURNS.get(picture.orientation)
    if mask.orientation == 1 and turn is not None and _same_shape(marked.size, picture.stored_size):
        marked = marked.transpose(turn)
    if not _same_shape(marked.size, upright):
        raise Unreadable(
            f"it is {marked.width}x{marked.height}, its picture {upright[0]}x{upright[1]}: "
            "a mask must have the shape of its picture"
        )
    if marked.size != upright:
        marked = marked.resize(upright, Image.Resampling.NEAREST)
    return np.asarray(marked)


def encode_mask(marked: np.ndarray) -> bytes:
    """Return (height, width) bool as the bytes of a grey PNG, 255 where true."""
    buffer = io.BytesIO()
    Image.fromarray(marked.astype(np.uint8) * np.uint8(255)).save(buffer, "PNG")
    return buffer.getvalue()


def _marked(mask: Picture) -> np.ndarray:
    values = mask.grey  # in 16 bits, of which 1 and 255 would be black in 8
    brightest = int(values.max())
    white = next(white for white in (1, 255, 65_535) if brightest <= white)
    return values > white // 2


def _same_shape(size: tuple[int, int], wanted: tuple[int, int]) -> bool:
    """Whether two sizes agree in their ratio of sides, but for rounding of the smaller one."""
    ratio = (size[0] * wanted[1]) / (size[1] * wanted[0])
    return abs(ratio - 1) <= max(_SHAPE_TOLERANCE, 1 / min(*size, *wanted))
