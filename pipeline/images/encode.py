"""Encoders, the ways to save a picture, and JPEGs taken apart so that their way can be used again.

What stands around the compressed data of a JPEG (order of the segments, numbers of tables and components,
comments, thumbnails, more pictures behind the first) tells the program that wrote it; so do Huffman tables.
`JpegParts.recoded` and `.plain` write it all as libjpeg does. Only what a file saved by us may look like is
taken apart: 8-bit YCbCr in one baseline scan, or in the progressive scans of libjpeg.

Reference: ITU-T T.81 (JPEG), annex B (markers).
"""

import functools
import hashlib
import io
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from PIL import Image, ImageFile

from pipeline.images.files import Unreadable
from pipeline.images.huffman import optimised
from pipeline.images.jpeg import (
    ADOBE,
    CODED_DATA,
    COMMENT,
    END_OF_IMAGE,
    HUFFMAN,
    JFIF,
    QUANTISATION,
    RESTART_INTERVAL,
    START_OF_SCAN,
    SUBSAMPLINGS,
    ZIGZAG,
    Frame,
    frame_of,
    huffman_tables,
    is_standard,
    quantisation_tables,
    segments,
)

_WRITTEN = {"4:4:4", "4:2:2", "4:2:0"}  # subsamplings that Pillow can write
_BASELINE, _PROGRESSIVE = 0xC0, 0xC2
_WITHOUT_MEANING = {*range(0xE1, 0xEE), 0xEF, COMMENT}  # application data; of JFIF and ADOBE more is read
LONGEST_SIDE = 65_500  # of a JPEG that libjpeg writes
_JFIF = bytes.fromhex("ffe000104a46494600010100000100010000")  # version 1.1, square pixels of no size
# By component, the approximation and the band of each scan: jpeg_simple_progression of libjpeg.
_LIBJPEG_SCANS = [
    "012:0-0:01", "0:1-5:02", "2:1-63:01", "1:1-63:01", "0:6-63:02",
    "0:1-63:21", "012:0-0:10", "2:1-63:10", "1:1-63:10", "0:1-63:10",
]  # fmt: skip


class Scan(NamedTuple):
    """One scan: its Huffman tables, its components, its band, in the way that libjpeg writes them.

    The tables that it needs are here, by class and number: those of the brightness have 0, of the colours 1.
    """

    huffman: dict[int, bytes]
    components: tuple[int, ...]
    band: bytes
    data: bytes

    @property
    def kinds(self) -> set[int]:
        """Which classes of tables it needs: 0 of averages, 1 of details."""
        return {key >> 4 for key in self.huffman}


@dataclass(frozen=True)
class JpegParts:
    """What a JPEG consists of but for its metadata.

    Attributes:
        progressive: in the scans of libjpeg; else in one.
        sampling: horizontal and vertical factor of each component.
        tables: quantisation tables, each 64 numbers in rows of the 8x8 block.
        table_of: index into `tables` of each component.
        restart_interval: blocks of the scan between restart markers; 0: none.
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
        return not all(is_standard(*table) for scan in self.scans for table in scan.huffman.items())

    def recoded(self) -> "JpegParts":
        """Return them with the Huffman tables that libjpeg would optimise; standard ones are left."""
        if self.progressive or not self.optimised:  # progressive data have the best of each scan as a rule
            return self
        (scan,), (across, down) = self.scans, self.sampling[0]
        n_units = -(-self.width // (8 * across)) * -(-self.height // (8 * down))
        pattern = (0,) * (across * down) + (1, 1)
        try:
            huffman, data = optimised(scan.huffman, pattern, n_units, self.restart_interval, scan.data)
        except (ValueError, IndexError):  # decoders make something of it all the same
            return self
        return replace(self, scans=(scan._replace(huffman=huffman, data=data),))

    def plain(self) -> bytes:
        """Return the file that libjpeg would have written around the same compressed data."""
        pieces = [b"\xff\xd8", _JFIF]
        for number, table in enumerate(self.tables):
            values = np.array(table, dtype=np.uint8)[ZIGZAG]
            pieces.append(_segment(QUANTISATION, bytes([number]) + values.tobytes()))
        frame = bytes([8]) + self.height.to_bytes(2, "big") + self.width.to_bytes(2, "big") + b"\x03"
        for i, ((across, down), number) in enumerate(zip(self.sampling, self.table_of, strict=True), 1):
            frame += bytes([i, across << 4 | down, number])
        pieces.append(_segment(_PROGRESSIVE if self.progressive else _BASELINE, frame))
        for scan in self.scans:
            # Number before class: each component's table of averages, then that of details.
            order = sorted(scan.huffman, key=lambda each: (each & 15, each >> 4))
            pieces += [_segment(HUFFMAN, bytes([number]) + scan.huffman[number]) for number in order]
            if self.restart_interval:
                pieces.append(_segment(RESTART_INTERVAL, self.restart_interval.to_bytes(2, "big")))
            chosen = b"".join(
                bytes([component + 1, sum(_number(component) << 4 * (1 - kind) for kind in scan.kinds)])
                for component in scan.components
            )
            pieces.append(_segment(START_OF_SCAN, bytes([len(scan.components)]) + chosen + scan.band))
            pieces.append(scan.data)
        return b"".join([*pieces, b"\xff\xd9"])


def take_apart(content: bytes) -> JpegParts | None:
    """Return the parts of a JPEG; None where it is no whole one, or one that `plain` could not write alike.

    Those are grey, RGB, CMYK, arithmetic, lossless, of 12 bits, tables of 16 bits, unusual sampling or scans.
    """
    try:
        return _parts_of(content)
    except (Unreadable, IndexError, KeyError, ValueError):
        return None


def _parts_of(content: bytes) -> JpegParts:
    tables: dict[int, tuple[int, ...]] = {}
    huffman: dict[int, bytes] = {}
    scans: list[Scan] = []
    frame, numbers = Frame(0, 0, 0, ()), list[int]()
    progressive, interval, is_jfif, scan_header, start = False, 0, False, b"", 0
    adobe_transform: int | None = None
    for marker, payload, end in segments(content):
        if marker == START_OF_SCAN:
            scan_header, start = payload, end
        elif marker == CODED_DATA:
            scans.append(_scan(numbers, huffman, scan_header, content[start:end], progressive))
        elif marker == HUFFMAN:
            huffman.update(huffman_tables(payload))
        elif marker == QUANTISATION and not scans:
            for number, bytes_each, table in quantisation_tables(payload):
                _require(bytes_each == 1)
                tables[number] = table
        elif marker == RESTART_INTERVAL and not scans:
            interval = int.from_bytes(payload[:2], "big")
        elif marker in {_BASELINE, _PROGRESSIVE} and not scans:
            progressive, frame = marker == _PROGRESSIVE, frame_of(payload)
            numbers = [component.number for component in frame.components]
        elif marker == JFIF:
            is_jfif |= payload.startswith(b"JFIF\0")
        elif marker == ADOBE:
            if payload.startswith(b"Adobe") and len(payload) >= 12:
                adobe_transform = payload[11]
        else:
            _require(marker in _WITHOUT_MEANING or marker == END_OF_IMAGE)
    # What three components mean: default_decompress_parms of libjpeg's jdapimin.c.
    _require(is_jfif or (bytes(numbers) != b"RGB" if adobe_transform is None else adobe_transform == 1))
    _require(frame.bits == 8 and len(numbers) == 3 and frame.height > 0 and frame.width > 0)
    sampling = tuple((component.across, component.down) for component in frame.components)
    _require(sampling[1:] == ((1, 1), (1, 1)))
    _require(_are_usual(scans, progressive))
    _require(not (progressive and interval))  # it would count other blocks in each scan
    used = list(dict.fromkeys(component.table for component in frame.components))
    chosen = tuple(tables[number] for number in used)
    table_of = tuple(used.index(component.table) for component in frame.components)
    return JpegParts(
        progressive, frame.width, frame.height, sampling, chosen, table_of, interval, tuple(scans)
    )


def _require(condition: bool) -> None:
    if not condition:
        raise ValueError


def _scan(
    numbers: list[int], huffman: dict[int, bytes], header: bytes, data: bytes, progressive: bool
) -> Scan:
    """Read a scan; of its header only what its data depend on, as decoders do."""
    n_chosen = header[0]
    components = tuple(numbers.index(header[1 + 2 * i]) for i in range(n_chosen))
    selectors, band = header[2 : 1 + 2 * n_chosen : 2], header[1 + 2 * n_chosen :]
    _require(len(band) == 3)
    if not progressive:  # of which decoders ignore the band, and some cameras write what they like there
        kinds, band = [0, 1], b"\x00\x3f\x00"
    else:
        kinds = [1] if band[0] else [0] * (band[2] < 0x10)  # a refinement of averages has no codes
    tables: dict[int, bytes] = {}
    for component, selector in zip(components, selectors, strict=True):
        for kind in kinds:
            codes = huffman[kind << 4 | (selector & 15 if kind else selector >> 4)]
            _require(tables.setdefault(kind << 4 | _number(component), codes) == codes)
    return Scan(tables, components, band, data)


def _number(component: int) -> int:
    """Return the number that libjpeg gives the Huffman tables of a component."""
    return min(component, 1)


def _are_usual(scans: list[Scan], progressive: bool) -> bool:
    if not progressive:
        return len(scans) == 1 and scans[0].components == (0, 1, 2)
    return [
        f"{''.join(map(str, scan.components))}:{scan.band[0]}-{scan.band[1]}:{scan.band[2]:02x}"
        for scan in scans
    ] == _LIBJPEG_SCANS


def _segment(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, "big") + payload


class Encoder(Protocol):
    """An encoder: a way to save one picture. Those with the same settings are equal, and have one hash."""

    def __hash__(self) -> int: ...

    @property
    def ending(self) -> str | None:
        """What names of such files end in; None: as before."""

    @property
    def words(self) -> str:
        """All that the file depends on besides the picture, without spaces."""

    def save(self, content: bytes, rgb: Image.Image) -> bytes:
        """Return the file, made of the original and of its picture as it is looked at.

        Raises:
            Unreadable: the file cannot be saved this way.
        """


@dataclass(frozen=True)
class Copied:
    """The bytes as handed in."""

    ending: str | None = None
    words: str = "copied"

    def save(self, content: bytes, rgb: Image.Image) -> bytes:  # noqa: ARG002
        """Return `content`."""
        return content


@dataclass(frozen=True)
class Png:
    """The pixels as they are, in PNG."""

    ending: str | None = ".png"
    words: str = "png"

    def save(self, content: bytes, rgb: Image.Image) -> bytes:  # noqa: ARG002
        """Encode the pixels without any metadata."""
        return _encoded(rgb, "PNG")


@dataclass(frozen=True)
class Jpeg:
    """A baseline JPEG by the encoder that Pillow brings, without any metadata.

    Attributes:
        quality: of libjpeg, 1 to 100.
        subsampling: of the chrominance: "4:4:4", "4:2:2" or "4:2:0".
    """

    quality: int
    subsampling: str
    ending: str | None = ".jpg"

    @property
    def words(self) -> str:
        """The settings."""
        return f"quality={self.quality},subsampling={self.subsampling}"

    def save(self, content: bytes, rgb: Image.Image) -> bytes:  # noqa: ARG002
        """Encode the pixels."""
        _check_sides(rgb)
        return _encoded(rgb, "JPEG", quality=self.quality, subsampling=self.subsampling)


@dataclass(frozen=True)
class JpegLike:
    """A JPEG with the settings of another one: whoever looks at the two from outside sees no difference.

    Attributes:
        tables: quantisation tables of brightness and colours, each 64 numbers row by row.
        subsampling: of the chrominance: "4:4:4", "4:2:2" or "4:2:0".
        progressive: in several scans, from coarse to fine.
        optimised: with Huffman tables of its own.
        restart_rows: rows of blocks between restart markers; 0: none, or counted in blocks.
        restart_blocks: blocks between them, where they are no full rows.
    """

    tables: tuple[tuple[int, ...], ...]
    subsampling: str
    progressive: bool = False
    optimised: bool = False
    restart_rows: int = 0
    restart_blocks: int = 0
    ending: str | None = ".jpg"

    @functools.cached_property
    def words(self) -> str:
        """The settings, the tables by a hash."""
        tables = hashlib.sha256(str(self.tables).encode()).hexdigest()[:12]
        words = [f"tables={tables}", f"subsampling={self.subsampling}"]
        words += ["progressive"] * self.progressive + ["optimised"] * self.optimised
        words += [f"restart_rows={self.restart_rows}"] * (self.restart_rows > 0)
        words += [f"restart_blocks={self.restart_blocks}"] * (self.restart_blocks > 0)
        return ",".join(words)

    def save(self, content: bytes, rgb: Image.Image) -> bytes:  # noqa: ARG002
        """Encode the pixels."""
        _check_sides(rgb)
        options = {
            "qtables": [list(table) for table in self.tables],
            "subsampling": self.subsampling,
            "progressive": self.progressive,
            "optimize": self.optimised,
            "restart_marker_rows": self.restart_rows,
            "restart_marker_blocks": self.restart_blocks,
        }
        try:
            return _encoded(rgb, "JPEG", **options)
        except OSError:
            # Pillow guesses how many bytes the file will have, and fails where noise needs more.
            usual = ImageFile.MAXBLOCK
            ImageFile.MAXBLOCK = max(usual, 16 * rgb.width * rgb.height)
            try:
                return _encoded(rgb, "JPEG", **options)
            finally:
                ImageFile.MAXBLOCK = usual


@dataclass(frozen=True)
class Stripped:
    """A JPEG with its numbers as they are and nothing else of what it held."""

    ending: str | None = ".jpg"
    words: str = "stripped,as=2"  # raise it whenever such files are written otherwise

    def save(self, content: bytes, rgb: Image.Image) -> bytes:  # noqa: ARG002
        """Write them as libjpeg would."""
        if (parts := take_apart(content)) is None:  # it could be when the settings were looked up
            raise Unreadable("it changed while it was converted; run the same command again")
        return parts.recoded().plain()


def _check_sides(rgb: Image.Image) -> None:
    if max(rgb.size) > LONGEST_SIDE:
        raise Unreadable(
            f"it has {rgb.width}x{rgb.height} pixels, and a JPEG at most {LONGEST_SIDE} a side; cut it into "
            "parts, or set convert=lossless"
        )


def _encoded(rgb: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    rgb.save(buffer, kind, **options)
    return buffer.getvalue()


def settings_of(parts: JpegParts) -> JpegLike | None:
    """Return the settings with which another picture can be saved like this one; None: it cannot."""
    subsampling = SUBSAMPLINGS.get(parts.sampling[0], "")
    if subsampling not in _WRITTEN or parts.table_of not in {(0, 0, 0), (0, 1, 1), (0, 1, 2)}:
        return None
    blocks_in_row = -(-parts.width // (8 * parts.sampling[0][0]))
    rows, rest = divmod(parts.restart_interval, blocks_in_row)
    return JpegLike(
        tables=parts.tables,
        subsampling=subsampling,
        progressive=parts.progressive,
        optimised=parts.optimised,
        restart_rows=0 if rest else rows,
        restart_blocks=parts.restart_interval if rest else 0,
    )
