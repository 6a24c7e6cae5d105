"""How a picture is to be turned: its EXIF orientation, 1 (upright) to 8.

Standard: CIPA DC-008 (Exif 3.0), 4.6.5.1.6.
"""

import logging
import struct
from typing import Any

from PIL import Image

from pipeline.images.tiff_directories import ORIENTATION

_SHORT = 3  # the type of the EXIF orientation


def orientation_of_image(image: Image.Image) -> int:
    """Return the EXIF orientation of an opened picture; what is broken or out of range counts as upright."""
    # Pillow is asked only where the answer is not plain: it takes ten times as long, and raises nearly
    # everything where the EXIF block is broken.
    # What XMP says does not count: browsers and other viewers show such pictures as they are stored.
    if image.format != "TIFF" and _is_surely_upright(image.info):
        return 1
    try:
        exif = image.getexif() if image.format == "TIFF" else Image.Exif()
        if image.format != "TIFF":
            exif.load(image.info["exif"])
        orientation = exif.get(ORIENTATION, 1)
    except MemoryError:
        raise
    except Exception as error:
        logging.getLogger("pipeline.images").info("a broken EXIF block is ignored: %s", error)
        return 1
    return orientation if orientation in range(1, 9) else 1


def _is_surely_upright(info: dict[Any, Any]) -> bool:
    exif = info.get("exif", b"")
    try:
        return not exif or _first_directory(exif.removeprefix(b"Exif\0\0")).get(ORIENTATION, 1) == 1
    except (struct.error, TypeError, AttributeError):
        return False


def _first_directory(exif: bytes) -> dict[int, int]:
    """Return the numbers of 16 bits in it, by their tag; for any other kind of orientation 0."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4], "")
    if not order:
        raise struct.error
    (start,) = struct.unpack_from(order + "I", exif, 4)
    (entries,) = struct.unpack_from(order + "H", exif, start)
    block = exif[start + 2 : start + 2 + 12 * entries]
    fields = struct.iter_unpack(order + "HHIH2x", block)
    return {tag: value if kind == _SHORT and count == 1 else 0 for tag, kind, count, value in fields}
