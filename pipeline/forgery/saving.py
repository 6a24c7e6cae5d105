"""How cameras and editors save: formats, JPEG tables and what they write beside the pixels."""

import io
from typing import Any

import numpy as np
from PIL import Image

from pipeline.forgery.camera import Camera
from pipeline.forgery.fields import Array

_SUBSAMPLING = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}

# Two editors of our own, each with tables that are no libjpeg quality, as those of real editors are not.
# A table is `start` + `rise` x (frequency down + frequency across), rounded; finer for brightness.
_EDITORS = {
    "Atelier 3": {"brightness": (2.0, 1.1), "colour": (3.0, 1.9), "subsampling": "4:4:4"},
    "Retouche 11": {"brightness": (3.0, 1.5), "colour": (4.0, 2.4), "subsampling": "4:2:0"},
}
EDITORS = tuple(_EDITORS)
LOSSLESS = ("png", "tif")


def save_camera_jpeg(pixels: Array, camera: Camera) -> bytes:
    """Encode (H, W, 3) uint8 as the camera does, or its own gallery after an edit."""
    return _encoded(
        pixels, "JPEG", camera.name, quality=camera.jpeg_quality, subsampling=_SUBSAMPLING[camera.subsampling]
    )


def save_editor_jpeg(pixels: Array, editor: str) -> bytes:
    """Encode (H, W, 3) uint8 as JPEG with the tables of one of `EDITORS`."""
    own: dict[str, Any] = _EDITORS[editor]
    tables = [_table(*own["brightness"]), _table(*own["colour"])]
    return _encoded(pixels, "JPEG", editor, qtables=tables, subsampling=_SUBSAMPLING[own["subsampling"]])


def save_lossless(pixels: Array, ending: str, editor: str) -> bytes:
    """Encode (H, W, 3) uint8 as PNG or TIFF, each editor with a compression of its own."""
    if ending == "png":
        return _encoded(pixels, "PNG", editor, compress_level=6)
    return _encoded(pixels, "TIFF", editor, compression="tiff_lzw" if editor == EDITORS[0] else None)


def decoded(content: bytes) -> Array:
    """The pixels that a viewer shows of what was saved here: (H, W, 3) uint8."""
    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture.convert("RGB"))


def _encoded(pixels: Array, kind: str, software: str, **settings: Any) -> bytes:
    """Save with Pillow; name what saved it in EXIF."""
    picture = Image.fromarray(pixels)
    exif = picture.getexif()
    exif[0x0131] = software  # Software
    content = io.BytesIO()
    given = {key: value for key, value in settings.items() if value is not None}
    picture.save(content, kind, exif=exif, **given)
    return content.getvalue()


def _table(start: float, rise: float) -> list[int]:
    """A quantisation table that grows with frequency, row by row as Pillow takes it."""
    down, across = np.mgrid[0:8, 0:8]
    return [int(value) for value in np.clip(np.round(start + rise * (down + across)), 1, 255).ravel()]


def save_mask(mask: Array) -> bytes:
    """Encode (H, W) bool as PNG of one channel: 0 untouched, 255 tampered."""
    content = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).save(content, "PNG")
    return content.getvalue()
