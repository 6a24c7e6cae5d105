"""What the bytes of a picture tell without its pixels: the features of files that an audit looks at.

A new feature is one entry in `FEATURES`; results, tables and pages follow it. Names of pictures are no
features: they are for grouping.
"""

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from PIL import ExifTags

from pipeline.auditing.shortcut_kinds import BYTES, COMPRESSION, FORMAT, METADATA, SIZE, STRUCTURE, Family
from pipeline.images.file_facts import FileFacts, one_line, opened_facts
from pipeline.images.files import Unreadable, format_of_name
from pipeline.images.jpeg import (
    ADOBE,
    CODED_DATA,
    END_OF_IMAGE,
    HUFFMAN,
    JFIF,
    QUANTISATION,
    RESTART_INTERVAL,
    START_OF_FRAME,
    JpegHeader,
    frame_of,
    huffman_tables,
    is_standard,
    libjpeg_tables,
    quantisation_tables,
    segments,
)

Value = str | float | None

_END_OF_IMAGE = b"\xff\xd9"
_TIFF_LAYOUT = {"planar": 284, "predictor": 317, "tile": 322}  # TIFF 6.0, section 8
_JPEG_OF_THUMBNAIL = 0x0201  # EXIF 2.32: JPEGInterchangeFormat
_TIFF_BITS, _TIFF_ROWS_PER_STRIP, _TIFF_XMP, _TIFF_PHOTOSHOP = 258, 278, 700, 34377


def header_features(content: bytes, name: str, width: int, height: int) -> dict[str, Value]:
    """Read what a file says about itself.

    >>> import io
    >>> buffer = io.BytesIO()
    >>> from PIL import Image
    >>> Image.new("RGB", (16, 8)).save(buffer, "JPEG", quality=90)
    >>> found = header_features(buffer.getvalue(), "a.jpg", width=16, height=8)
    >>> found["format"], found["quality"], found["subsampling"], found["exif"], found["layout"]
    ('JPEG', 90.0, '4:2:0', 'no', '')

    Args:
        content: the file.
        name: of it; only whether its ending is that of the format is looked at.
        width: of the upright picture, in pixels.
        height: likewise.

    Returns:
        a value for each of `FEATURES`; None or "" where it does not apply.
    """
    with opened_facts(content, name, width, height) as file:
        return {name: feature.value(file) for name, feature in FEATURES.items()}


# ---- How single features are read.


def _yes(answer: object) -> str:
    return "yes" if answer else "no"


def _short_hash(content: bytes | str, digits: int = 8) -> str:
    return hashlib.sha256(content if isinstance(content, bytes) else content.encode()).hexdigest()[:digits]


def _multiples(file: FileFacts, of: int) -> str:
    sides = (file.width % of == 0, file.height % of == 0)
    return {(True, True): "both", (True, False): "width", (False, True): "height"}.get(sides, "none")


def _colour_mode(file: FileFacts) -> str:
    assert file.image is not None
    bits = file.tiff.get(_TIFF_BITS, 8)
    first = bits[0] if isinstance(bits, tuple) and bits else bits
    return f"{file.image.mode}" if first == 8 else f"{file.image.mode} {first} bit"


def _table_distance(jpeg: JpegHeader) -> float:
    nearest = libjpeg_tables(jpeg.quality)
    return float(np.abs(np.array(jpeg.tables[:2]) - np.array(nearest[: len(jpeg.tables)])).sum())


def _huffman(file: FileFacts) -> str:
    tables = [table for payload in file.payloads(HUFFMAN) for table in huffman_tables(payload)]
    return "standard" if all(is_standard(*table) for table in tables) else "optimised"


def _huffman_bytes(file: FileFacts) -> float:
    return float(sum(map(len, file.payloads(HUFFMAN))))


def _compression(file: FileFacts) -> str:
    if file.format == "TIFF":
        return str(file.info.get("compression", ""))
    return f"{file.format} interlaced" if file.info.get("interlace") else file.format


def _marker_order(file: FileFacts) -> str:
    # Neighbours alike once: whether one of four tables or four of one, `huffman` tells.
    return " ".join(f"{marker:02x}" for marker, _ in itertools.groupby(file.segments, lambda each: each[0]))


def _rest_of_header(file: FileFacts) -> str:
    """Hash each byte of a JPEG that is neither coded data nor told by another feature.

    That is all but height, width, the restart interval and the numbers in tables; bytes between the
    segments count as well.
    """
    seen, last = hashlib.sha256(), 2
    try:
        for marker, payload, end in segments(file.content):
            if marker == CODED_DATA:
                last = end
                continue
            rest = payload
            if marker in START_OF_FRAME:
                rest = payload[:1] + payload[5:]
            elif marker == QUANTISATION:
                rest = bytes(
                    16 * (bytes_each > 1) + number for number, bytes_each, _ in quantisation_tables(payload)
                )
            elif marker == HUFFMAN:
                rest = bytes(class_and_number for class_and_number, _ in huffman_tables(payload))
            elif marker == RESTART_INTERVAL:
                rest = b""
            start = end - (len(payload) + 4 if marker != END_OF_IMAGE else 2)
            seen.update(file.content[last:start] + bytes([0xFF, marker, len(rest) % 256]) + rest)
            last = end
    except (Unreadable, ValueError):
        seen.update(b"broken")
    return seen.hexdigest()[:8]


def _jfif(file: FileFacts) -> str:
    found = [payload for payload in file.payloads(JFIF) if payload.startswith(b"JFIF\0")]
    return found[-1][5:8].hex(".") if found else "no"


def _adobe(file: FileFacts) -> str:
    found = [payload for payload in file.payloads(ADOBE) if payload.startswith(b"Adobe")]
    if not found:
        return "no"
    return f"transform {found[-1][11]}" if len(found[-1]) > 11 else "yes"


def _components(file: FileFacts) -> str:
    frames = file.payloads(*START_OF_FRAME)
    return " ".join(str(each.number) for each in frame_of(frames[-1]).components) if frames else ""


def _trailing_bytes(file: FileFacts) -> float | None:
    end = file.content.rfind(_END_OF_IMAGE)
    return float(len(file.content) - end - len(_END_OF_IMAGE)) if end >= 0 else None


def _tiff_layout(file: FileFacts) -> str:
    if file.format != "TIFF":
        return ""
    tags = file.tiff
    order = "big" if getattr(tags, "prefix", b"II").startswith(b"M") else "little"
    strips = (
        "one strip" if tags.get(_TIFF_ROWS_PER_STRIP, 1) >= getattr(file.image, "height", 0) else "strips"
    )
    layout = [f"{name} {tags[tag]}" for name, tag in _TIFF_LAYOUT.items() if tag in tags]
    return ", ".join([order, strips, *layout, f"tags {_short_hash(repr(sorted(tags)), 6)}"])


def _has_exif(file: FileFacts) -> str:
    # A TIFF keeps its own structure in the same tags, so there only the block inside counts.
    first, inside, _ = file.exif
    return _yes(inside if file.format == "TIFF" else len(first))


def _colour_profile(file: FileFacts) -> str:
    profile = file.info.get("icc_profile")
    return _short_hash(profile) if profile else "no"


def _has_xmp(file: FileFacts) -> str:
    return _yes("xmp" in file.info or "XML:com.adobe.xmp" in file.info or _TIFF_XMP in file.tiff)


def _resolution(file: FileFacts) -> str:
    found = file.info.get("dpi")
    try:
        return "" if found is None else " x ".join(f"{float(value):.0f}" for value in found)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return "broken"


# ---- The list of them.

NUMBER, CATEGORY = "number", "category"
OF_FILE, OF_JPEG, OF_IMAGE = "file", "jpeg", "image"  # what a feature needs: any file, a JPEG, Pillow


@dataclass(frozen=True)
class Feature:
    """One property of a file."""

    name: str  # column of the tables of features
    kind: str  # `NUMBER` (None where it does not apply) or `CATEGORY` (a text, "" where it does not apply)
    family: Family  # the kind of shortcut that it would be
    words: str  # what it is, for a person
    needs: str  # `OF_FILE`, `OF_JPEG` or `OF_IMAGE`
    read: Callable[[FileFacts], Value]

    def value(self, file: FileFacts) -> Value:
        """Read it off a file; None or "" where it does not apply."""
        applies = self.needs == OF_FILE or getattr(file, self.needs) is not None
        return self.read(file) if applies else (None if self.kind == NUMBER else "")


# fmt: off
_LISTED = (
    Feature("format", CATEGORY, FORMAT, "file format", OF_FILE, lambda file: file.format),
    Feature("wrong_ending", CATEGORY, FORMAT, "a name that ends as another format's", OF_IMAGE,
            lambda file: _yes(format_of_name(PurePosixPath(file.name)) != file.format)),
    Feature("mode", CATEGORY, FORMAT, "colour mode and depth", OF_IMAGE, _colour_mode),
    Feature("width", NUMBER, SIZE, "width in pixels", OF_FILE, lambda file: float(file.width)),
    Feature("height", NUMBER, SIZE, "height in pixels", OF_FILE, lambda file: float(file.height)),
    Feature("pixels", NUMBER, SIZE, "number of pixels", OF_FILE,
            lambda file: float(file.width * file.height)),
    Feature("aspect", NUMBER, SIZE, "width divided by height", OF_FILE,
            lambda file: file.width / file.height),
    Feature("of_eight", CATEGORY, SIZE, "sides that are multiples of 8", OF_FILE,
            lambda file: _multiples(file, 8)),
    Feature("of_sixteen", CATEGORY, SIZE, "sides that are multiples of 16", OF_FILE,
            lambda file: _multiples(file, 16)),
    Feature("bytes", NUMBER, BYTES, "size of the file in bytes", OF_FILE,
            lambda file: float(len(file.content))),
    Feature("bits_per_pixel", NUMBER, BYTES, "bits of the file for each pixel", OF_FILE,
            lambda file: 8 * len(file.content) / (file.width * file.height)),
    Feature("luma_table", CATEGORY, COMPRESSION, "JPEG quantisation table, brightness", OF_JPEG,
            lambda file: _short_hash(repr(file.jpeg.tables[0]))),
    Feature("chroma_table", CATEGORY, COMPRESSION, "JPEG quantisation table, colour", OF_JPEG,
            lambda file: _short_hash(repr(file.jpeg.tables[1])) if len(file.jpeg.tables) > 1 else "none"),
    Feature("quality", NUMBER, COMPRESSION, "JPEG quality, nearest of libjpeg's", OF_JPEG,
            lambda file: float(file.jpeg.quality)),
    Feature("table_distance", NUMBER, COMPRESSION, "distance of the table from libjpeg's", OF_JPEG,
            lambda file: _table_distance(file.jpeg)),
    Feature("subsampling", CATEGORY, COMPRESSION, "subsampling of the colours", OF_JPEG,
            lambda file: file.jpeg.subsampling),
    Feature("progressive", CATEGORY, COMPRESSION, "progressive JPEG", OF_JPEG,
            lambda file: _yes(file.jpeg.progressive)),
    Feature("huffman", CATEGORY, COMPRESSION, "Huffman tables, standard or optimised", OF_JPEG, _huffman),
    Feature("compression", CATEGORY, COMPRESSION, "compression of a TIFF or PNG", OF_IMAGE, _compression),
    Feature("marker_order", CATEGORY, STRUCTURE, "order of the segments in the file", OF_JPEG, _marker_order),
    Feature("header", CATEGORY, STRUCTURE, "any other byte of the JPEG's headers", OF_JPEG, _rest_of_header),
    Feature("huffman_bytes", NUMBER, BYTES, "bytes of the Huffman tables", OF_JPEG, _huffman_bytes),
    Feature("restart_interval", NUMBER, STRUCTURE, "restart interval of the JPEG", OF_JPEG,
            lambda file: float(int.from_bytes([b"", *file.payloads(RESTART_INTERVAL)][-1][:2], "big"))),
    Feature("jfif", CATEGORY, STRUCTURE, "JFIF block and its version", OF_JPEG, _jfif),
    Feature("adobe", CATEGORY, STRUCTURE, "Adobe block and its transform", OF_JPEG, _adobe),
    Feature("components", CATEGORY, STRUCTURE, "numbers of the JPEG's components", OF_JPEG, _components),
    Feature("trailing_bytes", NUMBER, STRUCTURE, "bytes after the end of the picture", OF_JPEG,
            _trailing_bytes),
    Feature("layout", CATEGORY, STRUCTURE, "layout of a TIFF (byte order, strips, tags)", OF_IMAGE,
            _tiff_layout),
    Feature("exif", CATEGORY, METADATA, "EXIF block", OF_IMAGE, _has_exif),
    Feature("exif_tags", NUMBER, METADATA, "number of EXIF entries", OF_IMAGE,
            lambda file: float(len(file.exif[0]) + len(file.exif[1]))),
    Feature("orientation", CATEGORY, METADATA, "EXIF orientation", OF_IMAGE,
            lambda file: one_line(file.exif[0].get(ExifTags.Base.Orientation))),
    Feature("software", CATEGORY, METADATA, "name of the software that saved it", OF_IMAGE,
            lambda file: file.software),
    Feature("camera", CATEGORY, METADATA, "camera named in EXIF", OF_IMAGE, lambda file: file.camera),
    Feature("thumbnail", CATEGORY, METADATA, "thumbnail in EXIF", OF_IMAGE,
            lambda file: _yes(_JPEG_OF_THUMBNAIL in file.exif[2])),
    Feature("icc", CATEGORY, METADATA, "ICC colour profile", OF_IMAGE, _colour_profile),
    Feature("xmp", CATEGORY, METADATA, "XMP block", OF_IMAGE, _has_xmp),
    Feature("photoshop", CATEGORY, METADATA, "Photoshop block", OF_IMAGE,
            lambda file: _yes(file.info.get("photoshop") or _TIFF_PHOTOSHOP in file.tiff)),
    Feature("comment", CATEGORY, METADATA, "comment", OF_IMAGE,
            lambda file: one_line(file.info.get("comment"))),
    Feature("resolution", CATEGORY, METADATA, "resolution (dots per inch)", OF_IMAGE, _resolution),
)
# fmt: on
FEATURES = {feature.name: feature for feature in _LISTED}
