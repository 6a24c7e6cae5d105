"""The thumbnail in a photograph's EXIF block, compared with the photograph.

Cameras and editors lay a small copy of about 160 × 120 pixels into the file, for lists of pictures. A program
that changes the picture and hands the EXIF block on without looking leaves the copy of what was there before
(E. Kee, H. Farid: Digital image authentication from thumbnails, SPIE 7541, 2010: how they are made).

They are sharpened, brightened, made by leaving out pixels, framed in black where the proportions differ,
stored lying where the picture was turned since. So both are laid one on another first, colours are fitted,
and what is left of the difference is measured against what edges leave anyway, and against what most of
this very thumbnail differs.
"""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from PIL import ExifTags, Image

from pipeline.evidence.finding import Finding
from pipeline.images.files import Unreadable
from pipeline.images.jpeg import BLOCK, header_segments
from pipeline.images.read import Picture, read
from pipeline.images.tiff import TURNS

_EXIF, _EXIF_NAME = 0xE1, b"Exif\0\0"
_SMALLEST, _LARGEST = 32, 256  # pixels along a side: below, too few; above, it is made smaller
_FINER = 2  # times a thumbnail's size, to which the picture is reduced before it is laid on it
_DARK = 40  # nine of ten values in a line of a black frame are below; JPEG makes them ring
_ALIKE = 0.8  # correlation at which no other turn, no other part is looked for
_OTHER = 0.5  # below it, the thumbnail shows another picture
_PARTS = np.linspace(0.9, 0.4, 11)  # sizes of a cropped picture within its thumbnail that are tried
_SEARCH = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-5)
_CELL = 8  # pixels of the thumbnail, a side of what is compared
# Levels that a cell differs anyway: by rounding, and by a part of its edges.
_ROUNDING, _OF_EDGES = 2.5, 0.5
# The rest of a thumbnail differs by so many of these units; a better one is not asked for the impossible,
# and one that differs everywhere is not excused.
_LEAST, _MOST = 0.4, 1.0
_SPEAKS = 6.0  # 1 of 43 thumbnails of genuine pictures differs so much, and 2 of 100 that Photoshop made
_CUT = 20.0  # what a picture that shows nothing of its thumbnail would get for being cropped
_GREY = np.array([0.299, 0.587, 0.114], np.float32)


class _Laid(NamedTuple):
    """A thumbnail, upright and without frame, and how the picture lies on it.

    `onto` takes a place in the thumbnail to that in the reduced picture; `seen` marks what both show.
    """

    thumbnail: np.ndarray
    onto: np.ndarray
    seen: np.ndarray
    likeness: float


def examine(picture: Picture) -> Finding:
    """Compute how much a part of the picture differs from its thumbnail.

    Returns:
        statistic: of the cell of 8 × 8 pixels of the thumbnail that differs most, how many times as much it
            does as four in five others; or, for a thumbnail that shows more than the picture, 20 times the
            share that is missing, where that is more. NaN without a thumbnail that can be read. map: where
            it differs, 1 from 12 times on; 0 where the thumbnail shows nothing.
    """
    try:
        thumbnail = read_thumbnail(picture)
    except Unreadable as error:
        return Finding(float("nan"), f"Its thumbnail cannot be read: {error.reason}.")
    if thumbnail is None:
        return Finding(float("nan"), "It has no thumbnail to compare it with.")
    if min(thumbnail.shape[:2]) < _SMALLEST or min(picture.pixels.shape[:2]) < _SMALLEST:
        return Finding(float("nan"), "Its thumbnail is too small to compare it with.")
    small = _reduced(picture.pixels, thumbnail)
    laid = _lay(small, _reduced(thumbnail), picture.orientation)
    difference = _difference(small, laid)
    missing = _missing(laid)
    statistic = max(float(difference.max()), _CUT * missing)
    where = _on_picture(difference / (2 * _SPEAKS), laid, small, picture.pixels.shape[:2])
    return Finding(statistic, _words(statistic, missing, laid, where), where)


def read_thumbnail(picture: Picture) -> np.ndarray | None:
    """Return the thumbnail of a JPEG as it lies in the file, (h, w, 3) uint8; None where there is none.

    Raises:
        Unreadable: it is broken.
    """
    content = _content(picture)
    return read(content).pixels if content else None


def _content(picture: Picture) -> bytes:
    """Return the JPEG in the EXIF block of a JPEG; nothing where there is none, or the block is broken."""
    if picture.format != "JPEG":
        return b""
    for marker, payload in header_segments(picture.content):
        if marker == _EXIF and payload.startswith(_EXIF_NAME):
            exif = Image.Exif()
            try:
                exif.load(payload)
                tags = exif.get_ifd(ExifTags.IFD.IFD1)
                start = len(_EXIF_NAME) + int(tags[ExifTags.Base.JpegIFOffset])
                return payload[start : start + int(tags[ExifTags.Base.JpegIFByteCount])]
            except Exception:  # Pillow raises nearly everything where the block is broken
                return b""
    return b""


def _reduced(pixels: np.ndarray, thumbnail: np.ndarray | None = None) -> np.ndarray:
    """Return a picture at about twice the size of its thumbnail, or that at no more than 256 pixels."""
    longest = _LARGEST if thumbnail is None else _FINER * min(max(thumbnail.shape), _LARGEST)
    factor = longest / max(pixels.shape)
    if factor >= 1:
        return pixels
    small = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return small if thumbnail is None else cv2.GaussianBlur(small, (0, 0), 0.7)


def _lay(small: np.ndarray, thumbnail: np.ndarray, orientation: int) -> _Laid:
    """Lay the picture on its thumbnail, however that is turned and framed, as well as it goes."""
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    best = None
    for framed in (_without_frame(thumbnail), thumbnail):
        for turn in dict.fromkeys([orientation, 1, *TURNS]):
            upright = framed if turn == 1 else np.array(Image.fromarray(framed).transpose(TURNS[turn]))
            for onto in _placings(small.shape, upright.shape):
                laid = _laid(grey, upright, onto)
                if best is None or laid.likeness > best.likeness:
                    best = laid
            if best is not None and best.likeness > _ALIKE:
                return _fitted(grey, best)
    assert best is not None
    part = _as_part(grey, best.thumbnail)
    return _fitted(grey, part if part is not None and part.likeness > _ALIKE else best)


def _without_frame(thumbnail: np.ndarray) -> np.ndarray:
    """Cut off black lines, up to a quarter from each side."""

    def dark(lines: np.ndarray) -> int:
        bright = np.quantile(lines[: len(lines) // 4], 0.9, axis=(1, 2)) > _DARK
        return int(bright.argmax()) if bright.any() else 0

    down, across = thumbnail, thumbnail.swapaxes(0, 1)
    height, width = thumbnail.shape[:2]
    cut = thumbnail[dark(down) : height - dark(down[::-1]), dark(across) : width - dark(across[::-1])]
    return np.ascontiguousarray(cut)


def _placings(shape: tuple[int, ...], thumbnail: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Yield how it may have been made of the picture: stretched, in a frame, or of its middle."""
    (height, width), (rows, columns) = shape[:2], thumbnail[:2]
    down, across = height / rows, width / columns
    larger, smaller = max(down, across), min(down, across)
    yield _placing(shape, thumbnail, down, across)
    if larger > 1.03 * smaller:
        yield _placing(shape, thumbnail, larger, larger)
        yield _placing(shape, thumbnail, smaller, smaller)


def _placing(shape: tuple[int, ...], thumbnail: tuple[int, ...], down: float, across: float) -> np.ndarray:
    left, top = ((shape[i] - 1) / 2 - by * (thumbnail[i] - 1) / 2 for i, by in ((1, across), (0, down)))
    return np.array([[across, 0, left], [0, down, top]], np.float32)


def _laid(grey: np.ndarray, thumbnail: np.ndarray, onto: np.ndarray) -> _Laid:
    size = thumbnail.shape[1::-1]
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    ones = cv2.warpAffine(np.ones_like(grey), onto, size, flags=flags)
    seen = cv2.erode(ones, np.ones((3, 3), np.uint8)) > 0  # at the border of the picture only in part
    ours = _moved(grey, onto, size)[seen].astype(np.float32)
    theirs = (thumbnail @ _GREY)[seen]
    if not seen.any() or ours.std() == 0 or theirs.std() == 0:
        return _Laid(thumbnail, onto, seen, 0.0)
    return _Laid(thumbnail, onto, seen, float(np.corrcoef(ours, theirs)[0, 1]))


def _moved(picture: np.ndarray, onto: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, onto, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _fitted(grey: np.ndarray, laid: _Laid) -> _Laid:
    """Move, scale and shear the picture a little where it then lies better on its thumbnail."""
    theirs = cv2.cvtColor(laid.thumbnail, cv2.COLOR_RGB2GRAY)
    try:
        start, everywhere = laid.onto.copy(), np.ones_like(grey)
        _, onto = cv2.findTransformECC(theirs, grey, start, cv2.MOTION_AFFINE, _SEARCH, everywhere, 5)
    except cv2.error:  # it finds no way
        return laid
    closer = _laid(grey, laid.thumbnail, onto)
    shows_as_much = closer.seen.mean() > 0.9 * laid.seen.mean()
    return closer if shows_as_much and closer.likeness > laid.likeness else laid


def _as_part(grey: np.ndarray, thumbnail: np.ndarray) -> _Laid | None:
    """Look for the picture as a part of what the thumbnail shows; None where it is nowhere alike."""
    theirs = cv2.cvtColor(thumbnail, cv2.COLOR_RGB2GRAY)
    best, onto = 0.0, None
    fits = min(theirs.shape[0] / grey.shape[0], theirs.shape[1] / grey.shape[1])
    for part in _PARTS:
        small = cv2.resize(grey, None, fx=part * fits, fy=part * fits, interpolation=cv2.INTER_AREA)
        _, likeness, _, (left, top) = cv2.minMaxLoc(cv2.matchTemplate(theirs, small, cv2.TM_CCOEFF_NORMED))
        if likeness > best:
            by = grey.shape[1] / small.shape[1]
            best, onto = likeness, np.array([[by, 0, -by * left], [0, by, -by * top]], np.float32)
    return None if onto is None else _laid(grey, thumbnail, onto)


def _difference(small: np.ndarray, laid: _Laid) -> np.ndarray:
    """Compute how much the surroundings of each pixel of the thumbnail differ: (rows, columns), 0 unseen."""
    ours = _moved(small, laid.onto, laid.thumbnail.shape[1::-1]).astype(np.float32)
    seen = laid.seen.astype(np.float32)
    if seen.mean() < 1 / _CELL:
        return np.zeros(seen.shape, np.float32)
    rest: np.ndarray = np.zeros_like(ours)
    rest[laid.seen] = _after_colours(ours, laid)
    weight = np.maximum(cv2.GaussianBlur(seen, (0, 0), 1), 0.3)
    rest = cv2.GaussianBlur(rest, (0, 0), 1) / weight[:, :, None]
    grey = ours @ _GREY
    edges = (
        cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=1 / 8) ** 2
        + cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=1 / 8) ** 2
    )

    def root_mean(squares: np.ndarray) -> np.ndarray:
        sums = cv2.boxFilter(squares * seen, -1, (_CELL, _CELL), normalize=False)
        root: np.ndarray = np.sqrt(np.maximum(sums, 0) / np.maximum(n, 1))
        return root

    n = cv2.boxFilter(seen, -1, (_CELL, _CELL), normalize=False)
    units = root_mean((rest**2).mean(axis=2)) / (_ROUNDING + _OF_EDGES * root_mean(edges))
    units[n < 0.6 * _CELL**2] = 0
    usual = float(np.quantile(units[laid.seen], 0.8))
    return units / np.clip(usual, _LEAST, _MOST)


def _after_colours(ours: np.ndarray, laid: _Laid) -> np.ndarray:
    """Return what the thumbnail differs by, (n, 3), after brightness, contrast, hue and sharpness are fitted.

    Pixels that differ much count less and less, so that a part that was changed does not make the fit.
    """
    grey = (ours @ _GREY) / np.float32(255)
    fine = (grey - cv2.GaussianBlur(grey, (0, 0), 1.5))[laid.seen]
    level = grey[laid.seen] - 0.5
    columns = np.column_stack([np.ones_like(level), ours[laid.seen] / 255, level**2, level**3, fine])
    theirs = laid.thumbnail[laid.seen].astype(np.float32)
    weights: np.ndarray = np.ones(len(level), np.float32)
    rest = theirs
    for _ in range(4):
        fit = np.linalg.lstsq(columns * weights[:, None], theirs * weights[:, None], rcond=None)[0]
        rest = (theirs - columns @ fit).astype(np.float32)
        size = np.sqrt((rest**2).mean(axis=1))
        doubt = (size / (2 * (np.median(size) + 1))) ** 2
        weights = (1 / np.sqrt(1 + doubt)).astype(np.float32)
    return rest


def _missing(laid: _Laid) -> float:
    """Return the share of the thumbnail that the picture does not show; 0 for a frame, or for a few lines."""
    share = 1 - float(laid.seen.mean())
    is_frame = share == 0 or laid.thumbnail[~laid.seen].std() < _DARK / 2
    return 0.0 if is_frame or share < 1 - _PARTS[0] else share


def _on_picture(difference: np.ndarray, laid: _Laid, small: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return it for each 8 × 8 block of the picture, (height // 8, width // 8) float32 in [0, 1]."""
    rows, columns = shape[0] // BLOCK, shape[1] // BLOCK
    down, across = rows / small.shape[0], columns / small.shape[1]
    to_blocks = np.array([[across, 0, across / 2 - 0.5], [0, down, down / 2 - 0.5], [0, 0, 1]])
    whole = to_blocks @ np.vstack([laid.onto, [0, 0, 1]])
    where = cv2.warpAffine(difference.astype(np.float32), whole[:2], (columns, rows))
    return np.clip(where, 0, 1)


def _words(statistic: float, missing: float, laid: _Laid, where: np.ndarray) -> str:
    if statistic < _SPEAKS:
        return "It looks like its thumbnail; that says nothing where that was made anew."
    if laid.likeness < _OTHER:
        return "Its thumbnail shows another picture, or another part of it: it was made of something else."
    if _CUT * missing >= statistic:
        return f"Its thumbnail shows more: about {missing:.0%} of that was cut off since."
    row, column = np.unravel_index(int(where.argmax()), where.shape)
    place = f"({BLOCK * int(row)}, {BLOCK * int(column)})"
    return f"It differs from its thumbnail, most around {place}, row and column: it was changed since."
