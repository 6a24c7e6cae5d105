"""What the header of a JPEG tells of its last save: quantisation tables, subsampling, quality.

Reference: ITU-T T.81 (JPEG), annex B (markers) and K (the tables that libjpeg scales by quality).
"""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

_START_OF_SCAN, _QUANTISATION = 0xDA, 0xDB
_START_OF_FRAME = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_WITHOUT_PAYLOAD = {0x01, *range(0xD0, 0xD9)}
_PROGRESSIVE_FRAMES = {0xC2, 0xC6, 0xCA, 0xCE}

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
NO_TABLE = np.zeros((8, 8), np.float32)  # where pixels do not lie as a JPEG has saved them
NO_TABLE.flags.writeable = False


@dataclass(frozen=True)
class JpegHeader:
    """How a JPEG was saved.

    Attributes:
        tables: the quantisation table of each component, each 64 numbers in rows of the 8x8 block.
        subsampling: of the chrominance, "4:4:4", "4:2:2", "4:2:0", "4:4:0", "4:1:1", "4:1:0"; "grey" for
            one component; the sampling factors ("1x2,1x1,1x1") for anything else.
        progressive: in several scans, from coarse to fine.
        quality: of libjpeg, 1 to 100, whose tables are nearest.
        exact: the tables are those of that quality; otherwise another encoder's.
    """

    tables: tuple[tuple[int, ...], ...]
    subsampling: str
    progressive: bool
    quality: int
    exact: bool


def read_header(content: bytes) -> JpegHeader | None:
    """Read the header of a JPEG; None where the content is no JPEG or breaks off before its first scan."""
    tables: dict[int, tuple[int, ...]] = {}
    components: list[tuple[int, int, int]] = []  # horizontal factor, vertical factor, number of its table
    progressive = False
    try:
        for marker, payload in segments(content):
            if marker == _QUANTISATION:
                tables.update(_tables_in(payload))
            elif marker in _START_OF_FRAME:
                progressive = marker in _PROGRESSIVE_FRAMES
                fields = [payload[6 + 3 * i : 9 + 3 * i] for i in range(payload[5])]
                components = [(field[1] >> 4, field[1] & 15, field[2]) for field in fields]
            elif marker == _START_OF_SCAN:
                chosen = tuple(tables[number] for _, _, number in components)
                return JpegHeader(chosen, _subsampling(components), progressive, *_quality(chosen))
    except (IndexError, KeyError, ValueError):
        return None
    return None


def segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Give the segments of a JPEG up to the first scan: marker (0xDB, ...) and payload.

    Raises:
        IndexError: the content breaks off.
    """
    if content[:2] != b"\xff\xd8":
        return
    position = 2
    while True:
        if content[position] != 0xFF:
            return
        while content[position] == 0xFF:  # any number of fill bytes
            position += 1
        marker = content[position]
        position += 1
        if marker in _WITHOUT_PAYLOAD:
            continue
        length = int.from_bytes(content[position : position + 2], "big")
        if length < 2 or position + length > len(content):
            raise IndexError("the header breaks off")
        yield marker, content[position + 2 : position + length]
        if marker == _START_OF_SCAN:
            return
        position += length


def libjpeg_tables(quality: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Give the luminance and the chrominance table that libjpeg writes at `quality`, 1 to 100."""
    luminance, chrominance = _scaled(quality)
    return tuple(luminance.tolist()), tuple(chrominance.tolist())


def _scaled(quality: int) -> np.ndarray:
    """Scale the standard tables as jpeg_set_quality does, to (2, 64); baseline, so at most 255."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((np.stack([_LUMINANCE, _CHROMINANCE]) * scale + 50) // 100, 1, 255)


def _tables_in(payload: bytes) -> Iterator[tuple[int, tuple[int, ...]]]:
    position = 0
    while position < len(payload):
        bytes_each, number = 1 + (payload[position] >> 4), payload[position] & 15
        end = position + 1 + 64 * bytes_each
        values = np.frombuffer(payload[position + 1 : end], dtype=">u2" if bytes_each == 2 else "u1")
        table = np.empty(64, dtype=int)
        table[ZIGZAG] = values  # ValueError where it breaks off
        yield number, tuple(table.tolist())
        position = end


def _subsampling(components: list[tuple[int, int, int]]) -> str:
    factors = [(horizontal, vertical) for horizontal, vertical, _ in components]
    if len(factors) == 1:
        return "grey"
    names = {
        (1, 1): "4:4:4",
        (2, 1): "4:2:2",
        (2, 2): "4:2:0",
        (1, 2): "4:4:0",
        (4, 1): "4:1:1",
        (4, 2): "4:1:0",
    }
    if len(factors) == 3 and factors[1] == factors[2]:
        ratio = (factors[0][0] / factors[1][0], factors[0][1] / factors[1][1])
        for known, name in names.items():
            if ratio == known:
                return name
    return ",".join(f"{horizontal}x{vertical}" for horizontal, vertical in factors)


@functools.cache
def _all_qualities() -> np.ndarray:
    return np.stack([_scaled(quality) for quality in range(1, 101)])


@functools.lru_cache(maxsize=4096)
def _quality(tables: tuple[tuple[int, ...], ...]) -> tuple[int, bool]:
    """Find libjpeg's quality with the nearest luminance table, by the sum of absolute differences.

    The chrominance table decides between equals, and belongs to what is called exact.
    """
    found = np.array(tables[:2])
    distances = np.abs(_all_qualities()[:, : len(found)] - found).sum(axis=2)
    index = int(np.lexsort(distances.T[::-1])[0])
    return index + 1, not distances[index].any()


# A JPEG taken apart, so that its compressed picture can be put into a plain file without encoding it again.
#
# What stands around the compressed data (order of the segments, numbers of tables and components, comments,
# profiles, thumbnails, more pictures behind the first) tells the program that wrote a file. `plain` writes
# it as libjpeg does. Only what a file saved by us may look like is taken apart: 8-bit YCbCr in one baseline
# scan, or in the progressive scans of libjpeg.
#
# Reference: ITU-T T.81 (JPEG), annex B (markers), K.3 (Huffman tables).
#

_SOI, _EOI, _SOS, _DQT, _DHT, _DRI = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDD
_BASELINE, _PROGRESSIVE = 0xC0, 0xC2
_WITHOUT_MEANING = {*range(0xE1, 0xEE), 0xEF, 0xFE}  # application data, comments; APP0 and APP14 are read
_JFIF = bytes.fromhex("ffe000104a46494600010100000100010000")  # version 1.1, square pixels of no size
_NEXT_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")  # in compressed data: neither stuffed nor a restart
# By component, the approximation and the band of each scan: jpeg_simple_progression of libjpeg.
_LIBJPEG_SCANS = [
    "012:0-0:01", "0:1-5:02", "2:1-63:01", "1:1-63:01", "0:6-63:02",
    "0:1-63:21", "012:0-0:10", "2:1-63:10", "1:1-63:10", "0:1-63:10",
]  # fmt: skip
# How many codes have 1, 2, … 16 bits in the tables of annex K.3, by class and number.
_STANDARD_CODES = {
    0x00: bytes.fromhex("00010501010101010100000000000000"),
    0x10: bytes.fromhex("0002010303020403050504040000017d"),
    0x01: bytes.fromhex("00030101010101010101010000000000"),
    0x11: bytes.fromhex("00020102040403040705040400010277"),
}


class Scan(NamedTuple):
    """One scan: the Huffman tables before it (class and number, codes), its components, their tables."""

    huffman: dict[int, bytes]
    components: tuple[int, ...]
    selectors: bytes
    band: bytes
    data: bytes


@dataclass(frozen=True)
class JpegParts:
    """What a JPEG consists of but for its metadata.

    Attributes:
        progressive: in the scans of libjpeg; else in one.
        width: pixels, as height.
        height: of the picture.
        sampling: horizontal and vertical factor of each component.
        tables: quantisation tables, each 64 numbers in rows of the 8x8 block.
        table_of: index into `tables` of each component.
        restart_interval: blocks of the scan between restart markers; 0: none.
        scans: the compressed data.
    """

    progressive: bool
    width: int
    height: int
    sampling: tuple[tuple[int, int], ...]
    tables: tuple[tuple[int, ...], ...]
    table_of: tuple[int, ...]
    restart_interval: int
    scans: tuple[Scan, ...]

    @property
    def optimised(self) -> bool:
        """Whether the Huffman tables are others than those of annex K.3."""
        return any(
            codes[:16] != _STANDARD_CODES.get(number)
            for scan in self.scans
            for number, codes in scan.huffman.items()
        )

    def plain(self) -> bytes:
        """Give the file that libjpeg would have written around the same compressed data."""
        found = [b"\xff\xd8", _JFIF]
        for number, table in enumerate(self.tables):
            values = np.array(table, dtype=np.uint8)[ZIGZAG]
            found.append(_segment(_DQT, bytes([number]) + values.tobytes()))
        frame = bytes([8]) + self.height.to_bytes(2, "big") + self.width.to_bytes(2, "big") + b"\x03"
        for index, ((across, down), table_number) in enumerate(
            zip(self.sampling, self.table_of, strict=True), 1
        ):
            frame += bytes([index, across << 4 | down, table_number])
        found.append(_segment(_PROGRESSIVE if self.progressive else _BASELINE, frame))
        for scan in self.scans:
            # Number before class: each component's table of averages, then that of details.
            order = sorted(scan.huffman, key=lambda each: (each & 15, each >> 4))
            found += [_segment(_DHT, bytes([number]) + scan.huffman[number]) for number in order]
            if self.restart_interval:
                found.append(_segment(_DRI, self.restart_interval.to_bytes(2, "big")))
            chosen = b"".join(
                bytes([component + 1, selector])
                for component, selector in zip(scan.components, scan.selectors, strict=True)
            )
            found.append(_segment(_SOS, bytes([len(scan.components)]) + chosen + scan.band))
            found.append(scan.data)
        found.append(b"\xff\xd9")
        return b"".join(found)


def take_apart(content: bytes) -> JpegParts | None:
    """Take a JPEG apart.

    Returns:
        its parts; None where it is no whole JPEG, or one that `plain` could not write or would change:
        grey, RGB, CMYK, arithmetic, lossless, 12 bits, tables of 16 bits, unusual sampling or scans.
    """
    try:
        return _Reader(content).read()
    except (_NotPlainError, IndexError, KeyError, ValueError):
        return None


class _NotPlainError(Exception):
    """The file cannot be written plainly."""


class _Reader:
    """Collects the parts of one file."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._tables: dict[int, tuple[int, ...]] = {}
        self._huffman: dict[int, bytes] = {}
        self._scans: list[Scan] = []
        self._frame: bytes | None = None
        self._progressive = False
        self._interval = 0
        self._jfif = False
        self._adobe_transform: int | None = None

    def read(self) -> JpegParts:
        for marker, payload, end in self._segments():
            if marker == _SOS:
                self._scan(payload, end)
            elif marker == _DHT:
                self._huffman.update(_huffman_in(payload))
            elif marker in {_DQT, _DRI, _BASELINE, _PROGRESSIVE} and not self._scans:
                self._setting(marker, payload)
            elif marker == 0xE0:
                self._jfif |= payload.startswith(b"JFIF\0")
            elif marker == 0xEE:
                if payload.startswith(b"Adobe") and len(payload) >= 12:
                    self._adobe_transform = payload[11]
            elif marker not in _WITHOUT_MEANING:
                raise _NotPlainError
        return self._parts()

    def _segments(self) -> Iterator[tuple[int, bytes, int]]:
        """Give marker, payload and end of each segment up to the end of the picture."""
        content, position = self._content, 2
        if content[:2] != b"\xff\xd8":
            raise _NotPlainError
        while True:
            if content[position] != 0xFF:
                raise _NotPlainError
            while content[position] == 0xFF:
                position += 1
            marker, position = content[position], position + 1
            if marker == _EOI:
                return
            length = int.from_bytes(content[position : position + 2], "big")
            position += length
            if length < 2 or position > len(content):
                raise _NotPlainError
            yield marker, content[position - length + 2 : position], position
            if marker == _SOS:
                position += len(self._scans[-1].data)

    def _setting(self, marker: int, payload: bytes) -> None:
        if marker == _DQT:
            for start in range(0, len(payload), 65):
                number, values = payload[start], np.frombuffer(payload[start + 1 : start + 65], np.uint8)
                if number > 3:  # 16 bits
                    raise _NotPlainError
                table = np.empty(64, dtype=int)
                table[ZIGZAG] = values
                self._tables[number] = tuple(table.tolist())
        elif marker == _DRI:
            self._interval = int.from_bytes(payload[:2], "big")
        else:
            self._progressive, self._frame = marker == _PROGRESSIVE, payload

    def _scan(self, payload: bytes, end: int) -> None:
        if self._frame is None:
            raise _NotPlainError
        numbers = self._frame[6::3].index
        n_chosen = payload[0]
        components = tuple(numbers(payload[1 + 2 * i]) for i in range(n_chosen))
        selectors, band = payload[2 : 1 + 2 * n_chosen : 2], payload[1 + 2 * n_chosen :]
        following = _NEXT_MARKER.search(self._content, end)
        if following is None or len(band) != 3 or self._content[following.end() - 1] == 0xDC:
            raise _NotPlainError
        data = self._content[end : following.start()]
        self._scans.append(Scan(self._huffman, components, selectors, band, data))
        self._huffman = {}

    def _parts(self) -> JpegParts:
        frame = self._frame
        if frame is None or len(frame) != 15 or frame[0] != 8 or frame[5] != 3 or not self._is_ycbcr():
            raise _NotPlainError
        height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
        sampling = tuple((factors >> 4, factors & 15) for factors in frame[7::3])
        if sampling[1:] != ((1, 1), (1, 1)) or not (height and width and self._has_usual_scans()):
            raise _NotPlainError
        if self._progressive and self._interval:  # it would count other blocks in each scan
            raise _NotPlainError
        numbers = list(dict.fromkeys(frame[8::3]))
        return JpegParts(
            self._progressive,
            width,
            height,
            sampling,
            tuple(self._tables[number] for number in numbers),
            tuple(numbers.index(number) for number in frame[8::3]),
            self._interval,
            tuple(self._scans),
        )

    def _is_ycbcr(self) -> bool:
        """Follow libjpeg in what three components mean (default_decompress_parms of jdapimin.c)."""
        if self._jfif:
            return True
        if self._adobe_transform is not None:
            return self._adobe_transform == 1
        return self._frame is not None and self._frame[6::3] != b"RGB"

    def _has_usual_scans(self) -> bool:
        if not self._progressive:
            return len(self._scans) == 1 and self._scans[0].components == (0, 1, 2)
        scripts = [
            f"{''.join(map(str, scan.components))}:{scan.band[0]}-{scan.band[1]}:{scan.band[2]:02x}"
            for scan in self._scans
        ]
        return scripts == _LIBJPEG_SCANS


def _huffman_in(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """Give class and number of each table, and its codes: 16 counts and the values."""
    position = 0
    while position < len(payload):
        end = position + 17 + sum(payload[position + 1 : position + 17])
        yield payload[position], payload[position + 1 : end]
        position = end


def _segment(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, "big") + payload
