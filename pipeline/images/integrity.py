"""Whether all that makes the pixels is there, by the structure of a file, and that alone for the decoder.

A decoder that has its pixels stops reading. So a PNG with damaged data or a JPEG with a scan cut short in the
middle would be taken for whole. And decoders stumble over metadata, which are thrown away anyway: what makes
no pixels is left out before a decoder sees it. References: ITU-T T.81, annex B (JPEG);
ISO/IEC 15948, section 5 (PNG); GIF89a, sections 17 and 18; RFC 9649 (WebP); ISO/IEC 15444-1, annex A
(JPEG 2000).
"""

import io
import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.images.boxes import items_part, jpeg_2000_part
from pipeline.images.files import Unreadable
from pipeline.images.jpeg import (
    CODED_DATA,
    JPEG_LS,
    LINES,
    RESTART_INTERVAL,
    START_OF_FRAME,
    START_OF_SCAN,
    Frame,
    damaged,
    decodable,
    frame_of,
    segments,
    truncated,
)

_FRAMES = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}  # others are not decoded
_ARITHMETIC_FRAMES = {0xC9, 0xCA}
_NOT_DECODED = {0xC3: "lossless", 0xCB: "lossless", JPEG_LS: "JPEG-LS"}  # the rest: hierarchical
_IN_TURN = bytes(range(0xD0, 0xD8))  # the second bytes of restart markers
_RESTART = re.compile(rb"\xff([\xd0-\xd7])")
# A progressive JPEG has about ten scans; each of them costs a pass over the picture, and a file of a few
# kilobytes can hold thousands.
_MOST_SCANS = 200
# Chunks that make the pixels of a PNG, its transparency among them; and those that tell how they are shown.
_CRITICAL = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_SHOWN_BY = {b"iCCP", b"eXIf"}
_MOST_CHUNKS = 1 << 20  # libpng writes one for each 8 KiB
_MOST_BLOCKS = 1 << 22  # of a GIF, which holds at most 255 bytes in each
_HELD_BACK = 24  # bytes: more than a decoder reads ahead (8), and than the padding of the last byte
_NO_DATA = bytes(16)
_END_MARKER = b"\xff\xd9"
_PNG_END = b"\0\0\0\0IEND\xae\x42\x60\x82"


class JpegExtent(NamedTuple):
    """Where the coded data of a JPEG begin and end, and how many scans it has."""

    data: int
    data_end: int
    scans: int
    arithmetic: bool  # its decoder needs all data at once

    @property
    def can_be_fed(self) -> bool:
        """Whether it comes in one scan, and has data enough to hold some back; see `JpegFeed`."""
        return self.scans == 1 and not self.arithmetic and self.data_end - _HELD_BACK > self.data


def pixel_part(content: bytes, kind: str, known_whole: bool = False) -> tuple[bytes, int]:
    """Return the file that a decoder gets, and of how many pictures of a PNG or GIF it has the first.

    It is what makes the pixels, and a PNG's profile and orientation. Of a BMP, TIFF or JPEG XL it is the
    content as it is. With `known_whole` the data are not looked at once more.

    Raises:
        Unreadable: a PNG, GIF, WebP, AVIF, HEIF or JPEG 2000 lacks a part or has a damaged one. Of other
            formats `jpeg_extent` and the decoders tell.
    """
    try:
        if kind == "PNG":
            return _png(content, known_whole)
        if kind == "GIF":
            return _gif(content)
        walk = _WALKS.get(kind)
        return (content if walk is None else walk(content)), 1
    except IndexError as error:
        raise truncated(kind) from error


def jpeg_extent(content: bytes) -> JpegExtent:
    """Walk through the segments and scans of a JPEG; raise Unreadable where one is missing or damaged."""
    data = scan_data = scans = interval = data_end = 0
    arithmetic = False
    frame: Frame | None = None
    n_units: int | None = None
    try:
        for marker, payload, end in segments(content):
            if marker in START_OF_FRAME or marker in _NOT_DECODED:
                frame, arithmetic = _decoded_frame(marker, payload), marker in _ARITHMETIC_FRAMES
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
                data_end = end
    except IndexError as error:
        raise truncated("JPEG") from error
    return JpegExtent(data, data_end, scans, arithmetic)


def _decoded_frame(marker: int, payload: bytes) -> Frame:
    """Return the start of a frame; raise Unreadable where no decoder here takes its kind."""
    if marker not in _FRAMES:
        kind = _NOT_DECODED.get(marker, "hierarchical")
        raise Unreadable(f"it is a JPEG of a kind that is not read ({kind}); save it as PNG or TIFF")
    frame = frame_of(payload)
    if frame.bits != 8:
        raise Unreadable(
            f"it is a JPEG of {frame.bits} bits a colour, which is not read; save it as PNG or TIFF"
        )
    return frame


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
    if len(data) < (5 if kind == b"VP8L" else 10):
        raise truncated("WEBP")
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[4:7], "little"), 1 + int.from_bytes(data[7:10], "little")
    if kind == b"VP8L":
        packed = int.from_bytes(data[1:5], "little")
        return 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)
    return int.from_bytes(data[6:8], "little") & 0x3FFF, int.from_bytes(data[8:10], "little") & 0x3FFF


def _png(content: bytes, known_whole: bool) -> tuple[bytes, int]:
    view, n_pictures, end = memoryview(content), 1, 0
    pixels, shown_by, dropped = [view[:8]], list[memoryview](), False
    for name, start, end in png_chunks(content):
        if name == b"IEND":
            break  # it says nothing, whatever its checksum
        if name not in _CRITICAL and name not in _SHOWN_BY:
            if name == b"acTL":
                n_pictures = int.from_bytes(content[start + 8 : start + 12], "big")
            dropped = True
            continue
        checksum = int.from_bytes(content[end - 4 : end], "big")
        trusted = known_whole and name in _CRITICAL
        whole = trusted or zlib.crc32(view[start + 4 : end - 4]) == checksum
        if name in _CRITICAL:
            if not whole:
                raise damaged(f"the checksum of a chunk {name.decode('latin-1')} is wrong")
            pixels.append(view[start:end])
        elif whole and (name != b"iCCP" or _is_profile(content[start + 8 : end - 4])):
            shown_by.append(view[start:end])
        else:
            dropped = True
    if not (dropped or shown_by) and end == len(content) and content.endswith(_PNG_END):
        return content, n_pictures
    # An orientation may stand behind the pixels.
    return b"".join([*pixels[:2], *shown_by, *pixels[2:], _PNG_END]), n_pictures


def _is_profile(data: bytes) -> bool:
    """Tell a chunk with a name and a compressed profile (ISO/IEC 15948, 11.3.3.3) from junk."""
    return data.find(b"\0\0") == data.find(b"\0") > 0


def png_chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and end of each chunk of a PNG up to its IEND, or up to where it breaks off.

    Raises IndexError where it breaks off before its data or in them. Whether those that are there make all
    rows, the decoder tells.
    """
    position, has_data = 8, False
    for _ in range(_MOST_CHUNKS):
        name = content[position + 4 : position + 8]
        end = position + 12 + int.from_bytes(content[position : position + 4], "big")
        if end > len(content):
            if has_data and name not in _CRITICAL - {b"IEND"}:
                return
            raise IndexError
        yield name, position, end
        if name == b"IEND":
            return
        position, has_data = end, has_data or name == b"IDAT"
    raise damaged(f"more than {_MOST_CHUNKS:,} chunks")


def _gif(content: bytes) -> tuple[bytes, int]:
    """Return its first picture, with the block that tells its transparency, after a walk through all."""
    position = 13 + _colours(content[10])
    pieces, n_pictures, n_blocks, control = [content[:position]], 0, 0, b""
    # Some programs leave out the trailer, which says nothing.
    while not (position == len(content) and n_pictures):
        start, introducer = position, content[position]
        if introducer == 0x3B:
            break
        if introducer == 0x21:
            position += 2
        elif introducer == 0x2C:
            position, n_pictures = position + 11 + _colours(content[position + 9]), n_pictures + 1
        else:
            raise damaged(f"no block begins at byte {position:,}")
        while length := content[position]:
            position, n_blocks = position + 1 + length, n_blocks + 1
            if n_blocks > _MOST_BLOCKS:
                raise damaged(f"more than {_MOST_BLOCKS:,} blocks")
        position += 1
        if content[start : start + 3] == b"\x21\xf9\x04" and not n_pictures:
            control = content[start:position]
        elif introducer == 0x2C and n_pictures == 1:
            pieces += [control, content[start:position], b";"]
    return b"".join(pieces), n_pictures


def _colours(flags: int) -> int:
    """Count the bytes of a colour table."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _webp(content: bytes) -> bytes:
    if 8 + int.from_bytes(content[4:8], "little") > len(content):
        raise IndexError
    return content


_WALKS = {
    "JPEG": decodable, "WEBP": _webp, "AVIF": items_part, "HEIF": items_part, "JPEG2000": jpeg_2000_part,
}  # fmt: skip


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
        end = extent.data_end
        padding = end - extent.data - len(content[extent.data : end].rstrip(b"\0"))
        data_end = end - padding
        self._stops = [end - _HELD_BACK, end]
        # Cameras write zeros before the end. Where there are many, a decoder must either stop where they
        # begin or have use for them all, as for a picture of one colour.
        if data_end - _HELD_BACK > extent.data:
            stops = (data_end - _HELD_BACK, data_end + len(_NO_DATA), *self._stops)
            self._stops = sorted(stops) if padding > _HELD_BACK + len(_NO_DATA) else [stops[0], end]
        self._behind = [_NO_DATA, _END_MARKER]
        self._piece = 0  # the last that was asked for

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to `size` bytes of the next piece."""
        position = self.tell()
        while self._piece < len(self._stops) and self._stops[self._piece] <= position:
            self._piece += 1
        if self._piece == len(self._stops):
            return self._behind.pop(0) if self._behind else b""
        left = self._stops[self._piece] - position
        return super().read(left if size is None or size < 0 else min(size, left))

    def check(self) -> None:
        """Raise Unreadable where a decoder that is done has not used the data up, or has used more."""
        if self._piece in {0, len(self._stops) - 2}:
            raise damaged("data are left over at its end")
        if not self._behind:
            raise damaged("data are missing at its end")
