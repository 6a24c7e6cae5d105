"""Aligned double JPEG: a region that was saved once inside a picture that was saved twice.

Who opens a JPEG, pastes something into it and saves it again, saves all but the pasted region twice. The
first save left each frequency of a block in multiples of its step, and the second counts them in steps of
its own: some counts then come too often, others too seldom, in a pattern that both steps make. What was
pasted has no such pattern, unless it lay on the same grid (T. Bianchi, A. Piva: Image forgery localization
via block-grained analysis of JPEG artifacts, IEEE TIFS 7(3), 2012: A-DJPG).

That a whole picture was saved twice is innocent, so the statistic is the evidence for a *region* without the
pattern, and no more than that for the pattern in the rest. Unlike the paper's, the likelihoods are made of
the picture itself moved by half a block, its steps of noise come from all roundings on the way, and counts
that this noise alone can make are left out: they find the sky of one genuine picture in ten.
"""

import functools
import math
from typing import NamedTuple

import cv2
import numpy as np

from pipeline.evidence.finding import Finding
from pipeline.images.jpeg import BLOCK, ZIGZAG, dct_basis, libjpeg_tables
from pipeline.images.read import Picture

_STRIP = 32  # rows of blocks that are looked at at once
_SMALLEST = 128  # pixels: below it histograms have too few counts
_FREQUENCIES = ZIGZAG[1:15]  # the four diagonals after the average: higher ones are mostly zero
_BAND = 5  # frequencies along each side that hold them
_BASIS = dct_basis()[:_BAND].astype(np.float32)
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # T.871 (JFIF)
_REACH = 256  # amplitudes of a frequency that are told apart; the few beyond it count as the last
_STEPS = np.arange(1, 65)  # of the first save that are tried
_COARSEST = 40  # step of the last save: beyond it, next to nothing is left
# Amplitudes come from whole colours, which were whole brightnesses and colours before: three roundings.
_NOISE = 0.45
_NOISY = 1.5  # below this amplitude, counts may be made by that noise alone
_SHARES = np.array([0.6, 0.75, 0.9, 1.0])[:, None, None]  # of the picture that may have been saved twice
# No count is worth more than log 0.7 / 0.3, for models of real pictures are never right; and a frequency is
# used where the pattern gains so much a count, in nats, and in all.
_DOUBT = 0.3
_GAIN_EACH, _GAIN = 0.08, 20.0
_MOST = 3.0  # nats that one block may say
_SIDES = (4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128)  # of the squares, in blocks: about √2 apart
_SPEAKS = 8.0  # of 1,316 genuine pictures, a third of them saved again, 2 in 100 have more
_PRIOR = 1 / 9  # odds that a block was saved once, for the map alone


class _Frequency(NamedTuple):
    """Where it stands among 64, and the step of the first save."""

    place: int
    step: int


def examine(picture: Picture) -> Finding:
    """Compute how much a region seems to have been saved once, where the rest was saved twice.

    Returns:
        statistic: of the square whose blocks speak most against an earlier save: that evidence in nats, or
            that of the rest for an earlier save, whichever is less; 0 where no earlier save is seen. NaN
            where the picture is no JPEG, shorter than 128 pixels, or saved too coarsely. map: the probability
            of each block and its neighbours to have been saved once; 0.1 where nothing tells.
    """
    table = picture.quantisation.ravel()[_FREQUENCIES].astype(int)
    height, width = picture.pixels.shape[:2]
    if not table.any():
        return _silent("It is no JPEG, or one of other colours: no save to compare with an earlier one.")
    if min(height, width) < _SMALLEST:
        return _silent(f"{width} × {height} pixels are too few to tell one save from two.")
    if table.min() > _COARSEST:
        return _silent("It was saved too coarsely to see whether it had been a JPEG before.")
    found, nats = _earlier_save(_stored_on_grid(picture), table)
    if not found:
        return Finding(0.0, "No earlier save as JPEG is seen on its grid; that says nothing.", nats)
    nats = np.clip(nats, -_MOST, _MOST)
    statistic, place = _once_among_twice(nats)
    around = cv2.boxFilter(nats.astype(np.float32), -1, (3, 3), normalize=False)
    once = 1 / (1 + np.exp(around) / _PRIOR)
    return Finding(statistic, _words(found, statistic, place), once.astype(np.float32))


def _silent(words: str) -> Finding:
    return Finding(float("nan"), words)


def _stored_on_grid(picture: Picture) -> np.ndarray:
    """Return whole blocks of the pixels before any colour profile: (height, width) or (height, width, 3)."""
    top, left = picture.grid_start
    pixels = picture.stored_pixels[top:, left:]
    return pixels[: len(pixels) // BLOCK * BLOCK, : pixels.shape[1] // BLOCK * BLOCK]


def _earlier_save(pixels: np.ndarray, table: np.ndarray) -> tuple[list[_Frequency], np.ndarray]:
    """Find the frequencies whose counts show an earlier step, and what they say of each block, in nats.

    A block that touches black or white says nothing: what was cut off there is no multiple of any step.
    """
    counts, smooth, whole = _counted(pixels, table)
    found, nats = [], np.zeros(whole.shape, np.float32)
    for place, step in zip(_FREQUENCIES, table, strict=True):
        if place not in counts:
            continue
        histogram = np.bincount(counts[place][whole], minlength=len(_bins(int(step))))
        best = _best_step(histogram, smooth[place], int(step))
        if best is not None:
            first, weights = best
            found.append(_Frequency(int(place), first))
            nats = nats + np.where(whole, weights[counts[place]], 0)
    return found, nats


def _counted(
    pixels: np.ndarray, table: np.ndarray
) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray], np.ndarray]:
    """Count how strong each frequency is in each block, strip by strip.

    Returns:
        by frequency that is used: its counts in steps of the last save, (rows, columns) uint16; and how often
        each half amplitude comes in the picture moved by half a block, which no step has left. Which blocks
        are within the range of colours, (rows, columns) bool.
    """
    rows, columns = (size // BLOCK for size in pixels.shape[:2])
    used = {
        int(place): int(step)
        for place, step in zip(_FREQUENCIES, table, strict=True)
        if 0 < step <= _COARSEST
    }
    counts = {place: np.empty((rows, columns), np.uint16) for place in used}
    smooth = {place: np.zeros(2 * _REACH, np.int64) for place in used}
    whole = np.empty((rows, columns), bool)
    for top in range(0, rows, _STRIP):
        bottom = min(top + _STRIP, rows)
        strip = pixels[top * BLOCK : bottom * BLOCK + BLOCK // 2]
        luminance = strip if strip.ndim == 2 else strip @ _LUMINANCE
        lines = slice(0, (bottom - top) * BLOCK)
        whole[top:bottom] = _blocks_within_range(strip[lines])
        own = _amplitudes(luminance[lines])
        half = luminance[BLOCK // 2 :, BLOCK // 2 : -BLOCK // 2]
        moved = _amplitudes(half[: len(half) // BLOCK * BLOCK])
        for place, step in used.items():
            down, across = divmod(place, BLOCK)
            amplitudes = np.rint(own[:, down, :, across] / step)
            counts[place][top:bottom] = np.minimum(amplitudes, len(_bins(step)) - 1)
            halves = np.minimum(moved[:, down, :, across].ravel() * 2, 2 * _REACH - 1).astype(np.int32)
            smooth[place] += np.bincount(halves, minlength=2 * _REACH)
    return counts, smooth, whole


def _blocks_within_range(pixels: np.ndarray) -> np.ndarray:
    lower, upper = (1, 254) if pixels.ndim == 2 else ((1, 1, 1), (254, 254, 254))
    inside = cv2.inRange(np.ascontiguousarray(pixels), lower, upper)
    rows = inside.reshape(-1, BLOCK, inside.shape[1]).min(axis=1)
    within: np.ndarray = rows.reshape(len(rows), -1, BLOCK).min(axis=2) > 0
    return within


def _amplitudes(luminance: np.ndarray) -> np.ndarray:
    """Return how strong the lowest frequencies of each block are: (rows, 5, columns, 5), at least 0."""
    height, width = luminance.shape
    lines = luminance.reshape(height // BLOCK, BLOCK, width).astype(np.float32, copy=False)
    down = (_BASIS @ lines).reshape(height // BLOCK, _BAND, width // BLOCK, BLOCK)
    return np.abs(down @ _BASIS.T)


def _best_step(histogram: np.ndarray, smooth: np.ndarray, step: int) -> tuple[int, np.ndarray] | None:
    """Find the first step that explains the counts best; None where one save explains them as well.

    Args:
        histogram: of the counts, as they are in the file.
        smooth: (512,) how often each half amplitude comes where no step has left a trace.
        step: of the last save.

    Returns:
        The step, and for each count the logarithm of how much likelier two saves make it than one. Zeros,
        and what noise can make, tell more of the picture than of saves, and are left out: 0.
    """
    used = slice(int(np.ceil(_NOISY / step + 0.5)), -1)
    counts = histogram[used]
    if (n := counts.sum()) == 0:
        return None
    below = np.concatenate([[0], np.cumsum(smooth + 0.5)])
    once, twice = _likelihoods(below / below[-1], step, used)
    likely = (1 - _DOUBT) * twice + _DOUBT * once
    gains = (np.log(_SHARES * likely + (1 - _SHARES) * once) - np.log(once)) @ counts
    gains[:, step - 1] = 0
    _, index = np.unravel_index(int(gains.argmax()), gains.shape)
    if gains.max() < max(_GAIN, _GAIN_EACH * n):
        return None
    weights = np.zeros(len(histogram))
    weights[used] = np.log(likely[index]) - np.log((1 - _DOUBT) * once + _DOUBT * twice[index])
    return int(_STEPS[index]), weights


def _likelihoods(below: np.ndarray, step: int, used: slice) -> tuple[np.ndarray, np.ndarray]:
    """Compute how likely each count is after one save, (n,), and after two by each first step, (64, n).

    `below` is the share of amplitudes below each half: that of a multiple is what its step rounds to it.
    """
    bins = _bins(step)
    edges = 2 * step * np.arange(len(bins))
    once = below[np.clip(edges + step, 0, 2 * _REACH)] - below[np.clip(edges - step, 0, 2 * _REACH)]
    is_multiple, lower, upper = _multiples()
    twice = np.where(is_multiple, below[upper] - below[lower], 0) @ bins.T
    least = 1e-9  # keeps logarithms finite
    once, twice = once[used] + least, twice[:, used] + least
    return once / once.sum(), twice / twice.sum(axis=1, keepdims=True)


@functools.cache
def _multiples() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which amplitudes are multiples of each step, and from and to which half others are rounded to them."""
    amplitudes, steps = np.arange(_REACH), _STEPS[:, None]
    lower, upper = (np.clip(2 * amplitudes + side * steps, 0, 2 * _REACH) for side in (-1, 1))
    return amplitudes % steps == 0, lower, upper


@functools.lru_cache(maxsize=_COARSEST)
def _bins(step: int) -> np.ndarray:
    """Compute how likely each amplitude, with the noise of roundings, is to become each count: (n, 256)."""
    counts, amplitudes = np.arange((_REACH - 1) // step + 2)[:, None], np.arange(_REACH)
    normal, middle = _normal_distribution()

    def up_to(edge: np.ndarray) -> np.ndarray:
        halves = (2 * (edge * step - amplitudes)).astype(int)
        return normal[np.clip(halves + middle, 0, 2 * middle)]

    positive = up_to(counts + 0.5) - up_to(counts - 0.5)
    negative = up_to(0.5 - counts) - up_to(-0.5 - counts)
    return np.where(counts > 0, positive + negative, positive)


@functools.cache
def _normal_distribution() -> tuple[np.ndarray, int]:
    """Return how likely the noise of roundings is below each half from -20 to 20, and the index of 0.

    SciPy would take a fifth of the time of all imports for that.
    """
    middle = 40
    halves = np.arange(-middle, middle + 1) / 2 / _NOISE
    return np.array([math.erfc(-each / math.sqrt(2)) / 2 for each in halves]), middle


def _once_among_twice(nats: np.ndarray) -> tuple[float, tuple[int, int, int]]:
    """Find the square that speaks most for one save in a picture of two: its evidence, top, left, side."""
    sums = cv2.integral(nats, sdepth=cv2.CV_64F)
    best, place = 0.0, (0, 0, 0)
    for side in _SIDES:
        if side > min(nats.shape):
            break
        inside = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
        top, left = np.unravel_index(int(inside.argmin()), inside.shape)
        once = -float(inside[top, left])
        evidence = min(once, float(sums[-1, -1]) + once)
        if evidence > best:
            best, place = evidence, (int(top), int(left), side)
    return best, place


def _words(found: list[_Frequency], statistic: float, place: tuple[int, int, int]) -> str:
    before = f"as a JPEG of about quality {_quality(found)}"
    if statistic < _SPEAKS:
        return f"It seems to have been saved before, {before}, and no region is without a trace of that."
    top, left, side = (BLOCK * each for each in place)
    return (
        f"The picture was saved before, {before}, but for a region ({side} pixels square at ({top}, {left}), "
        "row and column), which came later or was changed."
    )


def _quality(found: list[_Frequency]) -> int:
    """Return the quality of libjpeg whose steps are nearest to those of the first save."""

    def difference(quality: int) -> int:
        table = libjpeg_tables(quality)[0]
        return sum(abs(table[each.place] - each.step) for each in found)

    return min(range(1, 101), key=difference)
