"""JPEG XL: its header read without any library, its pixels by libjxl, which Pillow does not know.

References: ISO/IEC 18181-1, annex D (image header); ISO/IEC 18181-2 (file).
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from pipeline.images.boxes import boxes
from pipeline.images.colour import eight_bit
from pipeline.images.decoders import Redecoded
from pipeline.images.files import Limits, Unreadable
from pipeline.images.jpeg import truncated

_CODE_STREAM = b"\xff\x0a"
_HEADER_BYTES = 256  # of a code stream; far more than what is read of it
_SIDES = ((9, 1), (13, 1), (18, 1), (30, 1))  # of numbers: bits, and what is added to them
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # of width to height
_SIDEWAYS = 5  # this orientation and higher ones swap width and height
_CHANNELS = 4  # of a float each, as libjxl works; more where there are more


class _Bits:
    """Numbers of a header, from the lowest bit of each byte on."""

    def __init__(self, content: bytes) -> None:
        self._value, self._left = int.from_bytes(content, "little"), 8 * len(content)

    def take(self, n: int) -> int:
        self._left -= n
        if self._left < 0:
            raise IndexError
        value = self._value & ((1 << n) - 1)
        self._value >>= n
        return value

    def one_of(self, *kinds: tuple[int, int]) -> int:
        """Return a number that is stored in one of four ways, as pairs of bits and what is added."""
        n, added = kinds[self.take(2)]
        return self.take(n) + added


@dataclass(frozen=True)
class JxlHeader:
    """What stands at the beginning: the sides as it is shown, bits of a colour, extra channels, frames."""

    width: int
    height: int
    bits: int
    is_float: bool
    n_extra: int
    animated: bool


def read_jxl_header(content: bytes) -> JxlHeader:
    """Read the header of a JPEG XL, with or without boxes around it.

    Raises:
        IndexError: it breaks off.
        Unreadable: it has no box where one must be.
    """
    bits = _Bits(_beginning(content)[len(_CODE_STREAM) :])
    width, height = _size(bits)
    orientation, depth, is_float, n_extra, animated = 1, 8, False, 0, False
    if not bits.take(1):  # not all is as usual
        if bits.take(1):
            orientation = 1 + bits.take(3)
            if bits.take(1):
                _size(bits)  # at which it is meant to be shown
            if bits.take(1):
                _preview(bits)
            animated = bool(bits.take(1))
            if animated:
                _animation(bits)
        is_float = bool(bits.take(1))
        if is_float:
            depth = bits.one_of((0, 32), (0, 16), (0, 24), (6, 1))
            bits.take(4)
        else:
            depth = bits.one_of((0, 8), (0, 10), (0, 12), (6, 1))
        bits.take(1)
        n_extra = bits.one_of((0, 0), (0, 1), (4, 2), (12, 1))
    if orientation >= _SIDEWAYS:
        width, height = height, width
    return JxlHeader(width, height, depth, is_float, n_extra, animated)


def _beginning(content: bytes) -> bytes:
    if content.startswith(_CODE_STREAM):
        return content[:_HEADER_BYTES]
    for name, start, end in boxes(content):
        if name == b"jxlc":
            return content[start : min(end, start + _HEADER_BYTES)]
        if name == b"jxlp":  # the first of several parts, numbered
            return content[start + 4 : min(end, start + 4 + _HEADER_BYTES)]
    raise IndexError


def _size(bits: _Bits) -> tuple[int, int]:
    small = bits.take(1)
    height = 8 * (bits.take(5) + 1) if small else bits.one_of(*_SIDES)
    if ratio := bits.take(3):
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height
    return 8 * (bits.take(5) + 1) if small else bits.one_of(*_SIDES), height


def _preview(bits: _Bits) -> None:
    in_blocks = bits.take(1)
    sides = ((0, 16), (0, 32), (5, 1), (9, 33)) if in_blocks else ((6, 1), (8, 65), (10, 321), (12, 1345))
    bits.one_of(*sides)
    if not bits.take(3):
        bits.one_of(*sides)


def _animation(bits: _Bits) -> None:
    bits.one_of((0, 100), (0, 1000), (10, 1), (30, 1))
    bits.one_of((0, 1), (0, 1001), (8, 1), (10, 1))
    bits.one_of((0, 0), (3, 0), (16, 0), (32, 0))
    bits.take(1)


def open_jpeg_xl(content: bytes, limits: Limits) -> Image.Image:
    """Return the first picture of a JPEG XL, decoded when it is loaded: upright, with 8 bits a colour.

    Raises:
        Unreadable: its header is broken or beyond `limits`.
    """
    try:
        header = read_jxl_header(content)
    except IndexError as error:
        raise truncated("JPEG XL") from error
    size = (header.width, header.height)
    limits.check(*size, bytes_each=4 * max(_CHANNELS, 3 + header.n_extra))
    image = Redecoded("JXL", size, {}, lambda: _decoded(content, header))
    image.n_frames = 2 if header.animated else 1  # or more
    return image


def _decoded(content: bytes, header: JxlHeader) -> Image.Image:
    import imagecodecs

    samples = imagecodecs.jpegxl_decode(content, index=0, numthreads=1)
    n_pixels = header.width * header.height
    if samples.shape[:2] != (header.height, header.width) or samples.size > _CHANNELS * n_pixels:
        raise Unreadable("its channels are stored in a way that is not read; save it as PNG or TIFF")
    if header.is_float:
        return Image.fromarray(eight_bit(np.clip(np.nan_to_num(samples), 0, 1)))
    return Image.fromarray(eight_bit(samples, header.bits))
