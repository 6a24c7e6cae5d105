"""Files with nothing unusual about them, decoded by OpenCV: the pixels that Pillow gives, in less time.

A JPEG that the conversion has written, and whose hash is that of the manifest, need not be asked whether it
is whole, whether it is turned, what its colours mean: what is left is decoding. And of a TIFF the libtiff
that comes with OpenCV unpacks LZW in half the time. Whatever else there is, `read` takes care of.
"""

import io

import cv2
import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

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
from pipeline.images.messages import collected

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
_TIFF_COMPRESSIONS = {"tiff_lzw", "tiff_adobe_deflate", "tiff_deflate"}
_TIFF_TAGS = {258: (8, 8, 8), 262: 2, 274: 1, 277: 3}  # bits, RGB, upright, samples; left out they are so
_MOST_TIFF_PIXELS = 1 << 25  # of larger ones there would be no room for a copy


def decode_plain_jpeg(content: bytes, at_least: tuple[int, int] | None = None) -> np.ndarray | None:
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


def decode_plain_tiff(image: Image.Image) -> Image.Image | None:
    """Return a TIFF that Pillow has opened, of 8-bit RGB and compressed without loss, decoded.

    None: Pillow has to do it. It does so also where libtiff has anything to say, because OpenCV gives a
    picture that is damaged all the same.
    """
    if not isinstance(image, TiffImageFile) or image.info.get("compression") not in _TIFF_COMPRESSIONS:
        return None
    if any(image.tag_v2.get(tag, value) != value for tag, value in _TIFF_TAGS.items()):
        return None
    if image.width * image.height > _MOST_TIFF_PIXELS or not isinstance(image.fp, io.BytesIO):
        return None
    with collected(from_stderr=True) as said:
        try:
            pixels = cv2.imdecode(np.frombuffer(image.fp.getvalue(), np.uint8), _AS_STORED)
        except cv2.error:
            return None
    is_heard = said.complete and cv2.utils.logging.getLogLevel() >= cv2.utils.logging.LOG_LEVEL_ERROR
    if pixels is None or said.lines or not is_heard or pixels.shape[1::-1] != image.size:
        return None
    decoded = Image.fromarray(pixels)
    decoded.info = image.info
    return decoded
