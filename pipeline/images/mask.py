"""Masks of tampered pixels: read, and brought to the size and the pose of their picture."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.images.read import (
    LIMITS,
    Limits,
    Unreadable,
    open_picture,
    orientation,
    read_bytes,
    upright_rgb,
)

# Masks of another resolution than their picture are common; one of another shape belongs elsewhere.
_SHAPE_TOLERANCE = 0.02
_TRANSPOSED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_mask(path: Path) -> np.ndarray:
    """Read a mask of any supported format.

    Returns:
        (height, width) bool, true where the picture was tampered with: where the mask is brighter than
        middle grey, or not 0 in a mask that knows 0 and 1 only. One of 16 bits may hold such a one, or one of
        8 bits.

    Raises:
        Unreadable: see `pipeline.images.read.read_rgb`.
    """
    try:
        return _marked(open_picture(read_bytes(path)))
    except Unreadable as error:
        raise Unreadable(error.reason, str(path)) from error.__cause__


def align_mask(
    content: bytes, stored: tuple[int, int], pose: int, page: int = 0, limits: Limits = LIMITS
) -> np.ndarray:
    """Read a mask and lay it over its picture as the picture is shown.

    A mask without an orientation of its own that has the size of the stored picture was made for the
    stored pixels: it is turned as they are. One that has the size of the upright picture is left as it
    is. One of the same shape at another resolution is resized, each pixel taking its nearest neighbour.

    Args:
        content: the file of the mask.
        stored: (width, height) of the picture before its EXIF orientation is applied.
        pose: that orientation, 1 to 8.
        page: of the picture, counted from 0; its mask is the same page of a TIFF with several.
        limits: beyond which the mask is refused before it is decoded.

    Returns:
        (height, width) bool of the upright picture.

    Raises:
        Unreadable: the mask is broken, of another shape than the picture, or has fewer pages.
    """
    image = open_picture(content, limits, page)
    made_upright = orientation(image) != 1
    marked = Image.fromarray(_marked(image))
    upright = stored[::-1] if pose in (5, 6, 7, 8) else stored
    if not made_upright and pose in _TRANSPOSED and _same_shape(marked.size, stored):
        marked = marked.transpose(_TRANSPOSED[pose])
    if not _same_shape(marked.size, upright):
        raise Unreadable(
            f"it is {marked.width}x{marked.height}, its picture {upright[0]}x{upright[1]}: "
            "a mask must have the shape of its picture"
        )
    if marked.size != upright:
        marked = marked.resize(upright, Image.Resampling.NEAREST)
    return np.asarray(marked)


def encode_mask(marked: np.ndarray) -> bytes:
    """Give (height, width) bool as the bytes of a grey PNG, 255 where true."""
    buffer = io.BytesIO()
    Image.fromarray(marked.astype(np.uint8) * np.uint8(255)).save(buffer, "PNG")
    return buffer.getvalue()


def _marked(image: Image.Image) -> np.ndarray:
    values = np.asarray(upright_rgb(image).convert("L"))
    if image.mode.startswith("I;16"):  # of what 16 bits can hold, 1 and 255 would be black
        values = np.asarray(image)
    brightest = int(values.max())
    white = next(white for white in (1, 255, 65_535) if brightest <= white)
    return values > white // 2


def _same_shape(size: tuple[int, int], wanted: tuple[int, int]) -> bool:
    """Tell whether two sizes agree in their ratio of sides, but for rounding of the smaller one."""
    ratio = (size[0] * wanted[1]) / (size[1] * wanted[0])
    smallest = min(*size, *wanted)
    return abs(ratio - 1) <= max(_SHAPE_TOLERANCE, 1 / smallest)
