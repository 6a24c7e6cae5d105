"""Pages of TIFFs that Pillow cannot read, or not rightly, decoded by tifffile with imagecodecs.

Pillow reads what most programs write: 8 bits a sample, black and white, 16-bit grey. References: TIFF
Revision 6.0 (Adobe, 1992); Adobe PageMaker 6.0 and Photoshop TIFF Technical Notes.
"""

import contextlib
import io
import logging
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from pipeline.images.colour import eight_bit
from pipeline.images.files import Limits, Unreadable
from pipeline.images.tiff_tags import (
    BITS,
    COMPRESSION,
    DEPTH,
    INK_SET,
    ORIENTATION,
    PALETTE,
    PHOTOMETRIC,
    SAMPLE_FORMAT,
    SIDEWAYS,
    TURNS,
    Tags,
)

if TYPE_CHECKING:  # most pictures need no tifffile, and every worker would take longer to start
    import tifffile

_ICC_PROFILE = 34_675
# Values of PHOTOMETRIC.
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _MASK, _SEPARATED, _YCBCR = range(7)
_CIELAB, _ICCLAB = 8, 9
_MODES = {
    _WHITE_IS_ZERO: "L",
    _BLACK_IS_ZERO: "L",
    _RGB: "RGB",
    _PALETTE: "RGB",
    _MASK: "L",
    _SEPARATED: "CMYK",
    _YCBCR: "RGB",
    _CIELAB: "LAB",
    _ICCLAB: "LAB",
}
_SAMPLES = {"L": 1, "RGB": 3, "CMYK": 4, "LAB": 3}
_UNCOMPRESSED, _WEBP = 1, 50_001
_JPEGS = (6, 7)
_ASSOCIATED, _UNASSOCIATED = 1, 2  # ExtraSamples: alpha that the colours are multiplied with already, or not


def beyond_pillow(tags: Tags) -> bool:
    """Tell whether Pillow cannot decode a page, or would give other pixels than are meant."""
    photometric, compression = tags.get(PHOTOMETRIC, (0,)), tags.get(COMPRESSION, (1,))
    if set(tags.get(SAMPLE_FORMAT, (1,))) != {1}:  # it passes over the sign, or cannot
        return True
    if tags.get(INK_SET, (1,)) != (1,) or tags.get(DEPTH, (1,)) != (1,):
        return True
    bits = tags.get(BITS, (1,))
    if max(bits, default=1) > 8:
        return bits != (16,) or photometric != (_BLACK_IS_ZERO,)
    if photometric == (_YCBCR,):  # it takes them for unsubsampled
        return compression == (_UNCOMPRESSED,)
    if photometric == (_PALETTE,):  # some programs write 8 bits into the 16 of a palette
        return max(tags.get(PALETTE, ()), default=0) < 256
    return compression == (_WEBP,)


class DeepTiff(Image.Image):
    """A page of a TIFF that tifffile decodes, when it is loaded, to 8 bits a sample in its own colours.

    It is of mode L, RGB, CMYK or LAB; transparent pixels lie over white. As Pillow's own TIFFs do, it comes
    turned upright, and `size` is meant so.
    """

    format = "TIFF"
    format_description = "TIFF, read by tifffile"

    def __init__(self, content: bytes, directory: int, limits: Limits) -> None:
        """Read the tags of a page.

        Raises:
            Unreadable: it is broken, larger than `limits`, or of a kind that is not read.
        """
        super().__init__()
        self._content, self._directory = content, directory
        self.said: list[str] = []  # by tifffile, for the log
        with self._page() as page:
            self._mode = _MODES[_photometric(page)]
            self.orientation = int(page.tags.valueof(ORIENTATION, 1) or 1)
            _check_page(page, limits)
            self._size = (page.imagewidth, page.imagelength)
            if isinstance(profile := page.tags.valueof(_ICC_PROFILE), bytes):
                self.info["icc_profile"] = profile
        if self.orientation in SIDEWAYS:
            self._size = self._size[::-1]

    @contextlib.contextmanager
    def _page(self) -> Iterator["tifffile.TiffPage"]:
        import tifffile

        with _heard(self.said), tifffile.TiffFile(io.BytesIO(self._content)) as file:
            page = file.pages[self._directory]
            if not isinstance(page, tifffile.TiffPage):
                raise Unreadable("the page is only a frame of another one")
            yield page

    def getexif(self) -> Image.Exif:
        """Give the orientation alone."""
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
        """Give (height, width) or (height, width, channels) uint8 of the page's mode, as it is stored."""
        import imagecodecs
        import tifffile

        photometric = _photometric(page)
        if photometric == _YCBCR and page.compression not in _JPEGS:
            return np.asarray(imagecodecs.tiff_decode(self._content, self._directory, asrgb=True))[..., :3]
        stored = page.asarray(squeeze=False, maxworkers=1)  # (separate samples, depth, y, x, samples)
        samples = np.moveaxis(stored[:, 0, ..., 0], 0, -1) if stored.shape[0] > 1 else stored[0, 0]
        if photometric == _PALETTE:
            return _looked_up(samples[..., 0], page.colormap)
        n_colours = _SAMPLES[self.mode]
        if samples.shape[-1] < n_colours:
            raise Unreadable(f"its pixels have {samples.shape[-1]} samples, {n_colours} are needed")
        if self.mode == "LAB":
            return _lab(samples[..., :3], photometric)
        bits = page.bitspersample if isinstance(page.bitspersample, int) else None
        if stored.dtype.itemsize == 1 and page.compression in tifffile.TIFF.IMAGE_COMPRESSIONS:
            bits = 8
        colours = eight_bit(samples[..., :n_colours], bits)
        if photometric == _WHITE_IS_ZERO:
            colours = np.uint8(255) - colours
        for i, kind in enumerate(page.extrasamples, start=n_colours):
            if kind in (_ASSOCIATED, _UNASSOCIATED) and i < samples.shape[-1] and self.mode != "CMYK":
                colours = _over_white(colours, _opacity(samples[..., i : i + 1], bits), kind == _ASSOCIATED)
                break
        return colours[..., 0] if n_colours == 1 else colours


@contextlib.contextmanager
def _heard(said: list[str]) -> Iterator[None]:
    """Keep what tifffile would log, in this thread, off the terminal."""
    thread = threading.get_ident()

    def keep(record: logging.LogRecord) -> bool:
        if record.thread != thread:
            return True
        said.append(record.getMessage())
        return False

    logger = logging.getLogger("tifffile")
    logger.addFilter(keep)
    try:
        yield
    finally:
        logger.removeFilter(keep)


def _photometric(page: "tifffile.TiffPage") -> int:
    photometric = int(page.photometric) if page.photometric is not None else _WHITE_IS_ZERO
    if photometric not in _MODES:
        raise Unreadable(
            f"its colours are stored in a way that is not read (PhotometricInterpretation {photometric}, "
            "as the raw files of cameras have); export it as an RGB TIFF"
        )
    if photometric == _SEPARATED and page.tags.valueof(INK_SET, 1) != 1:
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
    bytes_each = page.samplesperpixel * max(page.dtype.itemsize, 1)
    limits.check(page.imagewidth, page.imagelength, bytes_each)


def _looked_up(indices: np.ndarray, palette: np.ndarray | None) -> np.ndarray:
    """Give the colours of a palette, (3, entries) of 16 bits, or of 8 bits in 16."""
    if palette is None:
        raise Unreadable("its palette is missing")
    colours = (palette if palette.max(initial=0) < 256 else palette // 256).astype(np.uint8).T
    return colours[np.minimum(indices, len(colours) - 1)]


def _lab(samples: np.ndarray, photometric: int) -> np.ndarray:
    """Bring L*a*b* to 8-bit CIELab: lightness 0..255 for 0..100, a and b as signed bytes."""
    if samples.dtype.kind == "f":
        lightness, chroma = samples[..., :1] * 2.55, samples[..., 1:]
    elif samples.dtype.itemsize == 1 and photometric == _CIELAB:
        return np.ascontiguousarray(samples).view(np.uint8)
    elif samples.dtype.itemsize == 1:
        lightness, chroma = samples[..., :1], samples[..., 1:].astype(float) - 128
    elif photometric == _CIELAB:
        lightness, chroma = samples[..., :1] * (255 / 65_535), samples[..., 1:].astype(np.int16) / 256
    else:
        lightness, chroma = samples[..., :1] * (255 / 0xFF00), samples[..., 1:] / 256 - 128
    whole = np.empty(samples.shape, np.uint8)
    whole[..., :1] = np.rint(np.clip(np.nan_to_num(lightness), 0, 255))
    whole[..., 1:] = np.rint(np.clip(np.nan_to_num(chroma), -128, 127)).astype(np.int8).view(np.uint8)
    return whole


def _opacity(alpha: np.ndarray, bits: int | None) -> np.ndarray:
    """Give 0..1 in float32."""
    if alpha.dtype.kind == "f":
        return np.nan_to_num(np.clip(alpha, 0, 1)).astype(np.float32)
    full = float(np.iinfo(alpha.dtype).max if bits is None or alpha.dtype.kind == "i" else (1 << bits) - 1)
    return np.clip(alpha / full, 0, 1).astype(np.float32)


def _over_white(colours: np.ndarray, opacity: np.ndarray, multiplied: bool) -> np.ndarray:
    shown = colours if multiplied else colours * opacity
    return np.rint(np.clip(shown + (1 - opacity) * 255, 0, 255)).astype(np.uint8)
