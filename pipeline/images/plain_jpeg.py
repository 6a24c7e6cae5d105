"""JPEGs as the conversion writes them, decoded in one step: the pixels that `read` gives, in less time.

`read` asks of a file whether it is whole, whether it is turned, what its colours mean. Of one that the
conversion has written, and whose hash is that of the manifest, the answers are known: what is left is
decoding. OpenCV has the same libjpeg-turbo as Pillow, and gives its pixels without another copy.
"""

import cv2
import numpy as np

from pipeline.images.files import Unreadable
from pipeline.images.jpeg import (
    HUFFMAN,
    JFIF,
    QUANTISATION,
    RESTART_INTERVAL,
    START_OF_SCAN,
    Frame,
    frame_of,
    header_segments,
)

_FRAMES = (0xC0, 0xC2)  # baseline and progressive
_OTHERS = {HUFFMAN, JFIF, QUANTISATION, RESTART_INTERVAL, START_OF_SCAN}
_BEGINS, _ENDS = b"\xff\xd8\xff\xe0\x00\x10JFIF\0", b"\xff\xd9"
_COLOURS = 3
_AS_STORED = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
# The sizes at which libjpeg decodes, the smallest first.
_SCALES = {
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
}


def decode_plain(content: bytes, at_least: tuple[int, int] | None = None) -> np.ndarray | None:
    """Return the pixels of a JPEG, (height, width, 3) uint8 RGB; None where it has to be read by `read`.

    That is where it holds anything beside 8-bit YCbCr and its tables, as a profile or an orientation.

    Args:
        content: of a file that is known to be whole.
        at_least: (height, width) that suffices, see `read`.
    """
    if not (content.startswith(_BEGINS) and content.endswith(_ENDS)) or (frame := _frame(content)) is None:
        return None
    height, width = at_least or (frame.height, frame.width)
    factor = min(frame.height // height, frame.width // width)
    scale = next((flag for times, flag in _SCALES.items() if factor >= times), 0)
    pixels: np.ndarray | None = cv2.imdecode(np.frombuffer(content, np.uint8), _AS_STORED | scale)
    return pixels


def _frame(content: bytes) -> Frame | None:
    """Return the frame of a JPEG with nothing beside it that says how it is shown."""
    frame = None
    try:
        for marker, payload in header_segments(content):
            if marker in _FRAMES:
                frame = frame_of(payload)
            elif marker not in _OTHERS:
                return None
    except (Unreadable, IndexError):
        return None
    if frame is None or frame.bits != 8 or len(frame.components) != _COLOURS:
        return None
    return frame if frame.height and frame.width else None
