"""Whether all of a file is there, by its structure: what decoders pass over in silence.

A decoder that has its pixels stops reading. So a PNG with damaged data, a GIF without its end or a JPEG
with a scan cut short in the middle would be taken for whole. References: ITU-T T.81, annex B (JPEG);
ISO/IEC 15948, section 5 (PNG); GIF89a, sections 17 and 18; RFC 9649 (WebP); ISO/IEC 15444-1, annex A
(JPEG 2000).
"""

import io
import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.images.jpeg import (
    CODED_DATA,
    LINES,
    RESTART_INTERVAL,
    START_OF_SCAN,
    Frame,
    damaged,
    frame_of,
    segments,
    truncated,
)

_FRAMES = {0xC0, 0xC1, 0xC2}  # others are not decoded
_IN_TURN = bytes(range(0xD0, 0xD8))  # the second bytes of restart markers
_RESTART = re.compile(rb"\xff([\xd0-\xd7])")
# A progressive JPEG has about ten scans; each of them costs a pass over the picture, and a file of a few
# kilobytes can hold thousands.
_MOST_SCANS = 200
_CODE_STREAM = b"\xff\x4f\xff\x51"  # a JPEG 2000 without boxes
_CRITICAL = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
_HELD_BACK = 24  # bytes: more than a decoder reads ahead (8), and than the padding of the last byte
_NO_DATA = bytes(16)
_END_MARKER = b"\xff\xd9"


class JpegExtent(NamedTuple):
    """Where the coded data of a JPEG begin, where its picture ends, and how many scans it has."""

    data: int
    end: int
    scans: int

    @property
    def can_be_fed(self) -> bool:
        """Whether it comes in one scan, and has data enough to hold some back; see `JpegFeed`."""
        return self.scans == 1 and self.end - len(_END_MARKER) - _HELD_BACK > self.data


def check_whole(content: bytes, kind: str) -> None:
    """Raise Unreadable for a PNG, GIF, WebP, AVIF or JPEG 2000 that lacks a part, or has a damaged one.

    Of other formats the decoders tell.
    """
    if walk := _WALKS.get(kind):
        try:
            walk(content)
        except IndexError as error:
            raise truncated(kind) from error


def jpeg_extent(content: bytes) -> JpegExtent:
    """Walk through the segments and scans of a JPEG; raise Unreadable where one is missing or damaged."""
    data = scan_data = scans = interval = end = 0
    frame: Frame | None = None
    n_units: int | None = None
    try:
        for marker, payload, end in segments(content):
            if marker in _FRAMES:
                frame = frame_of(payload)
            elif marker == RESTART_INTERVAL:
                interval = int.from_bytes(payload[:2], "big")
            elif marker == LINES:
                frame = None  # its height was not known before: nothing is counted
            elif marker == START_OF_SCAN:
                scans, data, n_units = scans + 1, data or end, _units(frame, payload)
                if scans > _MOST_SCANS:
                    raise damaged(f"more than {_MOST_SCANS} scans")
                scan_data = end
            elif marker == CODED_DATA:
                _check_restarts(content, scan_data, end, interval, n_units)
    except IndexError as error:
        raise truncated("JPEG") from error
    return JpegExtent(data, end, scans)


def _units(frame: Frame | None, scan: bytes) -> int | None:
    """Count the units that a scan codes (T.81, A.2): what a restart interval counts; None: not known."""
    if frame is None or not frame.height or not frame.width or not frame.components:
        return None
    factors = {each.number: (each.across, each.down) for each in frame.components}
    if not all(1 <= factor <= 4 for pair in factors.values() for factor in pair):
        return None
    width, height = frame.width, frame.height
    across, down = max(h for h, _ in factors.values()), max(v for _, v in factors.values())
    if scan[0] == 1:
        own_across, own_down = factors.get(scan[1], (across, down))
        width, height = -(-width * own_across // across), -(-height * own_down // down)
        across = down = 1
    return -(-width // (8 * across)) * -(-height // (8 * down))


def _check_restarts(content: bytes, start: int, end: int, interval: int, n_units: int | None) -> None:
    """Compare the restart markers of a scan with those that belong there: numbered in turn, none missing."""
    if not interval:
        # Without an interval a decoder takes any marker for the end of the data.
        if _RESTART.search(content, start, end):
            raise damaged("a restart marker where none belongs")
        return
    markers = b"".join(_RESTART.findall(content, start, end))
    in_turn = (_IN_TURN * (len(markers) // 8 + 1)).startswith(markers)
    expected = None if n_units is None else -(-n_units // interval) - 1
    # A marker after the last interval is superfluous, and some encoders write it.
    if not in_turn or (expected is not None and len(markers) not in {expected, expected + 1}):
        raise damaged("a restart marker is missing")


def webp_size(content: bytes) -> tuple[int, int]:
    """Return (width, height) of a WebP from its header; raise Unreadable where it has none."""
    kind, data = content[12:16], content[20:30]
    if len(data) < 10:
        raise truncated("WEBP")
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[4:7], "little"), 1 + int.from_bytes(data[7:10], "little")
    if kind == b"VP8L":
        packed = int.from_bytes(data[1:5], "little")
        return 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)
    return int.from_bytes(data[6:8], "little") & 0x3FFF, int.from_bytes(data[8:10], "little") & 0x3FFF


def _png(content: bytes) -> None:
    view = memoryview(content)
    for name, start, end in png_chunks(content):
        if name in _CRITICAL:
            stored = int.from_bytes(content[end - 4 : end], "big")
            if zlib.crc32(view[start + 4 : end - 4]) != stored:
                raise damaged(f"the checksum of a chunk {name.decode('latin-1')} is wrong")


def png_chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and end of each chunk of a PNG; raise IndexError where the last, IEND, is missing."""
    name, position = b"", 8
    while name != b"IEND":
        name = content[position + 4 : position + 8]
        end = position + 12 + int.from_bytes(content[position : position + 4], "big")
        if end > len(content):
            raise IndexError
        yield name, position, end
        position = end


def _gif(content: bytes) -> None:
    position = 13 + _colours(content[10])
    while True:
        introducer = content[position]
        if introducer == 0x3B:
            return
        if introducer == 0x21:
            position += 2
        elif introducer == 0x2C:
            position += 11 + _colours(content[position + 9])
        else:
            raise damaged(f"no block begins at byte {position:,}")
        while length := content[position]:
            position += 1 + length
        position += 1


def _colours(flags: int) -> int:
    """Count the bytes of a colour table."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _webp(content: bytes) -> None:
    if 8 + int.from_bytes(content[4:8], "little") > len(content):
        raise IndexError


def _avif(content: bytes) -> None:
    for name, end in _boxes(content):
        if name == b"mdat" and end > len(content):
            raise IndexError


def _jpeg_2000(content: bytes) -> None:
    code_stream_end = len(content)
    if not content.startswith(_CODE_STREAM):
        ends = [end for name, end in _boxes(content) if name == b"jp2c"]
        code_stream_end = ends[0] if ends else len(content) + 1
    if content[code_stream_end - 2 : code_stream_end] != _END_MARKER:
        raise IndexError


def _boxes(content: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield name and end of each box (ISO/IEC 14496-12, section 4.2); the last may end too late."""
    position = 0
    while position < len(content):
        length = int.from_bytes(content[position : position + 4], "big")
        header = 8
        if length == 1:
            length, header = int.from_bytes(content[position + 8 : position + 16], "big"), 16
        elif length == 0:  # to the end of the file
            length = len(content) - position
        if length < header:
            raise damaged(f"no box begins at byte {position:,}")
        yield content[position + 4 : position + 8], position + length
        position += length


_WALKS = {"PNG": _png, "GIF": _gif, "WEBP": _webp, "AVIF": _avif, "JPEG2000": _jpeg_2000}


class JpegFeed(io.BytesIO):
    """A JPEG handed to the decoder piece by piece, so that it shows when its data do not come out even.

    libjpeg only warns of damaged data, and Pillow does not hear it: what comes after the damage is shifted
    or grey. But damaged data hold too many or too few bits. So the last bytes are held back until they are
    asked for: a decoder that never asks has all its rows, and data left over. And before the end of the
    picture stand some bytes that are no data: a decoder that reads past them has rows without data.

    Damage that keeps the count cannot be seen, nor that between two restart markers, nor that of several
    scans.
    """

    def __init__(self, content: bytes, extent: JpegExtent) -> None:
        super().__init__(content)
        self._data_end = extent.end - len(_END_MARKER)
        self._behind = [_NO_DATA, _END_MARKER]
        self._asked = False

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to `size` bytes of the next piece."""
        position = self.tell()
        size = self._data_end if size is None or size < 0 else size
        hold_at = self._data_end - _HELD_BACK
        if position < hold_at:
            return super().read(min(size, hold_at - position))
        self._asked = True
        if position < self._data_end:
            return super().read(min(size, self._data_end - position))
        return self._behind.pop(0) if self._behind else b""

    def check(self) -> None:
        """Raise Unreadable where a decoder that is done has not used the data up, or has used more."""
        if not self._asked:
            raise damaged("data are left over at its end")
        if not self._behind:
            raise damaged("data are missing at its end")
