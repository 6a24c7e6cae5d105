"""What the header of a JPEG tells of its last save: quantisation tables, subsampling, quality.

Reference: ITU-T T.81 (JPEG), annex B (markers) and K (the tables that libjpeg scales by quality).
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_START_OF_SCAN, _QUANTISATION = 0xDA, 0xDB
_START_OF_FRAME = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_WITHOUT_PAYLOAD = {0x01, *range(0xD0, 0xD9)}
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}

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
                progressive = marker in _PROGRESSIVE
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
