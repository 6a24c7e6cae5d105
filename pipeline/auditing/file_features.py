"""What the bytes of a picture tell without its pixels: the features of `features.py`."""

import contextlib
import functools
import hashlib
import io
import warnings
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from pipeline.images.files import format_of_name
from pipeline.images.jpeg import JpegHeader, libjpeg_tables, read_header, segments

Value = str | float | None

_YES, _NO = "yes", "no"
_START_OF_FRAME = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_HUFFMAN, _RESTART, _JFIF, _ADOBE, _COMMENT = 0xC4, 0xDD, 0xE0, 0xEE, 0xFE
_END_OF_IMAGE = b"\xff\xd9"
_LONGEST = 60  # characters of a text that are kept: software adds versions, comments go on for pages
_TIFF_LAYOUT = {"planar": 284, "predictor": 317, "rows": 278, "tile": 322}  # TIFF 6.0, section 8
_TIFF_XMP, _TIFF_PHOTOSHOP = 700, 34377


def header_features(content: bytes, name: str, width: int, height: int) -> dict[str, Value]:
    """Read what the file says about itself.

    Args:
        content: the file.
        name: of it; only whether its ending is that of the format is looked at.
        width: of the upright picture, in pixels.
        height: likewise.

    Returns:
        a value for every name in `features.NAMES`; None or "" where it does not apply.
    """
    with _opened(content) as image:
        found: dict[str, Value] = {
            **_size(len(content), width, height),
            **_jpeg(content),
            **_container(image, name),
            **_metadata(image),
        }
    return found


@contextlib.contextmanager
def _opened(content: bytes) -> Iterator[Image.Image | None]:
    """Open the header with Pillow; None where it cannot, because another reader was needed for the pixels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata, which are features here and no trouble
        try:
            image = Image.open(io.BytesIO(content))
        except Exception:  # Pillow's plugins raise nearly everything
            yield None
            return
        with image:
            yield image


def _size(n_bytes: int, width: int, height: int) -> dict[str, Value]:
    return {
        "width": float(width),
        "height": float(height),
        "pixels": float(width * height),
        "aspect": width / height,
        "of_eight": _multiples(width, height, 8),
        "of_sixteen": _multiples(width, height, 16),
        "bytes": float(n_bytes),
        "bits_per_pixel": 8 * n_bytes / (width * height),
    }


def _multiples(width: int, height: int, of: int) -> str:
    return {(True, True): "both", (True, False): "width", (False, True): "height"}.get(
        (width % of == 0, height % of == 0), "none"
    )


def _jpeg(content: bytes) -> dict[str, Value]:
    """Read the segments before the first scan; every feature is empty for what is no JPEG."""
    found: dict[str, Value] = dict.fromkeys(
        ("luma_table", "chroma_table", "subsampling", "progressive", "huffman", "marker_order", "jfif"), ""
    )
    found |= {"adobe": "", "components": "", "quality": None, "table_distance": None}
    found |= {"restart_interval": None, "trailing_bytes": None}
    header = read_header(content)
    if header is None:
        return found
    found |= _tables(header)
    found |= {"restart_interval": 0.0, "jfif": _NO, "adobe": _NO}
    markers: list[int] = []
    standard = True
    for marker, payload in segments(content):
        if not markers or markers[-1] != marker:  # one segment of four tables or four of one: huffman tells
            markers.append(marker)
        if marker == _HUFFMAN:
            standard = standard and set(_huffman_tables(payload)) <= _standard_huffman()
        elif marker == _RESTART:
            found["restart_interval"] = float(int.from_bytes(payload[:2], "big"))
        elif marker == _JFIF and payload.startswith(b"JFIF\0"):
            found["jfif"] = payload[5:8].hex(".")  # version, and the unit of its resolution
        elif marker == _ADOBE and payload.startswith(b"Adobe"):
            found["adobe"] = f"transform {payload[11]}" if len(payload) > 11 else _YES
        elif marker in _START_OF_FRAME:
            found["components"] = " ".join(str(payload[6 + 3 * place]) for place in range(payload[5]))
    end = content.rfind(_END_OF_IMAGE)
    return found | {
        "huffman": "standard" if standard else "optimised",
        "marker_order": " ".join(f"{marker:02x}" for marker in markers),
        "trailing_bytes": float(len(content) - end - 2) if end >= 0 else None,
    }


def _tables(header: JpegHeader) -> dict[str, Value]:
    nearest = libjpeg_tables(header.quality)
    distance = np.abs(np.array(header.tables[:2]) - np.array(nearest[: len(header.tables)])).sum()
    return {
        "luma_table": _short_hash(header.tables[0]),
        "chroma_table": _short_hash(header.tables[1]) if len(header.tables) > 1 else "none",
        "quality": float(header.quality),
        "table_distance": float(distance),
        "subsampling": header.subsampling,
        "progressive": _YES if header.progressive else _NO,
    }


def _short_hash(table: tuple[int, ...]) -> str:
    return hashlib.sha256(repr(table).encode()).hexdigest()[:8]


def _huffman_tables(payload: bytes) -> Iterator[bytes]:
    """Cut a DHT segment into tables: class and number, 16 counts of codes, the symbols (T.81, B.2.4.2)."""
    position = 0
    while position + 17 <= len(payload):
        end = position + 17 + sum(payload[position + 1 : position + 17])
        yield payload[position:end]
        position = end


@functools.cache
def _standard_huffman() -> frozenset[bytes]:
    """Give the tables of T.81, annex K.3, which libjpeg writes unless it is told to optimise them."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    return frozenset(
        table
        for marker, payload in segments(buffer.getvalue())
        if marker == _HUFFMAN
        for table in _huffman_tables(payload)
    )


def _container(image: Image.Image | None, name: str) -> dict[str, Value]:
    if image is None:
        return {"format": "other", "wrong_ending": "", "mode": "", "compression": "", "layout": ""}
    kind = "JPEG" if image.format == "MPO" else str(image.format)
    by_name = format_of_name(PurePosixPath(name))
    info, tags = image.info, _tiff_tags(image)
    interlaced = " interlaced" if info.get("interlace") else ""
    return {
        "format": kind,
        "wrong_ending": _NO if by_name == kind else _YES,
        "mode": f"{image.mode} {_depth(tags)}".strip(),
        "compression": str(info.get("compression", "")) if tags is not None else f"{kind}{interlaced}",
        "layout": _tiff_layout(image, tags) if tags is not None else "",
    }


def _depth(tags: Mapping[int, Any] | None) -> str:
    """Name the bits of a TIFF's samples where they are not the usual eight (tag BitsPerSample)."""
    bits = tags.get(258, 8) if tags is not None else 8
    first = bits[0] if isinstance(bits, tuple) and bits else bits
    return "" if first == 8 else f"{first} bit"


def _tiff_tags(image: Image.Image) -> Mapping[int, Any] | None:
    return getattr(image, "tag_v2", None) if image.format == "TIFF" else None


def _tiff_layout(image: Image.Image, tags: Mapping[int, Any]) -> str:
    order = "big" if getattr(tags, "prefix", b"II").startswith(b"M") else "little"
    parts = [f"{name} {tags[tag]}" for name, tag in _TIFF_LAYOUT.items() if tag in tags and name != "rows"]
    strips = "one strip" if tags.get(278, 1) >= image.height else "strips"
    numbers = hashlib.sha256(repr(sorted(tags)).encode()).hexdigest()[:6]
    return ", ".join([order, strips, *parts, f"tags {numbers}"])


def _metadata(image: Image.Image | None) -> dict[str, Value]:
    if image is None:
        empty: dict[str, Value] = dict.fromkeys(
            ("exif", "orientation", "software", "camera", "thumbnail", "icc", "xmp", "photoshop"), ""
        )
        return empty | {"comment": "", "resolution": "", "exif_tags": None}
    try:
        exif = image.getexif()
        inner, first = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.IFD1)
    except Exception:  # a broken block: as above
        exif, inner, first = Image.Exif(), {}, {}
    info, tags = image.info, _tiff_tags(image)
    # A TIFF keeps its own structure in the same tags, so there only the block inside counts.
    there = bool(inner) if tags is not None else len(exif) > 0
    software = exif.get(ExifTags.Base.Software) or info.get("Software") or info.get("software")
    camera = " ".join(_text(exif.get(tag)) for tag in (ExifTags.Base.Make, ExifTags.Base.Model)).strip()
    xmp = "xmp" in info or "XML:com.adobe.xmp" in info or (tags is not None and _TIFF_XMP in tags)
    photoshop = bool(info.get("photoshop")) or (tags is not None and _TIFF_PHOTOSHOP in tags)
    profile = info.get("icc_profile")
    return {
        "exif": _YES if there else _NO,
        "exif_tags": float(len(exif) + len(inner)),
        "orientation": _text(exif.get(ExifTags.Base.Orientation)),
        "software": _text(software),
        "camera": camera,
        "thumbnail": _YES if 0x0201 in first else _NO,  # JPEGInterchangeFormat
        "icc": hashlib.sha256(profile).hexdigest()[:8] if profile else _NO,
        "xmp": _YES if xmp else _NO,
        "photoshop": _YES if photoshop else _NO,
        "comment": _text(info.get("comment")),
        "resolution": _resolution(info),
    }


def _resolution(info: Mapping[Any, Any]) -> str:
    found = info.get("dpi")
    try:
        return "" if found is None else " x ".join(f"{float(value):.0f}" for value in found)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return "broken"


def _text(value: object) -> str:
    """Write a value that a file gives, in one short line."""
    if value is None:
        return ""
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:_LONGEST]
