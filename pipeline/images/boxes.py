"""Pictures in boxes: where what makes the pixels of an AVIF, a HEIF or a JPEG 2000 ends.

Cameras, archives and DICOM leave bytes behind it, and boxes that nobody knows. References: ISO/IEC 14496-12,
section 4.2 (boxes); ISO/IEC 23008-12 (HEIF); ISO/IEC 15444-1, annex A (JPEG 2000) and annex I (its file).
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.images.jpeg import damaged

_CODE_STREAM = b"\xff\x4f\xff\x51"  # a JPEG 2000 without boxes
_END_OF_CODE_STREAM = b"\xff\xd9"
_TILE_PART = b"\xff\x90"
_LEAST_OF_TILE_PART = 14  # bytes: its header, and the marker before its data
_MOST_BOXES = 1 << 16
_MOST_TILE_PARTS = 1 << 20
_HEADERS, _DATA = {b"meta", b"moov"}, {b"mdat", b"idat"}

# The entry of an item (23008-12, 9.2; 14496-12, 8.11.6) that decoders would look into.
_ITEM_OF_METADATA = re.compile(rb"(infe(?:\x02.{7}|\x03.{9}))(?:Exif|mime)", re.DOTALL)


class Box(NamedTuple):
    """The name of a box, where what is in it begins, and where it ends."""

    name: bytes
    start: int
    end: int


def boxes(content: bytes, position: int = 0) -> Iterator[Box]:
    """Yield the boxes of a file; the last may end too late.

    Raises:
        Unreadable: something else stands where a box must.
    """
    for _ in range(_MOST_BOXES):
        if position >= len(content):
            return
        length = int.from_bytes(content[position : position + 4], "big")
        header = 8
        if length == 1:
            length, header = int.from_bytes(content[position + 8 : position + 16], "big"), 16
        elif length == 0:  # to the end of the file
            length = len(content) - position
        if length < header:
            raise damaged(f"no box begins at byte {position:,}")
        yield Box(content[position + 4 : position + 8], position + header, position + length)
        position += length
    raise damaged(f"more than {_MOST_BOXES:,} boxes")


def items_part(content: bytes) -> bytes:
    """Return an AVIF or HEIF without metadata, and without what follows its last whole box.

    Its orientation is a property of the picture; what EXIF and XMP say does not count (ISO/IEC 23000-22).

    Raises:
        IndexError: it breaks off before all its data.
        Unreadable: it has no box where one must be.
    """
    seen: set[bytes] = set()
    found = boxes(content)
    whole = 0
    pieces = list[bytes]()
    while box := _next(found, complete=bool(seen & _HEADERS and seen & _DATA)):
        if box.end > len(content):
            if box.name in _DATA or not (seen & _HEADERS and seen & _DATA):
                raise IndexError
            break
        seen.add(box.name)
        if box.name == b"meta" and b"idat" in content[box.start : box.end]:
            seen.add(b"idat")
        pieces.append(content[whole : box.end])
        if box.name == b"meta":
            pieces[-1] = _ITEM_OF_METADATA.sub(rb"\1skip", pieces[-1])
        whole = box.end
    if not seen & _HEADERS:
        raise IndexError
    return b"".join(pieces)


def _next(found: Iterator[Box], complete: bool) -> Box | None:
    """Return the next box; None behind the last, which may be anything where the picture is complete."""
    try:
        return next(found, None)
    except Exception:
        if complete:
            return None
        raise


def jpeg_2000_part(content: bytes) -> bytes:
    """Return a JPEG 2000 without what follows the end of its first code stream.

    Raises:
        IndexError: it breaks off.
        Unreadable: it has no box, no tile or no marker where one must be.
    """
    box = code_stream(content)
    if box.end > len(content):
        raise IndexError
    end = _end_of_code_stream(content, box.start, box.end)
    # What is said of the length of a box stays true, unless it goes to the end of the file.
    if box.start and content[box.start - 8 : box.start - 4] != bytes(4):
        end = box.end
    return content if end == len(content) else content[:end]


def code_stream(jpeg_2000: bytes) -> Box:
    """Return where the first code stream of a JPEG 2000 lies, which may be all of it.

    Raises:
        IndexError: there is none.
        Unreadable: something else stands where a box must.
    """
    if jpeg_2000.startswith(_CODE_STREAM):
        return Box(b"jp2c", 0, len(jpeg_2000))
    for box in boxes(jpeg_2000):
        if box.name == b"jp2c":
            return box
    raise IndexError


def _end_of_code_stream(content: bytes, start: int, end: int) -> int:
    """Walk along markers and parts of tiles; return where the end marker ends."""
    position = start + 2
    for _ in range(_MOST_TILE_PARTS):
        marker = content[position : position + 2]
        if marker == _END_OF_CODE_STREAM:
            return position + 2
        if len(marker) < 2 or position >= end:
            raise IndexError
        if marker == _TILE_PART:
            length = int.from_bytes(content[position + 6 : position + 10], "big")
            if length == 0:  # to the end marker, whose bytes no data have
                return content.index(_END_OF_CODE_STREAM, position, end) + 2
            if length < _LEAST_OF_TILE_PART:
                raise damaged(f"a part of a tile has {length} bytes")
            position += length
        elif marker[0] == 0xFF:
            position += 2 + int.from_bytes(content[position + 2 : position + 4], "big")
        else:
            raise damaged(f"no marker at byte {position:,}")
    raise damaged(f"more than {_MOST_TILE_PARTS:,} parts of tiles")
