"""What a file says besides its pixels: segments, header, metadata, taken apart as far as somebody asks.

Nothing here raises for a broken file: what cannot be read is not there.
"""

import contextlib
import functools
import io
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from PIL import ExifTags, Image

from pipeline.images.jpeg import header_segments, read_header

_LONGEST = 60  # characters of a text that are kept: software adds versions, comments go on for pages


class FileFacts:
    """One file, taken apart as far as a feature asks; all but `image` and `jpeg` as of `opened_facts`.

    Attributes:
        image: opened by Pillow; None where it cannot, because another reader was needed for the pixels.
        jpeg: its header; None where it is no JPEG.
    """

    def __init__(self, content: bytes, name: str, width: int, height: int, image: Image.Image | None) -> None:
        self.content, self.name, self.width, self.height, self.image = content, name, width, height, image
        self.jpeg: Any = read_header(content)  # a JpegHeader or None: who asks knows which

    @functools.cached_property
    def segments(self) -> list[tuple[int, bytes]]:
        """Marker and payload of a JPEG's segments up to its first scan."""
        return list(header_segments(self.content))

    def payloads(self, *markers: int) -> list[bytes]:
        """Return what the segments with one of `markers` hold."""
        return [payload for marker, payload in self.segments if marker in markers]

    @property
    def info(self) -> Mapping[Any, Any]:
        """Return what Pillow read besides the pixels."""
        return self.image.info if self.image else {}

    @property
    def format(self) -> str:
        """Return the format by content; "other" where Pillow does not know it."""
        if self.image is None:
            return "other"
        return "JPEG" if self.image.format == "MPO" else str(self.image.format)

    @property
    def tiff(self) -> Mapping[int, Any]:
        """Return the tags of a TIFF; empty for other formats."""
        tags: Mapping[int, Any] = getattr(self.image, "tag_v2", {}) if self.format == "TIFF" else {}
        return tags

    @functools.cached_property
    def exif(self) -> tuple[Image.Exif, Mapping[int, Any], Mapping[int, Any]]:
        """EXIF: the first block, the one inside, that of the thumbnail; empty where broken."""
        try:
            assert self.image is not None
            exif = self.image.getexif()
            return exif, exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.IFD1)
        except Exception:  # Pillow's plugins raise nearly everything
            return Image.Exif(), {}, {}

    @property
    def software(self) -> str:
        """Return the name of the software that saved it; "" where the file names none."""
        named = self.exif[0].get(ExifTags.Base.Software)
        return one_line(named or self.info.get("Software") or self.info.get("software"))

    @property
    def camera(self) -> str:
        """Return maker and model as EXIF names them; "" where it does not."""
        tags = (ExifTags.Base.Make, ExifTags.Base.Model)
        return " ".join(one_line(self.exif[0].get(tag)) for tag in tags).strip()


@contextlib.contextmanager
def opened_facts(content: bytes, name: str, width: int, height: int) -> Iterator[FileFacts]:
    """Yield a file taken apart, open while the block runs; nothing it says about itself warns.

    Args:
        content: the file.
        name: of it.
        width: of the upright picture, in pixels.
        height: likewise.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata, which are facts here and no trouble
        try:
            image = Image.open(io.BytesIO(content))
        except Exception:  # Pillow's plugins raise nearly everything
            yield FileFacts(content, name, width, height, None)
            return
        with image:
            yield FileFacts(content, name, width, height, image)


def one_line(value: object, most: int = _LONGEST) -> str:
    """Write a value that a file gives in one line of at most `most` characters."""
    if value is None:
        return ""
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:most]
