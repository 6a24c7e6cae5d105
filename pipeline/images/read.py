"""Any supported picture as upright 8-bit RGB pixels: the one place where pictures are opened.

Colours come in sRGB: an ICC profile that says otherwise is applied. Of several frames (GIF, WebP, AVIF) the
first is read; of several pages of a TIFF any, the first where nothing else is asked for.
"""

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile, ImageOps

from pipeline.images.colour import eight_bit, to_srgb
from pipeline.images.files import ENDINGS, LIMITS, Limits, Unreadable, format_of_content
from pipeline.images.integrity import JpegFeed, can_be_fed, check_whole, jpeg_extent, webp_size
from pipeline.images.messages import collected, log
from pipeline.images.tiff import DeepTiff, beyond_pillow
from pipeline.images.tiff_tags import check_pieces, count_pages, find_page

# How a picture was held: its EXIF orientation, without parsing all its metadata where that suffices.
#

ORIENTATION = 0x0112  # the tag
TURNED = (5, 6, 7, 8)  # orientations that swap width and height
_SHORT = 3  # the type that it has


def orientation_of(image: Image.Image) -> int:
    """Give the EXIF orientation, 1 (upright) to 8; what is out of range counts as upright.

    Pillow, which is asked where the answer is not plain, takes ten times as long and raises nearly
    everything where the EXIF block is broken.
    """
    if image.format != "TIFF" and _is_surely_upright(image.info):
        return 1
    found = image.getexif().get(ORIENTATION, 1)
    return found if found in range(1, 9) else 1


def _is_surely_upright(info: dict[Any, Any]) -> bool:
    if "Raw profile type exif" in info:
        return False
    exif = info.get("exif", b"")
    try:
        said = _first_directory(exif.removeprefix(b"Exif\0\0")).get(ORIENTATION) if exif else None
    except (struct.error, TypeError, AttributeError):
        return False
    if said is not None:
        return said == 1
    for key in ("xmp", "XML:com.adobe.xmp"):  # it counts where EXIF says nothing
        text = info.get(key, b"")
        if (b"tiff:Orientation" if isinstance(text, bytes) else "tiff:Orientation") in text:
            return False
    return True


def _first_directory(exif: bytes) -> dict[int, int]:
    """Give the numbers of 16 bits in it, by their tag; for any other kind of orientation 0."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4], "")
    if not order:
        raise struct.error
    (start,) = struct.unpack_from(order + "I", exif, 4)
    (entries,) = struct.unpack_from(order + "H", exif, start)
    block = exif[start + 2 : start + 2 + 12 * entries]
    found = struct.iter_unpack(order + "HHIH2x", block)
    return {tag: value if kind == _SHORT and count == 1 else 0 for tag, kind, count, value in found}


__all__ = [
    "LIMITS",
    "READING",
    "Limits",
    "Unreadable",
    "count_pages",
    "format_of",
    "open_picture",
    "orientation",
    "read_bytes",
    "read_rgb",
    "stored_size",
    "upright_rgb",
]

# Raise it whenever a picture may come out with other pixels than before: what was converted with an
# older number is then converted again. tests/images/test_read.py holds pixels that notice.
READING = 2

# Pillow's own limit is one guess for all; ours are in the configuration, and `open_picture` looks at them.
Image.MAX_IMAGE_PIXELS = None

_NAME = "name of the file"  # key of `Image.info`; with the attribute `filename` Pillow would open the file
_BYTES_IN_SCANS = 4 + 3 * 2  # of a pixel, where libjpeg keeps the coefficients until the last scan has come
_WHITE = (255, 255, 255, 255)


def read_rgb(
    source: Path | bytes,
    at_least: tuple[int, int] | None = None,
    limits: Limits = LIMITS,
    page: int = 0,
    known_whole: bool = False,
) -> np.ndarray:
    """Read a picture as it is meant to be looked at.

    EXIF orientation is applied, and an ICC profile. Transparent pixels are laid over white, as viewers show
    them. Grey, palette, CMYK, YCbCr and Lab pictures become RGB. Deep pictures are scaled by their range, see
    `pipeline.images.colour.eight_bit`; of a PNG with 16 bits a colour the upper 8 are taken.

    Args:
        source: a file, or the content of one.
        at_least: (height, width) that suffices. A JPEG may then be decoded at 1/2, 1/4 or 1/8 of its
            size, several times faster, as long as neither side falls below; other formats, and
            pictures that are smaller, come as they are.
        limits: beyond which a picture is refused before it is decoded.
        page: of a TIFF with several, counted from 0.
        known_whole: its bytes are those of a file that was read before; it is not walked through again.

    Returns:
        (height, width, 3) uint8, contiguous and writable.

    Raises:
        Unreadable: missing, empty, truncated, damaged, too large, or no picture of a supported format.
    """
    name = str(source) if isinstance(source, Path) else "the picture"
    try:
        content = read_bytes(source) if isinstance(source, Path) else source
        return np.array(upright_rgb(open_picture(content, limits, page, name, known_whole), at_least))
    except Unreadable as error:
        raise Unreadable(error.reason, name) from error.__cause__
    except MemoryError as error:
        raise Unreadable(_TOO_LITTLE_MEMORY, name) from error


def read_bytes(path: Path) -> bytes:
    """Read a file; raise Unreadable where the operating system refuses."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(f"{error.strerror or error}", str(path)) from error
    except MemoryError as error:
        raise Unreadable(_TOO_LITTLE_MEMORY, str(path)) from error


def open_picture(
    content: bytes,
    limits: Limits = LIMITS,
    page: int = 0,
    name: str = "the picture",
    known_whole: bool = False,
) -> Image.Image:
    """Read the header alone, and walk through the file; the pixels follow with `upright_rgb`.

    Args:
        content: of the file.
        limits: beyond which a picture is refused.
        page: of a TIFF with several, counted from 0.
        name: of the file, for the log.
        known_whole: see `read_rgb`.

    Raises:
        Unreadable: empty, too large, not all there, or not of a supported format.
    """
    if not content:
        raise Unreadable("the file is empty")
    kind = format_of_content(content)
    if page and kind != "TIFF":
        raise Unreadable(f"it has one page, page {page + 1} was asked for")
    with collected(from_stderr=False) as messages:
        try:
            image = _opened(content, kind, limits, page, known_whole)
            limits.check(*image.size)
        except Unreadable:
            raise
        except MemoryError as error:
            raise Unreadable(_TOO_LITTLE_MEMORY) from error
        except Image.UnidentifiedImageError as error:
            raise Unreadable(_unidentified(content)) from error
        except Exception as error:  # a broken header makes Pillow's plugins raise nearly everything
            raise Unreadable(_in_words(error)) from error
    image.info[_NAME] = name
    log(name, messages)
    return image


def _opened(content: bytes, kind: str | None, limits: Limits, page: int, known_whole: bool) -> Image.Image:
    if kind == "TIFF":
        return _opened_tiff(content, limits, page)
    if kind == "WEBP":
        limits.check(*webp_size(content))  # its canvas is there as soon as it is opened
    if kind != "JPEG":
        if kind is not None and not known_whole:
            check_whole(content, kind)
        return Image.open(io.BytesIO(content), formats=tuple(ENDINGS))
    image = Image.open(io.BytesIO(content), formats=("JPEG",))
    if known_whole:
        return image
    limits.check(*image.size)
    extent = jpeg_extent(content)
    if extent.scans > 1:
        limits.check(*image.size, bytes_each=_BYTES_IN_SCANS)
    if isinstance(image, ImageFile.ImageFile) and can_be_fed(extent):
        image.fp = JpegFeed(content, extent)
    return image


def _opened_tiff(content: bytes, limits: Limits, page: int) -> Image.Image:
    directory, tags = find_page(content, page)
    check_pieces(tags, len(content), limits)
    if beyond_pillow(tags):
        return DeepTiff(content, directory, limits)
    try:
        image = Image.open(io.BytesIO(content), formats=("TIFF",))
        if directory:
            image.seek(directory)
    except MemoryError:
        raise
    except Exception:  # Pillow knows no such pixels
        return DeepTiff(content, directory, limits)
    return image


def upright_rgb(image: Image.Image, at_least: tuple[int, int] | None = None) -> Image.Image:
    """Decode a picture of `open_picture` to mode RGB, without metadata; see `read_rgb`.

    Raises:
        Unreadable: truncated, damaged, or more than the memory holds.
    """
    name, file = str(image.info.get(_NAME, "a picture")), getattr(image, "fp", None)
    by_libtiff = image.format == "TIFF" and image.info.get("compression") != "raw"
    with collected(from_stderr=by_libtiff) as messages:
        failure: Exception | None = None
        try:
            if at_least is not None and format_of(image) == "JPEG":
                height, width = at_least
                image.draft(None, (height, width) if orientation(image) in TURNED else (width, height))
            image.load()
            if isinstance(file, JpegFeed):
                file.check()
            if image.format != "TIFF" and orientation(image) != 1:  # those come turned
                ImageOps.exif_transpose(image, in_place=True)
            rgb = _to_rgb(image)
        except Unreadable:
            raise
        except MemoryError as error:
            raise Unreadable(_TOO_LITTLE_MEMORY) from error
        except Exception as error:  # as above
            failure = error
    if isinstance(image, DeepTiff):
        messages.lines += image.said
    if failure is not None:
        raise Unreadable(_in_words(failure, messages.last())) from failure
    log(name, messages)
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
        return orientation_of(image)
    except Exception as error:  # as above
        raise Unreadable(_in_words(error)) from error


def stored_size(image: Image.Image) -> tuple[int, int]:
    """Give (width, height) as stored, before the EXIF orientation is applied; to be asked before decoding."""
    # The size of a TIFF is the turned one, that of other formats the stored one.
    turned = image.format == "TIFF" and orientation(image) in TURNED
    return image.size[::-1] if turned else image.size


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        profile = image.info.get("icc_profile")
        image = Image.fromarray(eight_bit(np.asarray(image)))
        image.info["icc_profile"] = profile
    elif image.has_transparency_data:
        rgba = image.convert("LA").convert("RGBA") if image.mode == "La" else image.convert("RGBA")
        shown = Image.alpha_composite(Image.new("RGBA", rgba.size, _WHITE), rgba).convert("RGB")
        shown.info["icc_profile"] = image.info.get("icc_profile")
        image = shown
    elif image.mode not in {"RGB", "L", "CMYK"}:
        image = image.convert("RGB")  # which keeps `info`
    return to_srgb(image)


_LONGEST_TEXT = 200  # of a library, in a reason
_TOO_LITTLE_MEMORY = "it needs more memory than there is; set convert.max_gib lower, or fewer compute.workers"


def _unidentified(content: bytes) -> str:
    if kind := format_of_content(content):
        return f"it begins as a {kind} but is truncated or broken; get a whole copy of it"
    return f"it is no picture of a supported format ({', '.join(ENDINGS)}); save it as one"


def _in_words(error: Exception, said: str = "") -> str:
    """Say what the decoder found, in words that tell a truncated file from a broken one."""
    text = (said or str(error).strip() or type(error).__name__).splitlines()[0][:_LONGEST_TEXT]
    if "MAX_TEXT_CHUNK" in text:
        return "a text or a colour profile in it unpacks to more than 1 MiB; save it without"
    if "truncated" in text.lower():
        return f"the file is truncated ({text}); get a whole copy of it"
    return f"its content is broken ({text}); get a whole copy of it"
