"""What is odd about how a file is put together; nothing of it says that a picture was tampered with.

Each remark is a fact and what usually leads to it. Who writes such files is known from genuine ones, and all
of it can be forged or lost by one more save.
"""

from collections.abc import Iterator
from pathlib import PurePath

from PIL import ExifTags

from pipeline.errors import counted
from pipeline.images.file_facts import FileFacts, one_line
from pipeline.images.files import ENDINGS, format_of_content, format_of_name, what_it_is
from pipeline.images.jpeg import (
    ADOBE,
    COMMENT,
    END_OF_IMAGE,
    HUFFMAN,
    JFIF,
    START_OF_SCAN,
    huffman_tables,
    is_standard,
    segments,
)

_EXIF, _APP13, _MPF = 0xE1, 0xED, 0xE2
_NAMES = {
    **{0xE0 + n: f"APP{n}" for n in range(16)},
    **{0xC0 + n: f"SOF{n}" for n in range(16)},
    HUFFMAN: "DHT", START_OF_SCAN: "SOS", 0xDB: "DQT", 0xDC: "DNL", 0xDD: "DRI", COMMENT: "COM", 0xCC: "DAC",
}  # fmt: skip
ADOBE_CAVEAT = (
    "Adobe software saved it at some time, and no more: 19 of 27 untouched phone pictures of a collection "
    "contain that too. It does not say that the picture was changed."
)


def mentions_adobe(content: bytes) -> bool:
    """Return whether a file carries a mark or the name of Adobe's software."""
    return any(word in content for word in (b"Photoshop", b"Adobe", b"8BIM"))


def oddities(file: FileFacts, name: str, kind: str) -> list[str]:
    """Return what is odd about a file, a sentence each; nothing where nothing is.

    Args:
        file: taken apart.
        name: of it.
        kind: its format by content.
    """
    found = list(_of_any(file, name, kind))
    if kind == "JPEG":
        found += _of_jpeg(file)
    return found


def segment_order(file: FileFacts) -> str:
    """Return the segments of a JPEG up to its first scan by their names, repeated ones counted."""
    names: list[list[str | int]] = []
    for marker, payload in file.segments:
        name = _NAMES.get(marker, f"{marker:02X}")
        if name.startswith("APP"):
            kind = payload.split(b"\0", 1)[0][:16].decode("ascii", "replace").rpartition("/")[2]
            name += f" {''.join(each for each in kind if each.isprintable())}".rstrip()
        if names and names[-1][0] == name:
            names[-1][1] = int(names[-1][1]) + 1
        else:
            names.append([name, 1])
    return " · ".join(f"{name} ×{times}" if times != 1 else str(name) for name, times in names)


def _of_any(file: FileFacts, name: str, kind: str) -> Iterator[str]:
    promised = format_of_name(PurePath(name))
    if PurePath(name).suffix and promised != kind:
        usual = " or ".join(ENDINGS[kind][:2])
        yield f"The name ends in {PurePath(name).suffix}, but it is a {kind} (usually {usual})."
    first, inside, _ = file.exif
    said = inside.get(ExifTags.Base.ExifImageWidth), inside.get(ExifTags.Base.ExifImageHeight)
    if all(isinstance(side, int) and side > 0 for side in said):
        width, height = (int(side) for side in said if side is not None)
        if {width, height} != {file.width, file.height}:
            yield (
                f"EXIF says {width} × {height} pixels, the picture has {file.width} × {file.height}: it was "
                "cropped or scaled by a program that left EXIF as it was."
            )
    taken, saved = inside.get(ExifTags.Base.DateTimeOriginal), first.get(ExifTags.Base.DateTime)
    if taken and saved and str(taken) != str(saved):
        yield f"It was taken on {taken} and saved on {saved}, as EXIF says: it was not left as it was taken."
    if file.software and not file.camera and kind == "JPEG":
        yield "EXIF or the file names a program, but no camera."


def _of_jpeg(file: FileFacts) -> Iterator[str]:
    markers = [marker for marker, _ in file.segments]
    exif = [p for p in file.payloads(_EXIF) if p.startswith(b"Exif\0")]
    if JFIF in markers and exif:
        yield "It has a JFIF and an EXIF block: most cameras write EXIF alone, most programs both."
    if len(exif) > 1:
        yield f"It has {counted(len(exif), 'EXIF block')}; the standard knows one."
    if file.jpeg is not None and file.jpeg.progressive:
        yield "It is progressive: web sites and programs save so, hardly any camera does."
    tables = [table for payload in file.payloads(HUFFMAN) for table in huffman_tables(payload)]
    if tables and not all(is_standard(*table) for table in tables):
        yield (
            "Its Huffman tables are not the standard's: they were made for this picture, as web sites and "
            "optimisers do, or are Photoshop's."
        )
    if any(payload.startswith(b"Adobe") for payload in file.payloads(ADOBE)):
        yield "It has an Adobe block (APP14)."
    if _APP13 in markers:
        yield "It has a Photoshop block (APP13), where news agencies keep captions too."
    if any(payload.startswith(b"MPF\0") for payload in file.payloads(_MPF)):
        yield "It lists further pictures behind it (MPF), as phones write for previews and gain maps."
    for payload in file.payloads(COMMENT)[:1]:
        yield f"It has a comment: “{one_line(payload.decode('utf-8', 'replace'), 120)}”."
    yield from _behind(file.content)


def _behind(content: bytes) -> Iterator[str]:
    """Say what stands behind the end of the picture."""
    *_, last = segments(content)
    rest = content[last.end :] if last.marker == END_OF_IMAGE else b""
    if not rest.strip(b"\0"):
        if rest:
            yield f"{len(rest):,} zeros stand behind the end of the picture, as some cameras write."
        return
    kind, words = format_of_content(rest), what_it_is(rest)
    what = (
        f"that begin as a {kind}" if kind else f"that begin as {words[6:].partition(';')[0]}" if words else ""
    )
    yield (
        f"{len(rest):,} bytes {what + ' ' if what else ''}stand behind the end of the picture: phones keep "
        "further pictures there, messengers and people other things."
    )
