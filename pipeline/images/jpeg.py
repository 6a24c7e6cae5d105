"""The segments of a JPEG, and what its header tells of how it was saved: tables, subsampling, quality.

Reference: ITU-T T.81 (JPEG), annex B (markers) and K (the tables that libjpeg scales by quality, and its
Huffman tables).
"""

import functools
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image

from pipeline.images.files import Unreadable

START_OF_FRAME = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
HUFFMAN, START_OF_SCAN, QUANTISATION, LINES, RESTART_INTERVAL = 0xC4, 0xDA, 0xDB, 0xDC, 0xDD
JFIF, ADOBE, JPEG_LS, COMMENT = 0xE0, 0xEE, 0xF7, 0xFE
CODED_DATA = -1  # no marker: the compressed data of a scan, which follow its START_OF_SCAN
END_OF_IMAGE = 0xD9
_METADATA = {*range(0xE0, 0xF0), COMMENT}  # an APP0 and an APP14 tell how colours are stored
_MOST_METADATA = 512
# Of those two the name, and the bytes below which libjpeg passes over them, and Pillow fails.
_LEAST_METADATA = {JFIF: (b"JFIF", 14), ADOBE: (b"Adobe", 12)}
# Tables and frames; 0xCC conditions arithmetic coding.
_OF_PIXELS = START_OF_FRAME | {HUFFMAN, QUANTISATION, RESTART_INTERVAL, JPEG_LS, 0xCC}
_PROGRESSIVE_FRAMES = {0xC2, 0xC6, 0xCA, 0xCE}
# In compressed data: neither stuffed nor a restart. Fill bytes before it are cut off afterwards, because a
# pattern that begins with them is ten times as slow.
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
# Between segments: any number of fill bytes may stand before it, and cameras leave other bytes there, which
# decoders pass over. All of that is searched by one pattern, for a file can hold a hundred million of them.
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")
_MOST_SEGMENTS = 65_536  # the profile of a camera takes 255 at most, the depth map of a phone some hundreds
# What Samsung's cameras write behind a panorama instead of its end: the kind and the name of each block.
_BLOCK_OF_SAMSUNG = re.compile(rb"\0\0..([\x04-\x40])\0\0\0(?=[A-Z][A-Za-z]+_)", re.DOTALL)
_END_OF_SAMSUNG = b"SEFT"

# Row by row the place of each number of a table in the order in which a file stores them.
# fmt: off
ZIGZAG = np.array([
     0,  1,  8, 16,  9,  2,  3, 10, 17, 24, 32, 25, 18, 11,  4,  5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13,  6,  7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
])
_LUMINANCE = np.array([
    16, 11, 10, 16,  24,  40,  51,  61, 12, 12, 14, 19,  26,  58,  60,  55,
    14, 13, 16, 24,  40,  57,  69,  56, 14, 17, 22, 29,  51,  87,  80,  62,
    18, 22, 37, 56,  68, 109, 103,  77, 24, 35, 55, 64,  81, 104, 113,  92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103,  99,
])
_CHROMINANCE = np.array([
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
    *[99] * 32,
])
# fmt: on
BLOCK = 8  # pixels, a side of what is transformed at once
NO_TABLE = np.zeros((BLOCK, BLOCK), np.float32)  # where pixels do not lie as a JPEG has saved them
NO_TABLE.flags.writeable = False
# By the factors of the brightness, where the colours have 1 and 1.
SUBSAMPLINGS = {
    (1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0", (1, 2): "4:4:0", (4, 1): "4:1:1", (4, 2): "4:1:0",
}  # fmt: skip


class Segment(NamedTuple):
    """A marker (0xDB, …) with what belongs to it, and where that ends in the file.

    Those of CODED_DATA are not copied: they lie from the end of their START_OF_SCAN to `end`.
    """

    marker: int
    payload: bytes
    end: int


def segments(content: bytes) -> Iterator[Segment]:
    """Yield the segments of a JPEG up to the end of its picture; nothing where the content is no JPEG.

    Raises:
        Unreadable: it breaks off, or something else stands where a marker must.
    """
    if content[:2] != b"\xff\xd8":
        return
    position, count, blocks = 2, 0, None
    while found := _MARKER.search(content, position):
        marker, position, count = content[found.end() - 1], found.end(), count + 1
        if marker == END_OF_IMAGE:
            yield Segment(marker, b"", position)
            return
        if count > _MOST_SEGMENTS:
            raise damaged(f"more than {_MOST_SEGMENTS:,} segments")
        length = int.from_bytes(content[position : position + 2], "big")
        payload = content[position + 2 : position + length]
        if length < 2 or len(payload) != length - 2:
            break
        position += length
        yield Segment(marker, payload, position)
        if marker == START_OF_SCAN:
            start, following = position, _NEXT_MARKER.search(content, position)
            position = len(content) if following is None else following.start()
            blocks = _samsung_blocks(content, start) if blocks is None else blocks
            if blocks < position:
                yield Segment(CODED_DATA, b"", blocks)
                yield Segment(END_OF_IMAGE, b"", blocks)
                return
            if following is None:
                break
            filled = content[position - 1] == 0xFF
            end = start + len(content[start:position].rstrip(b"\xff")) if filled else position
            yield Segment(CODED_DATA, b"", end)
    raise truncated("JPEG")


def _samsung_blocks(content: bytes, start: int) -> int:
    """Return where what Samsung's cameras write behind a picture begins; the file's end where nowhere."""
    if not content.endswith(_END_OF_SAMSUNG):
        return len(content)
    for found in _BLOCK_OF_SAMSUNG.finditer(content, start):
        name = content[found.end() : found.end() + found[1][0]]
        if name.isascii() and name.decode("ascii").isprintable():
            return found.start()
    return len(content)


def header_segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield marker and payload of the segments of a JPEG up to its first scan; raises as `segments`."""
    for marker, payload, _ in segments(content):
        yield marker, payload
        if marker == START_OF_SCAN:
            return


def decodable(content: bytes) -> bytes:
    """Return a JPEG with a header that every decoder reads; the same bytes where it is so, as in nearly all.

    Left out are bytes between segments, segments of no known kind, and metadata that are cut short or beyond
    the first hundreds. A height that follows the first scan (a DNL marker, annex B.2.5) is filled in.

    Raises:
        Unreadable: as `segments`.
    """
    if content.endswith(_END_OF_SAMSUNG):
        *_, last = segments(content)
        content = content[: last.end].removesuffix(b"\xff\xd9") + b"\xff\xd9"
    pieces, n_metadata, frame_at, start = [content[:2]], 0, 0, 2
    for marker, payload, end in segments(content):
        start = end - len(payload) - 4
        if marker == START_OF_SCAN:
            break
        n_metadata += marker in _METADATA
        name, least = _LEAST_METADATA.get(marker, (b"", 0))
        if payload.startswith(name) and len(payload) < least:
            continue
        if marker in _OF_PIXELS or (marker in _METADATA and n_metadata <= _MOST_METADATA):
            if marker in START_OF_FRAME and payload[1:3] == b"\0\0":
                frame_at = sum(map(len, pieces))
            pieces.append(content[start:end])
    else:
        return content
    header = b"".join(pieces)
    if frame_at:
        lines = next((payload for marker, payload, _ in segments(content) if marker == LINES), b"\0\0")
        header = header[: frame_at + 5] + lines[:2] + header[frame_at + 7 :]
    return content if content.startswith(header) and len(header) == start else header + content[start:]


def damaged(what: str) -> Unreadable:
    """What to raise for a file that is not as it was written."""
    return Unreadable(f"it is damaged ({what}); get a whole copy of it")


def truncated(kind: str) -> Unreadable:
    """What to raise for a file that breaks off."""
    return Unreadable(f"the file is truncated (its {kind} has no end); get a whole copy of it")


class Component(NamedTuple):
    """One colour of a frame: its number, its sampling factors, the number of its quantisation table."""

    number: int
    across: int
    down: int
    table: int


class Frame(NamedTuple):
    """What the start of a frame says (annex B.2.2)."""

    bits: int
    height: int
    width: int
    components: tuple[Component, ...]


def frame_of(payload: bytes) -> Frame:
    """Parse the start of a frame; raise IndexError where it is too short."""
    fields = [payload[6 + 3 * i : 9 + 3 * i] for i in range(payload[5])]
    components = tuple(Component(each[0], each[1] >> 4, each[1] & 15, each[2]) for each in fields)
    height, width = int.from_bytes(payload[1:3], "big"), int.from_bytes(payload[3:5], "big")
    return Frame(payload[0], height, width, components)


def quantisation_tables(payload: bytes) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """Yield number, bytes of a value and the 64 values, row by row, of each table; ValueError: too short."""
    position = 0
    while position < len(payload):
        bytes_each, number = 1 + (payload[position] >> 4), payload[position] & 15
        end = position + 1 + 64 * bytes_each
        table = np.empty(64, dtype=int)
        table[ZIGZAG] = np.frombuffer(payload[position + 1 : end], ">u2" if bytes_each == 2 else "u1")
        yield number, bytes_each, tuple(table.tolist())
        position = end


def huffman_tables(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield class and number of each table in a segment, and its codes: 16 counts and the values."""
    position = 0
    while position + 17 <= len(payload):
        end = position + 17 + sum(payload[position + 1 : position + 17])
        yield payload[position], payload[position + 1 : end]
        position = end


def is_standard(class_and_number: int, codes: bytes) -> bool:
    """Whether a Huffman table is that of annex K.3, which libjpeg writes unless it is told to optimise."""
    return codes == _standard_huffman().get(class_and_number)


@functools.cache
def _standard_huffman() -> dict[int, bytes]:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    payloads = [payload for marker, payload in header_segments(buffer.getvalue()) if marker == HUFFMAN]
    return dict(table for payload in payloads for table in huffman_tables(payload))


@dataclass(frozen=True)
class JpegHeader:
    """How a JPEG was saved.

    Attributes:
        tables: the quantisation table of each component, each 64 numbers in rows of the 8x8 block.
        subsampling: of the chrominance, "4:4:4", "4:2:2", "4:2:0", "4:4:0", "4:1:1", "4:1:0"; "grey" for
            one component; the sampling factors ("1x2,1x1,1x1") for anything else.
        chroma: samples of it for each of luminance: 4:2:0 has 0.25, grey 0.
        progressive: in several scans, from coarse to fine.
        quality: of libjpeg, 1 to 100, whose tables are nearest.
        exact: the tables are those of that quality; otherwise another encoder's.
    """

    tables: tuple[tuple[int, ...], ...]
    subsampling: str
    chroma: float
    progressive: bool
    quality: int
    exact: bool


def read_header(content: bytes) -> JpegHeader | None:
    """Read the header of a JPEG; None where the content is no JPEG or breaks off before its first scan."""
    tables: dict[int, tuple[int, ...]] = {}
    components: tuple[Component, ...] = ()
    progressive = False
    try:
        for marker, payload in header_segments(content):
            if marker == QUANTISATION:
                tables.update((number, table) for number, _, table in quantisation_tables(payload))
            elif marker in START_OF_FRAME:
                progressive, components = marker in _PROGRESSIVE_FRAMES, frame_of(payload).components
            elif marker == START_OF_SCAN:
                chosen = tuple(tables[component.table] for component in components)
                colours = (_subsampling(components), _chroma(components))
                return JpegHeader(chosen, *colours, progressive, *_quality(chosen))
    except (Unreadable, IndexError, KeyError, ValueError):
        return None
    return None


def libjpeg_tables(quality: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the luminance and the chrominance table that libjpeg writes at `quality`, 1 to 100.

    >>> libjpeg_tables(50)[0][:8]
    (16, 11, 10, 16, 24, 40, 51, 61)
    """
    luminance, chrominance = _scaled(quality)
    return tuple(luminance.tolist()), tuple(chrominance.tolist())


def dct_basis() -> np.ndarray:
    """Return the orthonormal DCT-II of eight values as (frequency, place): basis @ block @ basis.T.

    >>> bool(np.allclose(dct_basis() @ dct_basis().T, np.eye(8)))
    True
    """
    frequency, place = np.mgrid[0:8, 0:8]
    basis: np.ndarray = np.cos(np.pi * (2 * place + 1) * frequency / 16) * np.sqrt(2 / 8)
    basis[0] /= np.sqrt(2)
    return basis


def _scaled(quality: int) -> np.ndarray:
    # As jpeg_set_quality does, to (2, 64); baseline, so at most 255.
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((np.stack([_LUMINANCE, _CHROMINANCE]) * scale + 50) // 100, 1, 255)


def _chroma(components: tuple[Component, ...]) -> float:
    luma, *others = (component.across * component.down for component in components)
    return float(sum(others) / len(others) / luma) if others and luma else 0.0


def _subsampling(components: tuple[Component, ...]) -> str:
    if len(components) == 1:
        return "grey"
    factors = [(component.across, component.down) for component in components]
    if len(factors) == 3 and factors[1] == factors[2]:
        (across, down), (least_across, least_down) = factors[:2]
        for (times_across, times_down), name in SUBSAMPLINGS.items():
            if (across, down) == (times_across * least_across, times_down * least_down):
                return name
    return ",".join(f"{across}x{down}" for across, down in factors)


@functools.cache
def _all_qualities() -> np.ndarray:
    return np.stack([_scaled(quality) for quality in range(1, 101)])


@functools.lru_cache(maxsize=4096)
def _quality(tables: tuple[tuple[int, ...], ...]) -> tuple[int, bool]:
    """Find the nearest quality, by luminance, then chrominance, and whether both tables are its own."""
    wanted = np.array(tables[:2])
    distances = np.abs(_all_qualities()[:, : len(wanted)] - wanted).sum(axis=2)
    index = int(np.lexsort(distances.T[::-1])[0])
    return index + 1, not distances[index].any()
