"""Masks of tampered pixels: what of them is marked, brought to the size and the orientation of their picture.

A mask marks what is not background. What is background is told by its collection (`mask_background`), or
found by rules, in this order (docs/data.md has them in a user's words):

1. Where some pixels are transparent and the others have one colour: what is transparent.
2. Where there is black: black. Transparent pixels count as black here.
3. Where there are shades of red and of green only, and green does not go round: red, as in the edge masks
   of the Columbia set.
4. The shades of one colour that nearly all of the border has.

A mask that no rule fits is refused, naming the colours that were found, and so is one of a single colour,
one that marks most of the picture with its whole border (it seems to be inverted), and what is a photograph.
"""

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageColor

from pipeline.images.files import Unreadable
from pipeline.images.read import Picture, read
from pipeline.images.tiff import SIDEWAYS, TURNS

MARKING = 2  # raise it whenever a mask may be read otherwise than before: all are then read again
INVERTED = 0.5, 0.9  # of the picture and of its border marked: inside and outside have changed places
TRANSPARENT, OPAQUE = "transparent", "opaque"  # what `mask_background` may name besides colours

# Masks of another resolution than their picture are common; one of another shape belongs elsewhere.
_SHAPE_TOLERANCE = 0.02
_NOISE = 32  # steps of 255: ringing of a JPEG stays below, and what is called black
_FEW = 16  # colours: labels, drawn one by one; of more, most are soft edges and noise
_AREA = 0.001  # of a picture of many colours: what has one colour and is no soft edge
_MOST_OF_BORDER = 0.9
_RINGS = 0, 1, 2  # pixels from the edge: an inverted mask may have a frame
_HUES = ("red", "yellow", "green", "cyan", "blue", "magenta")
_GREYISH = 40  # steps of 255 between the channels of what counts as grey
_EVEN, _TWO_COLOURS = 0.25, 0.75  # share of a mask that is flat, or near its two commonest colours, at least
_DRAWN, _REST = 4, 0.03  # colours of a drawing, and what share of it may have others
_EVENLY, _EVEN_OF_DRAWN = 8, 0.5  # levels between neighbours in its areas, and their share
_NAMED = 6  # colours in a message


class Marking(NamedTuple):
    """What a mask says."""

    pixels: np.ndarray  # (height, width) bool
    background: str  # what was taken as it: black, white, `#rrggbb`, `level 7`, transparent


def read_mask(path: Path) -> np.ndarray:
    """Read a converted mask as (height, width) bool; raises as `pipeline.images.read.read`.

    True is where the picture was tampered with, and the mask white. Masks as handed in come in many other
    ways: see `find_marked`.
    """
    return read(path).pixels[..., 0] > 127


def align_mask(mask: Picture, picture: Picture, background: Sequence[str] = ()) -> Marking:
    """Lay a mask over its picture as the picture is shown.

    A mask without an orientation of its own that has the size of the stored picture was made for the
    stored pixels: it is turned as they are. One that has the size of the upright picture is left as it
    is. One of the same shape at another resolution is resized, each pixel taking its nearest neighbour.

    Returns:
        (height, width) bool of the upright picture, and what was background.

    Raises:
        Unreadable: the mask is broken, of another shape than the picture, or `find_marked` refuses it.
    """
    size, upright, turn = mask.upright_size, picture.upright_size, TURNS.get(picture.orientation)
    turns = mask.orientation == 1 and turn is not None and _same_shape(size, picture.stored_size)
    shown = size[::-1] if turns and picture.orientation in SIDEWAYS else size
    if not _same_shape(shown, upright):
        raise Unreadable(
            f"it is {shown[0]}x{shown[1]}, its picture {upright[0]}x{upright[1]}: "
            "a mask must have the shape of its picture"
        )
    found = find_marked(mask, background)
    marked = Image.fromarray(found.pixels)
    if turns and turn is not None:
        marked = marked.transpose(turn)
    if marked.size != upright:
        marked = marked.resize(upright, Image.Resampling.NEAREST)
    return found._replace(pixels=np.asarray(marked))


def encode_mask(marked: np.ndarray) -> bytes:
    """Return (height, width) bool as the bytes of a grey PNG, 255 where true."""
    buffer = io.BytesIO()
    Image.fromarray(marked.astype(np.uint8) * np.uint8(255)).save(buffer, "PNG")
    return buffer.getvalue()


def find_marked(mask: Picture, background: Sequence[str] = ()) -> Marking:
    """Tell the marked pixels of a mask from its background, by the rules of this file.

    Args:
        mask: of any format, depth and mode.
        background: colours (`white`, `#c80000`), numbers as they are stored (grey levels, or of a palette),
            `transparent` or `opaque`: what is not marked. None: found by the rules.

    Raises:
        Unreadable: nothing or everything is marked, it seems inverted, or no rule fits; the reason
            names the colours that were found.
    """
    values, opaque = _samples(mask, by_number=any(each.isdecimal() for each in background))
    if {TRANSPARENT, OPAQUE}.intersection(background):
        if opaque is None:
            raise Unreadable("it has no transparent pixels, which mask_background expects")
        return _checked(Marking(opaque == (TRANSPARENT in background), background[0]), values)
    colours = _Colours(values, lossy=mask.format == "JPEG")
    if background:
        taken = np.array([_parse(each, values) for each in background])
        return _checked(Marking(colours.far_from(taken), " ".join(background)), values)
    if opaque is not None:
        shown = values[opaque]
        if np.ptp(shown.reshape(len(shown), -1), axis=0).max() <= _NOISE:
            return _checked(Marking(opaque, TRANSPARENT), values, guessed=True)
        values = np.where(opaque.reshape(opaque.shape + (1,) * (values.ndim - 2)), values, 0)
        colours = _Colours(values, lossy=mask.format == "JPEG")
    taken, surely = colours.background()
    words = " ".join(sorted({_word(each) for each in taken}))
    return _checked(Marking(colours.far_from(taken), words), values, guessed=not surely)


def is_flat(picture: Picture) -> bool:
    """Tell whether a picture looks drawn as masks are: areas of few colours, but for the noise of a JPEG."""
    pixels = picture.pixels
    if len(_distinct(pixels)[2]) <= _FEW:
        return True
    steps = pixels >> 4
    rest = np.ones(steps.shape[:2], bool)
    for _ in range(_DRAWN):
        if rest.any():
            colours, _, counts = _distinct(steps[rest][None])
            rest &= np.abs(steps.astype(np.int8) - colours[counts.argmax()].astype(np.int8)).max(axis=2) > 1
    kernel = np.ones((3, 3), np.uint8)
    even = (cv2.dilate(pixels, kernel) - cv2.erode(pixels, kernel)).max(axis=2) <= _EVENLY
    return bool(rest.mean() <= _REST and even.mean() >= _EVEN_OF_DRAWN)


def _samples(mask: Picture, by_number: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """Return grey levels (height, width) or colours (height, width, 3); what is opaque, where not all is."""
    image = mask.stored
    if image.mode.startswith("I;16"):
        return np.asarray(image), None
    if image.mode == "P" and by_number:
        return np.asarray(image), None
    if image.mode not in {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa"}:
        return _as_grey(mask.pixels), None
    rgba = np.asarray((image.convert("LA") if image.mode == "La" else image).convert("RGBA"))
    values, opaque = _as_grey(rgba[..., :3]), rgba[..., 3] >= 128
    if image.mode == "P" and not np.ptp(values) and opaque.all():
        values = np.asarray(image)  # labels whose palette is empty
    return values, None if opaque.all() or not opaque.any() else opaque


def _as_grey(colours: np.ndarray) -> np.ndarray:
    grey = (colours[..., 0] == colours[..., 1]).all() and (colours[..., 1] == colours[..., 2]).all()
    return np.ascontiguousarray(colours[..., 0]) if grey else colours


class _Colours:
    """The colours of a mask, what of it is of one colour, and the rules that need them."""

    def __init__(self, values: np.ndarray, lossy: bool) -> None:
        self.values = values
        colours, self.index, self.counts = _distinct(values)
        self.all = colours.reshape(len(colours), -1).astype(int)  # (n, 1) or (n, 3), of each its channels
        self.noise = _NOISE * (257 if colours.max(initial=0) > 255 else 1)
        self.lossy = lossy
        self.labelled = len(colours) <= _FEW and not lossy
        flat = np.bincount(self.index[_is_flat(self.index)], minlength=len(colours))
        # Of each area the number of its colour; where there is none, the commonest colours
        sizes = np.where(flat > (0 if self.labelled else _AREA * self.index.size), flat, 0)
        largest = np.argsort(-(sizes if sizes.any() else self.counts), kind="stable")[: 4 * _FEW]
        self.areas = largest[sizes[largest] > 0] if sizes.any() else largest[:_FEW]
        if len(colours) > 4 * _FEW and flat.sum() < _EVEN * self.index.size:
            common = self.all[np.argmax(self.counts)]
            far = np.abs(self.all - common).max(axis=1) > self.noise
            other = self.all[np.argmax(self.counts * far)]
            near = self._distances(np.array([common, other])) <= self.noise
            if self.counts[near].sum() < _TWO_COLOURS * self.index.size:
                raise Unreadable(
                    f"it has {len(colours):,} colours and hardly an even area: a photograph and no mask, "
                    "which has a colour for what is tampered with and another for what is not"
                )

    def _distances(self, taken: np.ndarray) -> np.ndarray:
        """Return for each colour how far the nearest of `taken` is, in the channel that differs most."""
        return np.abs(self.all[:, None] - taken.reshape(1, -1, self.all.shape[1])).max(axis=2).min(axis=1)

    def far_from(self, taken: np.ndarray) -> np.ndarray:
        """Return where the mask is not of the colours `taken`: (height, width) bool.

        Where it has areas of further colours, all that is nearer to one of them; else what is nearer to the
        colour farthest away, so that a soft edge is cut in its middle.
        """
        distances = self._distances(taken)
        if self.lossy and distances.max() <= self.noise:
            raise Unreadable(
                f"it has the colours {_listed(self.values)}, which the noise of a JPEG hides from one "
                "another; save the mask as PNG"
            )
        of_areas = distances[self.areas]
        levels = of_areas[of_areas > (0 if self.labelled else self.noise)]
        least = 0 if self.labelled else self.noise / 2
        nearest = distances.max() if not 0 < len(levels) <= _FEW else levels.min()
        far: np.ndarray = (distances > max(nearest / 2, least))[self.index]
        return far

    def background(self) -> tuple[np.ndarray, bool]:
        """Find the colours of the background; tell whether they are it even where most is marked."""
        if len(self.all) == 1:
            raise Unreadable(f"all of it is {_word(self.all[0])}, so it marks nothing, or everything{_HINT}")
        lightness = self.all.max(axis=1)
        black = lightness <= self.noise
        if self.counts[black].sum() >= _AREA * self.index.size:
            return self.all[[np.argmin(lightness)]], False
        areas = self.all[self.areas]
        families = np.array([_family(colour, self.noise) for colour in areas])
        border = self.index[_border(self.index)]
        nearest = np.abs(self.all[border][:, None] - areas[None]).max(axis=2).argmin(axis=1)
        around = (families[nearest] == "green").mean()
        if set(families) == {"red", "green"} and around < _MOST_OF_BORDER:
            return areas[families == "red"], True
        for family in sorted(set(families)):
            if (families[nearest] == family).mean() >= _MOST_OF_BORDER:
                return areas[families == family], True
        raise Unreadable(
            f"it has the colours {_listed(self.values)}, and neither is one of them black nor does one make "
            f"its border, so what is background is not known{_HINT}"
        )


_HINT = "; say it with mask_background of its collection (docs/data.md)"


def _checked(found: Marking, values: np.ndarray, guessed: bool = False) -> Marking:
    share = found.pixels.mean()
    if share == 0 or (share == 1 and guessed):
        what = "nothing" if share == 0 else "everything"
        raise Unreadable(f"with {found.background} as background it marks {what}: {_listed(values)}{_HINT}")
    most, around = INVERTED
    rings = [found.pixels[at : len(found.pixels) - at, at : found.pixels.shape[1] - at] for at in _RINGS]
    whole = any(ring.size and ring[_border(ring)].mean() >= around for ring in rings)
    if guessed and share > most and whole:
        raise Unreadable(
            f"it has the colours {_listed(values)}: with {found.background} as background it marks "
            f"{share:.0%} of the picture and its border, so inside and outside seem to have changed "
            f"places{_HINT}"
        )
    return found


def _distinct(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the colours, (height, width) which of them each pixel has, and how many have each."""
    codes = (
        values if values.ndim == 2 else values.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    )
    there = np.zeros(int(codes.max()) + 1, bool)
    there[codes] = True
    found = np.flatnonzero(there)
    number = np.zeros(len(there), np.int32)
    number[found] = np.arange(len(found))
    index = number[codes]
    colours = found if values.ndim == 2 else np.stack([found >> 16, found >> 8 & 255, found & 255], axis=1)
    return colours, index, np.bincount(index.ravel(), minlength=len(found))


def _is_flat(index: np.ndarray) -> np.ndarray:
    """Return which pixels have the colour of their eight neighbours."""
    numbers, kernel = index.astype(np.float32), np.ones((3, 3), np.uint8)
    flat: np.ndarray = cv2.dilate(numbers, kernel) == cv2.erode(numbers, kernel)
    flat[_border(flat)] = False
    return flat


def _border(pixels: np.ndarray) -> np.ndarray:
    border = np.ones(pixels.shape[:2], bool)
    border[1:-1, 1:-1] = False
    return border


def _family(colour: np.ndarray, noise: int) -> str:
    """Return the hue of a colour, or the level of a grey one."""
    if len(colour) == 1 or np.ptp(colour) < _GREYISH:
        return f"grey {round(colour.max() / noise)}"
    red, green, blue = (colour - colour.min()) / np.ptp(colour)
    return _HUES[round(float(np.arctan2(3**0.5 * (green - blue), 2 * red - green - blue)) / (np.pi / 3)) % 6]


def _parse(word: str, values: np.ndarray) -> np.ndarray:
    """Return what `mask_background` names as a colour of such values."""
    level = np.full(3, int(word)) if word.isdecimal() else np.array(ImageColor.getrgb(word)[:3])
    if values.ndim == 3:
        return level
    scale = 257 if values.dtype == np.uint16 and not word.isdecimal() and values.max(initial=0) > 255 else 1
    return level[:1] * scale


def is_background(word: str) -> bool:
    """Tell whether `mask_background` may have this word in it."""
    if word in {TRANSPARENT, OPAQUE} or re.fullmatch(r"[0-9]{1,5}", word):
        return True
    try:
        ImageColor.getrgb(word)
    except ValueError:
        return False
    return True


def _listed(values: np.ndarray) -> str:
    colours, _, counts = _distinct(values)
    order = np.argsort(-counts, kind="stable")[:_NAMED]
    words = [f"{_word(np.atleast_1d(colours[at]))} ({counts[at] / counts.sum():.1%})" for at in order]
    more = f" and {len(counts) - _NAMED:,} more" if len(counts) > _NAMED else ""
    return ", ".join(words) + more


def _word(colour: np.ndarray) -> str:
    if colour.min() == colour.max() and colour[0] in (0, 255):
        return "white" if colour[0] else "black"
    return f"level {colour[0]}" if len(colour) == 1 else "#" + bytes(colour.tolist()).hex()


def _same_shape(size: tuple[int, int], wanted: tuple[int, int]) -> bool:
    """Whether two sizes agree in their ratio of sides, but for rounding of the smaller one."""
    ratio = (size[0] * wanted[1]) / (size[1] * wanted[0])
    return abs(ratio - 1) <= max(_SHAPE_TOLERANCE, 1 / min(*size, *wanted))
