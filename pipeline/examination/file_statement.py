"""What a file says about itself, as a person reads it; none of it goes into the verdict."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from PIL import ExifTags

from pipeline.errors import counted
from pipeline.examination.known_tables import words_of_tables
from pipeline.examination.structure import ADOBE_CAVEAT, mentions_adobe, oddities, segment_order
from pipeline.examination.xmp import Xmp, read_xmp
from pipeline.images.file_facts import FileFacts, one_line, opened_facts
from pipeline.images.read import Picture

_LONGEST = 200  # characters of a value
_MOST = 150  # entries of EXIF that are shown
# Of which only the size is told, and places in the file, of which nothing is.
_LONG = {"MakerNote", "PrintImageMatching", "JPEGTables", "StripByteCounts", "XMLPacket", "ImageResources"}
_PLACES = {
    "ExifOffset",
    "GPSInfo",
    "ExifInteroperabilityOffset",
    "JpegIFOffset",
    "StripOffsets",
    "TileOffsets",
}
_HEX = 16  # bytes that are shown as they are
_TIFF_XMP = 700
_TEXTS = {
    "Software",
    "software",
    "comment",
    "parameters",
    "prompt",
    "workflow",
    "Description",
    "Author",
    "Title",
}


class Fact(NamedTuple):
    """One thing that a file says, and what it means where that needs a word."""

    name: str
    value: str
    remark: str = ""


class FileStatement(NamedTuple):
    """What a file says.

    Attributes:
        facts: format, size, tables, camera, programs.
        tables: the quantisation tables of a JPEG, each 64 numbers row by row.
        exif: every entry that can be shown.
        texts: that programs have left in it, such as the prompt of a generator.
        xmp: None where there is none.
        oddities: of its structure, a sentence each.
        adobe: the caveat on Adobe's marks; "" where it has none.
    """

    facts: tuple[Fact, ...]
    tables: tuple[tuple[int, ...], ...]
    exif: tuple[tuple[str, str], ...]
    texts: tuple[tuple[str, str], ...]
    xmp: Xmp | None
    oddities: tuple[str, ...]
    adobe: str


def read_statement(picture: Picture, name: str) -> FileStatement:
    """Read what a file says.

    Args:
        picture: as it was read.
        name: of the file, for its ending.
    """
    with _opened(picture, name) as file:
        header = picture.jpeg
        return FileStatement(
            facts=tuple(_facts(picture, file)),
            tables=() if header is None else tuple(dict.fromkeys(header.tables)),
            exif=tuple(_exif(file)),
            texts=tuple(_texts(file)),
            xmp=read_xmp(_packet(file)),
            oddities=tuple(oddities(file, name, picture.format)),
            adobe=ADOBE_CAVEAT if mentions_adobe(picture.content) else "",
        )


@contextmanager
def _opened(picture: Picture, name: str) -> Iterator[FileFacts]:
    """Yield the file taken apart; Pillow reads the metadata of all formats but HEIF by itself."""
    width, height = picture.upright_size
    if picture.format != "HEIF":
        with opened_facts(picture.content, name, width, height) as file:
            yield file
        return
    from pi_heif.as_plugin import HeifImageFile

    with HeifImageFile(io.BytesIO(picture.content), "") as image:
        yield FileFacts(picture.content, name, width, height, image)


def _facts(picture: Picture, file: FileFacts) -> Iterator[Fact]:
    width, height = picture.upright_size
    yield Fact("format", picture.format, "by its content, not by its name")
    turned = "" if picture.orientation == 1 else f"stored turned (EXIF orientation {picture.orientation})"
    yield Fact("size", f"{width:,} × {height:,} pixels ({width * height / 1e6:.1f} megapixels)", turned)
    bits = 8 * len(picture.content) / (width * height)
    yield Fact("file", counted(len(picture.content), "byte"), f"{bits:.2f} bits a pixel")
    if picture.jpeg is not None:
        exactly = "" if picture.jpeg.exact else "about "
        quality = f"{exactly}{picture.jpeg.quality} of 100"
        yield Fact("quality of the last save", quality, "on libjpeg's scale")
        yield Fact(
            "quantisation tables",
            counted(len(set(picture.jpeg.tables)), "table"),
            words_of_tables(picture.jpeg),
        )
        yield Fact("subsampling of the colours", picture.jpeg.subsampling)
        yield Fact("segments", segment_order(file))
    yield Fact("camera", file.camera or "none named")
    remark = "the firmware of a camera, or what saved it last" if file.software else ""
    yield Fact("program", file.software or "none named", remark)
    profile = file.info.get("icc_profile")
    yield Fact("colour profile", _profile(profile) if profile else "none")


def _profile(profile: bytes) -> str:
    from PIL import ImageCms

    try:
        return one_line(
            ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))), _LONGEST
        )
    except (ImageCms.PyCMSError, OSError, TypeError):
        return "broken"


def _exif(file: FileFacts) -> Iterator[tuple[str, str]]:
    first, inside, thumbnail = file.exif
    try:
        gps = first.get_ifd(ExifTags.IFD.GPSInfo)
    except Exception:  # Pillow raises nearly everything where the block is broken
        gps = {}
    count = 0
    blocks = (("", first, ExifTags.TAGS), ("", inside, ExifTags.TAGS), ("GPS ", gps, ExifTags.GPSTAGS))
    for prefix, tags, names in (*blocks, ("thumbnail: ", thumbnail, ExifTags.TAGS)):
        for tag, value in sorted(tags.items()):
            name = names.get(tag, f"tag {tag}")
            if isinstance(value, Mapping) or name in _PLACES:
                continue
            count += 1
            if count > _MOST:
                yield "…", "further entries are not shown"
                return
            if name == "Orientation" and not prefix:  # the reader of HEIF puts 1 there
                value = file.info.get("original_orientation") or value
            yield prefix + name, _value(name, value)


def _value(name: str, value: object) -> str:
    if isinstance(value, bytes):
        text = one_line(value.removeprefix(b"ASCII\0\0\0"), _LONGEST)
        readable = value.isascii() and text and name not in _LONG
        return text if readable else value.hex(" ") if len(value) <= _HEX else counted(len(value), "byte")
    if name in _LONG:
        return counted(len(value), "value") if isinstance(value, tuple | str) else "…"
    return one_line(value, _LONGEST)


def _texts(file: FileFacts) -> Iterator[tuple[str, str]]:
    for name, value in sorted(file.info.items(), key=lambda each: str(each[0])):
        text = one_line(value, 10 * _LONGEST) if isinstance(value, str | bytes) else ""
        if text and name in _TEXTS:
            yield one_line(name), text


def _packet(file: FileFacts) -> bytes:
    packet = file.info.get("xmp") or file.info.get("XML:com.adobe.xmp") or file.tiff.get(_TIFF_XMP) or b""
    return packet.encode() if isinstance(packet, str) else bytes(packet)
