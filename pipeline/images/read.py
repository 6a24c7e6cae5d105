"""Any supported picture as upright 8-bit RGB pixels: the one place where pictures are opened.

Colours come in sRGB: an ICC profile that says otherwise is applied. Of the frames of an animation the first
is read, of several pictures of a HEIF the primary one; of the pages of a TIFF any, the first where nothing
else is asked for. The log says so where a file is read by its name.
"""

import contextlib
import functools
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile

from pipeline.images import decoders
from pipeline.images.colour import to_rgb
from pipeline.images.files import ENDINGS, LIMITS, Limits, Unreadable, format_of_content, what_it_is
from pipeline.images.integrity import JpegFeed, jpeg_extent, pixel_part, webp_size
from pipeline.images.jpeg import BLOCK, NO_TABLE, JpegHeader, read_header
from pipeline.images.jpeg_xl import open_jpeg_xl
from pipeline.images.messages import Messages, collected, log
from pipeline.images.orientation import orientation_of_image
from pipeline.images.plain_files import decode_plain_tiff
from pipeline.images.tiff import (
    FROM_BELOW,
    FROM_RIGHT,
    SIDEWAYS,
    TURNS,
    DeepTiff,
    beyond_pillow,
    check_pieces,
    orientation_of,
)
from pipeline.images.tiff_directories import ORIENTATION, count_pages, find_page

# Raise it whenever a picture may come out with other pixels than before: what was converted with an
# older number is then converted again. tests/images/test_read.py holds pixels that notice.
READING = 3

# Pillow's own limit is one guess for all; ours are in the configuration, and `read` looks at them.
Image.MAX_IMAGE_PIXELS = None

# Bytes of a pixel while it is decoded, where they are more than Pillow's 4: planes, frames, copies of them.
_DECODING = {"WEBP": 16, "AVIF": 14, "HEIF": 16}
_BYTES_IN_SCANS = 4 + 3 * 2  # of a pixel, where libjpeg keeps the coefficients until the last scan has come
_TOO_LITTLE_MEMORY = "it needs more memory than there is; set convert.max_gib lower, or fewer compute.workers"
_NO_PICTURE = f"it is no picture of a supported format ({', '.join(ENDINGS)}); save it as one"
_STRIP = 1 << 18  # pixels that are copied at once
_LONGEST_TEXT = 200  # of a library, in a reason
# How many pictures the file has, beside what Pillow tells, and which is read of those with several.
_PICTURES = "pipeline_pictures"
_SEVERAL = dict.fromkeys(["GIF", "PNG", "WEBP", "AVIF", "JXL"], "first") | {"HEIF": "primary one"}
_UNSUPPORTED = re.compile(r"unsupported|not (yet )?(supported|implemented)|unknown", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as `read` gives it: its header is known, its pixels are decoded when first asked for.

    Attributes:
        name: of the file, for messages.
        content: the bytes of the file.
        format: by content, a key of `files.ENDINGS`.
        orientation: EXIF orientation, 1 (upright) to 8; what is out of range counts as upright.
        stored_size: (width, height) as stored, before the orientation is applied.
    """

    name: str
    content: bytes = field(repr=False)
    format: str
    orientation: int
    stored_size: tuple[int, int]
    _opened: Image.Image = field(repr=False)
    _at_least: tuple[int, int] | None = field(repr=False)

    @property
    def upright_size(self) -> tuple[int, int]:
        """(width, height) as the picture is looked at."""
        return self.stored_size[::-1] if self.orientation in SIDEWAYS else self.stored_size

    @functools.cached_property
    def image(self) -> Image.Image:
        """The upright picture in mode RGB, without metadata.

        Raises:
            Unreadable: truncated, damaged, or more than the memory holds.
        """
        if self._released:
            return Image.fromarray(self.pixels)
        decoded = self._decoded
        with _explained(self.name), _logged(self.name, from_stderr=False):
            rgb = to_rgb(decoded)
        rgb.info = {}  # Pillow would write comments and profiles into whatever is saved from it
        return rgb

    @functools.cached_property
    def pixels(self) -> np.ndarray:
        """The upright picture as (height, width, 3) uint8, contiguous and writable; raises as `image`."""
        with _explained(self.name):
            pixels = _array(self.image)
        if self.image is self._decoded:
            # Pillow's own four bytes a pixel go: a picture of 100 megapixels fits into the memory but once.
            del vars(self)["image"], vars(self)["_decoded"]
            self._opened.close()
        return pixels

    @property
    def pixels_on_grid(self) -> np.ndarray:
        """`pixels` without what lies above and on the left of the first whole block, see `grid_start`."""
        top, left = self.grid_start
        return self.pixels[max(top, 0) :, max(left, 0) :]

    @property
    def stored(self) -> Image.Image:
        """The upright picture in the mode in which it is stored, colours as they are; raises as `image`."""
        return self.image if self._released else self._decoded

    @property
    def stored_pixels(self) -> np.ndarray:
        """The samples of `stored`: (height, width) or (height, width, channels); `pixels` where these are."""
        pixels = self.pixels
        return pixels if self._released else np.asarray(self._decoded)

    @property
    def _released(self) -> bool:
        """Whether `pixels` are all that is left of it."""
        return "pixels" in vars(self) and "_decoded" not in vars(self)

    @functools.cached_property
    def jpeg(self) -> JpegHeader | None:
        """How a JPEG was saved; None for other formats."""
        return read_header(self.content) if self.format == "JPEG" else None

    @property
    def quantisation(self) -> np.ndarray:
        """The luminance table of a JPEG as it lies in the upright pixels, (8, 8) float32.

        A picture that is turned sideways has its vertical frequencies across. Zeros where the file is no
        JPEG, or of other colours than grey and YCbCr.
        """
        if self.jpeg is None or len(self.jpeg.tables) not in (1, 3):
            return NO_TABLE
        table = np.array(self.jpeg.tables[0], np.float32).reshape(8, 8)
        return np.ascontiguousarray(table.T) if self.orientation in SIDEWAYS else table

    @property
    def grid_start(self) -> tuple[int, int]:
        """The upright row and column at which the first whole block of 8 × 8 of a JPEG begins.

        (0, 0), but for one that comes mirrored or turned: its blocks were counted from a side that is now the
        lower or the right one, and what fills no block lies above or on the left. A side shorter than a
        block lies at the end of one that begins before it: -3 where five pixels are there.
        """
        if self.format != "JPEG":
            return (0, 0)
        width, height = self.upright_size
        top, left = (side % BLOCK if side >= BLOCK else side - BLOCK for side in (height, width))
        return (top if self.orientation in FROM_BELOW else 0, left if self.orientation in FROM_RIGHT else 0)

    @functools.cached_property
    def _decoded(self) -> Image.Image:
        """The upright picture in the mode in which it is stored."""
        image, feed = self._opened, getattr(self._opened, "fp", None)
        if (plain := decode_plain_tiff(image)) is not None:
            return plain
        prints = image.format == "TIFF" and image.info.get("compression") != "raw"
        prints |= isinstance(image, decoders.Redecoded)  # by libpng, OpenJPEG, …
        also = image.messages if isinstance(image, DeepTiff) else ()
        with _explained(self.name), _logged(self.name, prints, also):
            if self._at_least is not None and self.format == "JPEG":
                height, width = self._at_least
                image.draft(None, (height, width) if self.orientation in SIDEWAYS else (width, height))
            image.load()
            if isinstance(feed, JpegFeed):
                feed.check()
            if image.format != "TIFF" and self.orientation != 1:  # those come turned
                return image.transpose(TURNS[self.orientation])
        return image


def read(
    source: Path | bytes,
    limits: Limits = LIMITS,
    page: int | None = None,
    *,
    at_least: tuple[int, int] | None = None,
    known_whole: bool = False,
) -> Picture:
    """Read a picture as it is meant to be looked at.

    EXIF orientation is applied, and an ICC profile. Transparent pixels are laid over white, as viewers show
    them. Grey, palette, CMYK, YCbCr and Lab pictures become RGB. Deep pictures are scaled by their range, see
    `pipeline.images.colour.eight_bit`.

    >>> import io
    >>> file = io.BytesIO()
    >>> Image.new("L", (30, 20), 200).save(file, "PNG")
    >>> picture = read(file.getvalue())
    >>> picture.format, picture.stored_size, picture.pixels.shape, picture.pixels[0, 0].tolist()
    ('PNG', (30, 20), (20, 30, 3), [200, 200, 200])

    Args:
        source: a file, or the content of one.
        limits: beyond which a picture is refused before it is decoded.
        page: of a TIFF with several, counted from 0; None: the first, and the log says so if there are more.
        at_least: (height, width) that suffices. A JPEG may then be decoded at 1/2, 1/4 or 1/8 of its
            size, several times faster, as long as neither side falls below; other formats, and
            pictures that are smaller, come as they are.
        known_whole: its bytes are those of a file that was read before; it is not walked through again.

    Raises:
        Unreadable: missing, empty, truncated, damaged, too large, or no picture of a supported format;
            what only decoding tells is raised when the pixels are asked for.
    """
    name = str(source) if isinstance(source, Path) else "the picture"
    content = read_bytes(source) if isinstance(source, Path) else source
    kind = format_of_content(content)
    with _explained(name):
        if not content:
            raise Unreadable("the file is empty")
        if page and kind != "TIFF":
            raise Unreadable(f"it has one page, page {page + 1} was asked for")
        with collected(from_stderr=False) as messages:
            image = _open(content, kind, limits, page or 0, known_whole)
            orientation = orientation_of_image(image)
            turned_and_coloured = orientation != 1 and bool(image.info.get("icc_profile"))
            limits.check(*image.size, bytes_each=12 if turned_and_coloured else 4)
        log(name, messages)
        if isinstance(source, Path) and not known_whole:  # once, and under its name
            log(name, _others(content, kind, page, image))
    # What phones call MPO is a JPEG with more pictures behind it.
    stored_as = "JPEG" if image.format == "MPO" else str(image.format)
    # The size of a TIFF is the turned one, that of other formats the stored one.
    turned = stored_as == "TIFF" and orientation in SIDEWAYS
    stored_size = image.size[::-1] if turned else image.size
    return Picture(name, content, stored_as, orientation, stored_size, image, at_least)


def _array(image: Image.Image) -> np.ndarray:
    """Return the pixels of a picture of mode RGB, strip by strip: Pillow copies all of what it hands over."""
    width, height = image.size
    pixels = np.empty((height, width, 3), np.uint8)
    rows = max(_STRIP // width, 1)
    for top in range(0, height, rows):
        pixels[top : top + rows] = np.asarray(image.crop((0, top, width, min(top + rows, height))))
    return pixels


def _others(content: bytes, kind: str | None, page: int | None, image: Image.Image) -> str:
    """Return which picture of a file with several is read; "" where there is one, or one was asked for."""
    if kind == "TIFF" and page is None:
        with contextlib.suppress(Unreadable):  # the first page is whole
            if (n_pages := count_pages(content)) > 1:
                return f"it has {n_pages:,} pages, the first is read (convert.pages=all takes each)"
    if kind in _SEVERAL and max(image.info.get(_PICTURES, 1), getattr(image, "n_frames", 1)) > 1:
        return f"it has several pictures, the {_SEVERAL[kind]} is read"
    return ""


def read_bytes(path: Path) -> bytes:
    """Read a file; raise Unreadable where the operating system refuses."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(f"{error.strerror or error}", str(path)) from error
    except MemoryError as error:
        raise Unreadable(_TOO_LITTLE_MEMORY, str(path)) from error


def _open(content: bytes, kind: str | None, limits: Limits, page: int, known_whole: bool) -> Image.Image:
    """Open the header with Pillow or tifffile, and walk through the file."""
    if kind == "TIFF":
        return _open_tiff(content, limits, page)
    if kind is None:
        raise Unreadable(what_it_is(content) or _NO_PICTURE)
    if kind == "WEBP":
        limits.check(*webp_size(content), bytes_each=_DECODING[kind])  # it is taken as soon as it is opened
    if kind == "JXL":
        return open_jpeg_xl(content, limits)
    content, n_pictures = pixel_part(content, kind, known_whole)
    extent = jpeg_extent(content) if kind == "JPEG" and not known_whole else None
    if kind == "JPEG2000":
        return decoders.open_jpeg_2000(content, limits)
    if kind == "BMP" and decoders.has_bit_fields(content):
        return decoders.open_bit_fields(content, limits)
    image = _identified(content, kind)
    limits.check(*image.size, bytes_each=_DECODING.get(kind, 4))
    if not isinstance(image, ImageFile.ImageFile):  # it is put right already
        return image
    if extent is None:
        opened = decoders.redecoded(image, content, limits)
        opened.info[_PICTURES] = n_pictures
        return opened
    if extent.scans > 1:
        limits.check(*image.size, bytes_each=_BYTES_IN_SCANS)
    if extent.can_be_fed:
        image.fp = JpegFeed(content, extent)
    return image


def _identified(content: bytes, kind: str) -> Image.Image:
    if kind == "HEIF":
        from pi_heif import options
        from pi_heif.as_plugin import HeifImageFile

        options.DECODE_THREADS = 1  # there are as many processes as cores
        options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
        return HeifImageFile(io.BytesIO(content), "")
    try:
        image = Image.open(io.BytesIO(content), formats=(kind,))
    except Image.UnidentifiedImageError as error:
        if kind == "AVIF" and (lenient := decoders.lenient_avif(content)):
            return lenient
        try:
            Image.OPEN[kind][0](io.BytesIO(content), "")  # which says what it stumbles over
        except Exception as reason:
            raise reason from error
        raise
    if kind == "JPEG":
        # An arithmetic decoder cannot wait for more data.
        image.decodermaxblock = max(image.decodermaxblock, len(content))
    return image


def _open_tiff(content: bytes, limits: Limits, page: int) -> Image.Image:
    length = len(content)
    content, tags = find_page(content, page)
    check_pieces(tags, length, limits)
    orientation = orientation_of(tags)
    if not beyond_pillow(tags):
        try:
            image = Image.open(io.BytesIO(content), formats=("TIFF",))
            # It would turn it by XMP, too, and passes over a tag of another type.
            if image.getexif().get(ORIENTATION, 1) in {orientation, 0}:
                return image
        except MemoryError:
            raise
        except Exception:  # Pillow knows no such pixels
            pass
    return DeepTiff(content, orientation, limits)


@contextlib.contextmanager
def _logged(name: str, from_stderr: bool, also: Sequence[str] = ()) -> Iterator[None]:
    """Log what libraries say of a picture; where they fail, what they said last is the reason."""
    messages = Messages()
    try:
        with collected(from_stderr) as messages:
            yield
    except (Unreadable, MemoryError):
        raise
    except Exception as error:  # see `_explained`
        messages.lines += also
        raise Unreadable(_in_words(messages.last() or _text(error)), name) from error
    messages.lines += also
    log(name, messages)


@contextlib.contextmanager
def _explained(name: str) -> Iterator[None]:
    """Raise Unreadable with the name of the file for whatever is raised inside."""
    try:
        yield
    except Unreadable as error:
        raise Unreadable(error.reason, name) from error.__cause__
    except MemoryError as error:
        raise Unreadable(_TOO_LITTLE_MEMORY, name) from error
    except Exception as error:  # broken files make Pillow's plugins raise nearly everything
        raise Unreadable(_in_words(_text(error)), name) from error


def _text(error: Exception) -> str:
    return str(error).strip() or type(error).__name__


def _in_words(text: str) -> str:
    """Return what the decoder said in words that tell a truncated file from a broken one."""
    text = text.splitlines()[0][:_LONGEST_TEXT]
    if "MAX_TEXT_CHUNK" in text:
        return "a text or a colour profile in it unpacks to more than 1 MiB; save it without"
    if "truncated" in text.lower():
        return f"the file is truncated ({text}); get a whole copy of it"
    if _UNSUPPORTED.search(text):
        return f"it is stored in a way that is not read ({text}); save it as PNG or TIFF"
    return f"its content is broken ({text}); get a whole copy of it"
