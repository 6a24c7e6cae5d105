"""Pages of TIFFs: whether all that their tags speak of is there, and pixels that Pillow cannot read rightly.

Libraries pass over a tag that lies behind the end of the file, and leave black what is missing. Pillow reads
what most programs write: 8 bits a sample, black and white, 16-bit grey; tifffile with imagecodecs the rest.
References: TIFF Revision 6.0 (Adobe, 1992); Adobe PageMaker 6.0 and Photoshop TIFF Technical Notes; BigTIFF.
"""

import contextlib
import io
import logging
import math
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from pipeline.images.colour import eight_bit, lab_bytes, opacity, over_white
from pipeline.images.files import Limits, Unreadable
from pipeline.images.tiff_directories import ORIENTATION, Tags

if TYPE_CHECKING:  # most pictures need no tifffile, and every worker would take longer to start
    import tifffile

# What brings the stored pixels upright, by the value of ORIENTATION.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = (5, 6, 7, 8)  # values that swap width and height
FROM_BELOW, FROM_RIGHT = (3, 4, 7, 8), (2, 3, 6, 7)  # whose first stored corner is a lower, a right one

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_SAMPLES, _PLANAR, _PALETTE, _INK_SET, _EXTRA, _SAMPLE_FORMAT, _DEPTH = 277, 284, 320, 332, 338, 339, 32_997
_STRIP_OFFSETS, _ROWS_PER_STRIP, _STRIP_BYTES = 273, 278, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES = 322, 323, 324, 325
_ICC_PROFILE, _NODATA = 34_675, 42_113  # read by tifffile; GDAL_NODATA stands where no value is known
_UNCOMPRESSED, _OLD_JPEG, _JPEG, _WEBP = 1, 6, 7, 50_001  # values of COMPRESSION
_BESIDE_SAMPLES = 12  # bytes of a pixel
_FAX = (2, 3, 4, 32_771)
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _INDEXED, _MASK, _SEPARATED, _YCBCR = range(7)  # of PHOTOMETRIC
_CIELAB, _ICCLAB = 8, 9
_MODES = {
    _WHITE_IS_ZERO: "L", _BLACK_IS_ZERO: "L", _RGB: "RGB", _INDEXED: "RGB", _MASK: "L", _SEPARATED: "CMYK",
    _YCBCR: "RGB", _CIELAB: "LAB", _ICCLAB: "LAB",
}  # fmt: skip
_CHANNELS = {"L": 1, "RGB": 3, "CMYK": 4, "LAB": 3}
_ASSOCIATED, _UNASSOCIATED = 1, 2  # ExtraSamples: alpha that the colours are multiplied with already, or not


def check_pieces(tags: Tags, length: int, limits: Limits) -> None:
    """Raise Unreadable for a page whose strips or tiles are too large, or not all in a file of `length`."""
    height, width = _one(tags, _HEIGHT), _one(tags, _WIDTH)
    n_samples, bits = _one(tags, _SAMPLES, 1), tags.get(_BITS) or (1,)
    pixel_bits = sum(bits) if len(bits) == n_samples else bits[0] * n_samples
    limits.check(width, height, pixel_bits / 8)
    if tiled := _TILE_OFFSETS in tags:
        rows, columns = _one(tags, _TILE_HEIGHT), _one(tags, _TILE_WIDTH)
        limits.check(columns, rows, pixel_bits / 8)
    else:
        rows, columns = min(_one(tags, _ROWS_PER_STRIP, height) or height, height), width
    begins = tags.get(_TILE_OFFSETS if tiled else _STRIP_OFFSETS, ())
    sizes = tags.get(_TILE_BYTES if tiled else _STRIP_BYTES, ())
    if not begins and _one(tags, _COMPRESSION, 1) == _OLD_JPEG:  # it has a place of its own
        return
    if _one(tags, _PLANAR, 1) not in {1, 2}:
        raise Unreadable(
            f"its PlanarConfiguration is {_one(tags, _PLANAR)}, expected 1 or 2; get a whole copy of it"
        )
    planes = n_samples if _one(tags, _PLANAR, 1) == 2 else 1
    expected = math.ceil(height / rows) * math.ceil(width / columns) * planes
    if _one(tags, _COMPRESSION, 1) == _UNCOMPRESSED and not tiled and planes == 1:
        if not any(sizes) and not beyond_pillow(tags):  # it says nothing of them, and Pillow does not ask
            sizes = ()
        sizes = _sizes(sizes, expected, rows, height, -(-width * pixel_bits // 8))
    if len(begins) < expected or (sizes and len(sizes) < expected):
        found = min(len(begins), len(sizes) or len(begins))
        raise Unreadable(f"only {found} of its {expected} strips or tiles are there; get a whole copy of it")
    begins, sizes = begins[:expected], sizes[:expected] or (1,) * expected
    if not all(begins) or not all(sizes):
        raise Unreadable("some of its strips or tiles are empty; get a whole copy of it")
    # A small file can name one strip a million times, and each time all of it would be read.
    if sum(sizes) > length + width * height * pixel_bits // 8:
        raise Unreadable("its strips or tiles lie one over another; get a whole copy of it")
    missing = max(map(int.__add__, begins, sizes)) - length
    if missing > 0:
        raise Unreadable(f"the file is truncated ({missing:,} bytes are missing); get a whole copy of it")


def _sizes(stored: Sequence[int], expected: int, rows: int, height: int, row_bytes: int) -> tuple[int, ...]:
    """Return the bytes of each uncompressed strip, of which a file may say too much or nothing."""
    needed = [min(rows, height - top) * row_bytes for top in range(0, height, rows)]
    if len(stored) != expected:
        return tuple(needed)
    return tuple(min(size, least) for size, least in zip(stored, needed, strict=True))


def orientation_of(tags: Tags) -> int:
    """Return how a page is to be turned, whatever the type of the tag; out of range it counts as upright."""
    found = _one(tags, ORIENTATION, 1)
    return found if found in TURNS else 1


def _one(tags: Tags, tag: int, default: int | None = None) -> int:
    found = tags.get(tag, () if default is None else (default,))
    if not found:
        raise Unreadable(f"its tag {tag} is missing; get a whole copy of it")
    return found[0]


def beyond_pillow(tags: Tags) -> bool:
    """Return whether Pillow cannot decode a page, or would give other pixels than are meant."""
    photometric, compression = tags.get(_PHOTOMETRIC), tags.get(_COMPRESSION, (1,))
    if photometric is None or _one(tags, _PLANAR, 1) == 2:
        return True
    extra = tags.get(_EXTRA, ())
    if len(extra) > 1 or (extra and photometric not in {(_BLACK_IS_ZERO,), (_RGB,)}):
        return True
    if photometric == (_RGB,) and _one(tags, _SAMPLES, 1) > 3 + len(extra):  # it takes what is more for alpha
        return True
    if compression == (_OLD_JPEG,) and photometric != (_YCBCR,):  # it cannot
        return True
    if set(tags.get(_SAMPLE_FORMAT, (1,))) != {1}:  # it passes over the sign, or cannot
        return True
    if tags.get(_INK_SET, (1,)) != (1,) or tags.get(_DEPTH, (1,)) != (1,):
        return True
    bits = tags.get(_BITS, (1,))
    if max(bits, default=1) > 8:
        return bits != (16,) or photometric != (_BLACK_IS_ZERO,)
    if photometric == (_YCBCR,):  # it takes them for unsubsampled
        return compression == (_UNCOMPRESSED,)
    if photometric == (_INDEXED,):  # some programs write 8 bits into the 16 of a palette
        return max(tags.get(_PALETTE, ()), default=0) < 256
    return compression == (_WEBP,)


class DeepTiff(Image.Image):
    """A page of a TIFF that tifffile decodes, when it is loaded, to 8 bits a sample in its own colours.

    It is of mode L, RGB, CMYK or LAB; transparent pixels lie over white. As Pillow's own TIFFs do, it comes
    turned upright, and `size` is meant so.
    """

    format = "TIFF"
    format_description = "TIFF, read by tifffile"

    def __init__(self, content: bytes, orientation: int, limits: Limits) -> None:
        """Read the tags; raise Unreadable where they are broken, beyond `limits`, or of an unknown kind."""
        super().__init__()
        self._content, self.orientation = content, orientation
        self.messages: list[str] = []  # of tifffile, for the log
        with self._page() as page:
            self._mode = _MODES[_photometric(page)]
            _check_page(page, limits)
            self._size = (page.imagewidth, page.imagelength)
            if isinstance(profile := page.tags.valueof(_ICC_PROFILE), bytes):
                self.info["icc_profile"] = profile
        if self.orientation in SIDEWAYS:
            self._size = self._size[::-1]

    @contextlib.contextmanager
    def _page(self) -> Iterator["tifffile.TiffPage"]:
        import tifffile

        with _heard(self.messages), tifffile.TiffFile(io.BytesIO(self._content)) as file:
            page = file.pages[0]
            if not isinstance(page, tifffile.TiffPage):
                raise Unreadable("the page is only a frame of another one")
            yield page

    def getexif(self) -> Image.Exif:
        """Return the orientation alone."""
        exif = Image.Exif()
        exif[ORIENTATION] = self.orientation
        return exif

    def load(self) -> "Image.core.PixelAccess | None":
        """Decode the page, unless that was done."""
        if self._im is None:
            with self._page() as page:
                samples = self._decoded(page)
            size = self.size[::-1] if self.orientation in SIDEWAYS else self.size
            stored = Image.frombuffer(self.mode, size, np.ascontiguousarray(samples), "raw", self.mode, 0, 1)
            turn = TURNS.get(self.orientation)
            self.im = (stored.copy() if turn is None else stored.transpose(turn)).im
        return super().load()

    def _decoded(self, page: "tifffile.TiffPage") -> np.ndarray:
        """Return (height, width) or (height, width, channels) uint8 of the page's mode, as it is stored."""
        import imagecodecs
        import tifffile

        photometric = _photometric(page)
        if photometric == _YCBCR and page.compression not in (_OLD_JPEG, _JPEG):
            return np.asarray(imagecodecs.tiff_decode(self._content, asrgb=True))[..., :3]
        stored = page.asarray(squeeze=False, maxworkers=1)  # (separate samples, depth, y, x, samples)
        samples = np.moveaxis(stored[:, 0, ..., 0], 0, -1) if stored.shape[0] > 1 else stored[0, 0]
        n_colours = 1 if photometric == _INDEXED else _CHANNELS[self.mode]
        if samples.shape[-1] < n_colours:
            raise Unreadable(f"its pixels have {samples.shape[-1]} samples, {n_colours} are needed")
        if self.mode == "LAB":
            return lab_bytes(samples[..., :3], icc=photometric == _ICCLAB)
        bits = page.bitspersample if isinstance(page.bitspersample, int) else None
        if stored.dtype.itemsize == 1 and page.compression in tifffile.TIFF.IMAGE_COMPRESSIONS:
            bits = 8
        if photometric == _INDEXED:
            colours = _looked_up(samples[..., 0], page.colormap)
        else:
            colours = eight_bit(samples[..., :n_colours], bits, _nodata(page))
        paper = 0 if photometric in (_WHITE_IS_ZERO, _SEPARATED) else 255
        for i, kind in enumerate(page.extrasamples, start=n_colours):
            if kind in (_ASSOCIATED, _UNASSOCIATED) and i < samples.shape[-1]:
                alpha = opacity(samples[..., i : i + 1], bits)
                colours = over_white(colours, alpha, multiplied=kind == _ASSOCIATED, white=paper)
                break
        if photometric == _WHITE_IS_ZERO:
            colours = np.uint8(255) - colours
        return colours[..., 0] if self.mode == "L" else colours


@contextlib.contextmanager
def _heard(messages: list[str]) -> Iterator[None]:
    """Keep what tifffile would log, in this thread, off the terminal."""
    thread = threading.get_ident()

    def keep(record: logging.LogRecord) -> bool:
        if record.thread != thread:
            return True
        messages.append(record.getMessage())
        return False

    logger = logging.getLogger("tifffile")
    logger.addFilter(keep)
    try:
        yield
    finally:
        logger.removeFilter(keep)


def _nodata(page: "tifffile.TiffPage") -> float | None:
    """Return the number that stands where no value is known; None where the page names none."""
    try:
        return float(page.tags.valueof(_NODATA, "").strip("\0 "))
    except (AttributeError, ValueError):
        return None


def _photometric(page: "tifffile.TiffPage") -> int:
    if _PHOTOMETRIC not in page.tags:  # as libtiff guesses
        n_colours = page.samplesperpixel - len(page.extrasamples)
        if n_colours not in (1, 3):
            raise Unreadable(
                f"it does not say what its {page.samplesperpixel} samples are (PhotometricInterpretation is "
                "missing); export it as an RGB TIFF"
            )
        faxed = page.compression in _FAX
        return _RGB if n_colours == 3 else _WHITE_IS_ZERO if faxed else _BLACK_IS_ZERO
    photometric = int(page.photometric)
    if photometric not in _MODES:
        raise Unreadable(
            f"its colours are stored in a way that is not read (PhotometricInterpretation {photometric}, "
            "as the raw files of cameras have); export it as an RGB TIFF"
        )
    if photometric == _SEPARATED and page.tags.valueof(_INK_SET, 1) != 1:
        raise Unreadable("its inks are not cyan, magenta, yellow and black; export it as an RGB TIFF")
    return photometric


def _check_page(page: "tifffile.TiffPage", limits: Limits) -> None:
    if page.dtype is None or page.dtype.kind not in "buif":
        raise Unreadable(
            f"its samples are stored in a way that is not read (SampleFormat {page.sampleformat}, "
            f"{page.bitspersample} bits); export it with 8 or 16 bits a sample"
        )
    if page.imagedepth != 1:
        raise Unreadable(f"it is a volume of {page.imagedepth} layers, not a picture")
    # Beside the samples there are 8 bits of each, and the opacity.
    bytes_each = page.samplesperpixel * max(page.dtype.itemsize, 1) + _BESIDE_SAMPLES
    limits.check(page.imagewidth, page.imagelength, bytes_each)


def _looked_up(indices: np.ndarray, palette: np.ndarray | None) -> np.ndarray:
    """Look up the colours of a palette, (3, entries) of 16 bits, or of 8 bits in 16."""
    if palette is None:
        raise Unreadable("its palette is missing")
    colours = (palette if palette.max(initial=0) < 256 else palette // 256).astype(np.uint8).T
    return colours[np.minimum(indices, len(colours) - 1)]
