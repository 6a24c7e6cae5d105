"""Any supported picture as upright 8-bit RGB pixels: the one place where pictures are opened.

Colours are taken as they are stored: an ICC profile is not applied. Of several pages or frames the
first is read.
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from pipeline.errors import UserError
from pipeline.images.formats import ENDINGS

# Raise it whenever a picture may come out with other pixels than before: what was converted with an
# older number is then converted again. tests/images/test_read.py holds pixels that notice.
READING = 1

_ORIENTATION_TAG = 0x0112
_TURNED = (5, 6, 7, 8)  # EXIF orientations that swap width and height
_WHITE = (255, 255, 255, 255)
_PNG_END = b"IEND\xaeB`\x82"  # the last chunk with its checksum: the same in every whole PNG
_BEGINNINGS = {
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG",),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "BMP": (b"BM",),
    "WEBP": (b"RIFF",),
    "GIF": (b"GIF8",),
}


class Unreadable(UserError):  # noqa: N818 - it says what is wrong, as UserError does
    """A file that is not a whole picture of a supported format.

    Attributes:
        reason: what is wrong with it, without its name.
    """

    def __init__(self, reason: str, name: str = "the picture") -> None:
        super().__init__(f"{name} cannot be read: {reason}")
        self.reason = reason
        self.name = name

    def __reduce__(self) -> tuple[type["Unreadable"], tuple[str, str]]:
        return type(self), (self.reason, self.name)


def read_rgb(source: Path | bytes, at_least: tuple[int, int] | None = None) -> np.ndarray:
    """Read a picture as it is meant to be looked at.

    EXIF orientation is applied. Transparent pixels are laid over white, as viewers show them. Grey,
    palette, CMYK, YCbCr and Lab pictures become RGB. 16-bit pictures are scaled by their range;
    32-bit integers and floats, which have no agreed white, are scaled so that the darkest value
    becomes 0 and the brightest 255, except floats within 0..1, whose white is 1.

    Args:
        source: a file, or the content of one.
        at_least: (height, width) that suffices. A JPEG may then be decoded at 1/2, 1/4 or 1/8 of its
            size, several times faster, as long as neither side falls below; other formats, and
            pictures that are smaller, come as they are.

    Returns:
        (height, width, 3) uint8, contiguous and writable.

    Raises:
        Unreadable: missing, empty, truncated, broken, or no picture of a supported format.
    """
    name = str(source) if isinstance(source, Path) else "the picture"
    try:
        image = open_picture(read_bytes(source) if isinstance(source, Path) else source)
        return np.array(upright_rgb(image, at_least))
    except Unreadable as error:
        raise Unreadable(error.reason, name) from error.__cause__


def read_bytes(path: Path) -> bytes:
    """Read a file; raise Unreadable where the operating system refuses."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(f"{error.strerror or error}", str(path)) from error


def open_picture(content: bytes) -> Image.Image:
    """Read the header alone; the pixels follow with `upright_rgb`.

    Raises:
        Unreadable: empty, or not of a supported format.
    """
    if not content:
        raise Unreadable("the file is empty")
    try:
        image = Image.open(io.BytesIO(content), formats=tuple(ENDINGS))
    except MemoryError:
        raise
    except Image.UnidentifiedImageError as error:
        raise Unreadable(_unidentified(content)) from error
    except Exception as error:  # a broken header makes Pillow's plugins raise nearly everything
        raise Unreadable(_in_words(error)) from error
    if image.format == "PNG" and _PNG_END not in content[-1024:] and _PNG_END not in content:
        raise Unreadable("the file is truncated (a PNG without its end); get a whole copy of it")
    return image


def upright_rgb(image: Image.Image, at_least: tuple[int, int] | None = None) -> Image.Image:
    """Decode a picture of `open_picture` to mode RGB, without metadata; see `read_rgb`.

    Raises:
        Unreadable: truncated or broken.
    """
    try:
        if at_least is not None and format_of(image) == "JPEG":
            height, width = at_least
            image.draft(None, (height, width) if orientation(image) in _TURNED else (width, height))
        image.load()
        if image.format != "TIFF":  # Pillow turns those while it decodes them
            ImageOps.exif_transpose(image, in_place=True)
        rgb = _to_rgb(image)
    except (MemoryError, Unreadable):
        raise
    except Exception as error:  # as above
        raise Unreadable(_in_words(error)) from error
    rgb.info = {}  # Pillow would write comments and profiles into whatever is saved from it
    return rgb


def format_of(image: Image.Image) -> str:
    """Give the format by content, a key of `formats.ENDINGS`."""
    # What phones call MPO is a JPEG with more pictures behind it.
    return "JPEG" if image.format == "MPO" else str(image.format)


def orientation(image: Image.Image) -> int:
    """Give the EXIF orientation, 1 (upright) to 8; to be asked before decoding.

    Raises:
        Unreadable: the EXIF block is broken.
    """
    try:
        found = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception as error:  # as above
        raise Unreadable(_in_words(error)) from error
    return found if found in range(1, 9) else 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_eight_bit(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("LA").convert("RGBA") if image.mode == "La" else image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, _WHITE), rgba).convert("RGB")
    return image.convert("RGB")


def _eight_bit(values: np.ndarray) -> np.ndarray:
    """Scale 16- and 32-bit grey values to 0..255."""
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        low, high = 0.0, 65535.0
    else:
        finite = values[np.isfinite(values)]
        if not finite.size:
            raise ValueError("no pixel holds a finite number")
        low, high = float(finite.min()), float(finite.max())
        if values.dtype.kind == "f" and low >= 0 and high <= 1:
            low, high = 0.0, 1.0
    span = (high - low) or 1.0
    scaled = (np.nan_to_num(values.astype(np.float64), nan=low, posinf=high, neginf=low) - low) * (255 / span)
    return np.rint(scaled).astype(np.uint8)


def _unidentified(content: bytes) -> str:
    for name, beginnings in _BEGINNINGS.items():
        if content.startswith(beginnings):
            return f"it begins as a {name} but is truncated or broken; get a whole copy of it"
    return f"it is no picture of a supported format ({', '.join(ENDINGS)})"


def _in_words(error: Exception) -> str:
    """Say what Pillow found, in words that tell a truncated file from a broken one."""
    text = str(error).strip() or type(error).__name__
    if "truncated" in text.lower():
        return f"the file is truncated ({text}); get a whole copy of it"
    if isinstance(error, Image.DecompressionBombError):
        return f"it is larger than {Image.MAX_IMAGE_PIXELS or 0:,} pixels by far ({text})"
    return f"its content is broken ({text}); get a whole copy of it"
