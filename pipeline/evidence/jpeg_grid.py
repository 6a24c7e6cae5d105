"""A foreign JPEG grid: a region whose 8 × 8 blocks begin elsewhere than those of the rest.

A JPEG rounds most frequencies of its blocks to zero, so the blocks of its grid have more of them than any
other 8 × 8 pixels. What is pasted from another JPEG, or moved by anything but multiples of eight, brings its
own grid along, and keeps it where the picture is then saved losslessly or at a higher quality.

Each pixel votes for the one of the 64 places of the grid whose block around it has most zeros (T. Nikoukhah,
J. Anger, M. Colom, J.-M. Morel, R. Grompone von Gioi: ZERO: a local JPEG grid origin detector based on the
number of DCT zeros and its applications in image forensics, IPOL 11, 2021). The paper lets regions of votes
grow; here squares of all sizes are looked at instead, because their number, which the expected number of
false alarms (NFA) is made of, is then known, and because sums over squares take no loop. Its test for a
missing grid is left out: it finds the flat parts of one genuine picture in five.
"""

import itertools
import math
from typing import NamedTuple

import cv2
import numpy as np

from pipeline.evidence.finding import Finding
from pipeline.images.jpeg import BLOCK, dct_basis
from pipeline.images.read import Picture

_GRIDS = BLOCK * BLOCK
_NO_VOTE = _GRIDS
_ZERO = 0.5  # a coefficient below it is one that the nearest whole number makes 0
_LINES, _COLUMNS = 2 * BLOCK, 1024  # pixels whose coefficients are worked on at once: they stay in the cache
_BAND = 64 * BLOCK  # rows whose votes are counted at once
_SIDES = (2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128)  # of the squares, in blocks: about √2 apart
# In a large picture those below a fortieth of its shorter side cost half of the time and are left out.
_SMALLEST = 40
# The earlier grid of a picture that was cropped and saved again is left in its smooth parts above all, up to
# this much more often than elsewhere: of 150 photographs cropped, saved at 95, 36 alarm without it, 1 with.
_UNEVEN = 8
_MOST_TERMS = 10_000  # of a continued fraction; hundreds are usual
_BASIS = dct_basis().astype(np.float32)


class _Square(NamedTuple):
    """The most striking square: log10 of its NFA, its grid, its place and its side in blocks."""

    log_nfa: float
    grid: int
    top: int
    left: int
    side: int


def examine(picture: Picture) -> Finding:
    """Compute how much a region of the picture keeps to another JPEG grid than the rest.

    Returns:
        statistic: -log10 of the number of squares that would agree on one foreign grid as much as the most
            striking one does, where votes are drawn by lot (NFA); 0 where that is one or more, for below
            it only the size of the picture is measured: the paper's threshold. NaN where the picture is
            too small. map: the share of the pixels around each block that vote for that grid.
    """
    height, width = picture.pixels.shape[:2]
    if min(height, width) < (_SIDES[0] + 1) * BLOCK:
        return Finding(float("nan"), f"{width} × {height} pixels are too few to compare JPEG grids in them.")
    counts = _counts(picture.pixels)
    main = _main_grid(counts)
    square = _most_striking(counts, main)
    shares = counts[square.grid] / np.float32(_GRIDS)
    where = cv2.blur(shares, (3, 3), borderType=cv2.BORDER_REPLICATE)
    return Finding(max(0.0, -square.log_nfa), _words(square, main), np.clip(where, 0, 1))


def pixel_votes(luminance: np.ndarray) -> np.ndarray:
    """Compute for each pixel the grid of the 8 × 8 block around it with most zeros.

    Args:
        luminance: (height, width) uint8, at least 15 × 15.

    Returns:
        (height, width) uint8: 8 · row + column at which the blocks of the grid begin; 64 where no block wins
        alone, where the winner is constant along its rows or columns, and within 7 pixels of a border.
    """
    zeros = _zeros_of_blocks(luminance)
    rows, columns = (np.arange(size, dtype=np.uint16) % BLOCK for size in zeros.shape)
    place = rows[:, None] * BLOCK + columns
    # The largest of both keys is at one place only where one block alone has most zeros.
    key = zeros.astype(np.uint16) * _GRIDS
    around, ends_here = np.ones((BLOCK, BLOCK), np.uint8), (BLOCK - 1, BLOCK - 1)
    whole = slice(BLOCK - 1, None)
    last, first = (
        cv2.dilate(key + each, around, anchor=ends_here)[whole, whole].astype(np.uint16) % _GRIDS
        for each in (place, _GRIDS - 1 - place)
    )
    votes = np.full(luminance.shape, _NO_VOTE, np.uint8)
    inner = slice(BLOCK - 1, 1 - BLOCK)
    votes[inner, inner] = np.where(last + first == _GRIDS - 1, last, _NO_VOTE)
    votes[_steady(luminance)] = _NO_VOTE
    return votes


def _zeros_of_blocks(luminance: np.ndarray) -> np.ndarray:
    """Count the zeros among 63 frequencies of the block that begins at each pixel: (h - 7, w - 7) uint8."""
    height, width = (size - BLOCK + 1 for size in luminance.shape)
    zeros = np.empty((height, width), np.uint8)
    for top, left in itertools.product(range(0, height, _LINES), range(0, width, _COLUMNS)):
        part = luminance[top : top + _LINES + BLOCK - 1, left : left + _COLUMNS + BLOCK - 1]
        _count_zeros(part.astype(np.float32), zeros[top : top + _LINES, left : left + _COLUMNS])
    return zeros


def _count_zeros(part: np.ndarray, zeros: np.ndarray) -> None:
    """Do it for a part of the picture, into `zeros`."""
    height, width = zeros.shape
    beyond = part.shape[1]  # a block begins seven pixels before it ends
    # Rows, horizontal frequency, columns: eight rows of it are a matrix that the vertical waves multiply.
    across = np.empty((len(part), BLOCK, beyond), np.float32)
    for frequency, wave in enumerate(_BASIS):
        cv2.filter2D(part, cv2.CV_32F, wave[None], dst=across[:, frequency], anchor=(0, 0))
    for phase in range(min(BLOCK, height)):
        n = (len(part) - phase) // BLOCK
        lines = across[phase : phase + n * BLOCK].reshape(n, BLOCK, BLOCK * beyond)
        waves = np.matmul(_BASIS, lines)
        small = np.abs(waves, out=waves) < _ZERO
        each = small.view(np.uint8).reshape(n, _GRIDS, beyond)[:, 1:, :width]
        zeros[phase::BLOCK] = np.add.reduce(each, axis=1, dtype=np.uint8)


def _steady(luminance: np.ndarray) -> np.ndarray:
    """Mark pixels in whose 8 × 8 surroundings all rows, or all columns, are the same.

    Drawn and over-exposed areas: their zeros are no JPEG's.
    """
    steady = np.zeros(luminance.shape, bool)
    for shape in ((BLOCK, BLOCK - 1), (BLOCK - 1, BLOCK)):
        along = (1, 2) if shape[0] == BLOCK else (2, 1)
        span = cv2.dilate(luminance, np.ones(along, np.uint8)) - cv2.erode(
            luminance, np.ones(along, np.uint8)
        )
        steady |= cv2.dilate(span, np.ones(shape, np.uint8)) == 0
    return steady


def _counts(pixels: np.ndarray) -> np.ndarray:
    """Return how many of the 64 pixels of each 8 × 8 cell vote for each grid: (64, rows, columns) uint8.

    Band by band, so that a large picture needs no more memory than that; a pixel's vote is made of what lies
    up to seven pixels around it.
    """
    rows, columns = (size // BLOCK for size in pixels.shape[:2])
    counts = np.empty((_GRIDS, rows, columns), np.uint8)
    for top in range(0, rows * BLOCK, _BAND):
        above = min(top, BLOCK)
        band = pixels[top - above : top + _BAND + BLOCK]
        votes = pixel_votes(cv2.cvtColor(band, cv2.COLOR_RGB2GRAY))[above:]
        for row in range(top // BLOCK, min((top + _BAND) // BLOCK, rows)):
            line = votes[row * BLOCK - top : (row + 1) * BLOCK - top, : columns * BLOCK]
            counts[:, row] = _histograms(line)
    return counts


def _histograms(line: np.ndarray) -> np.ndarray:
    """Return how often each grid stands in each cell of a line of cells, (8, 8 · columns): (64, columns)."""
    columns, bins = line.shape[1] // BLOCK, _GRIDS + 1
    cells = np.repeat(np.arange(columns) * bins, BLOCK) + line
    return np.bincount(cells.ravel(), minlength=columns * bins).reshape(columns, bins).T[:_GRIDS]


def _main_grid(counts: np.ndarray) -> int | None:
    """Return the grid of the picture as a whole; None where its votes could be drawn by lot."""
    totals = counts.sum(axis=(1, 2), dtype=np.int64) / _GRIDS
    best = int(totals.argmax())
    log_nfa = np.log10(_GRIDS) + _log_tail(counts[0].size, totals[best], 1 / _GRIDS)
    return best if log_nfa < 0 else None


def _most_striking(counts: np.ndarray, main: int | None) -> _Square:
    """Find the square whose votes for one foreign grid are least to be expected.

    A vote counts as one of 64, the independent ones of the paper. Drawn by lot, it is for a given grid with
    probability 1 / 64; or `_UNEVEN` times as often as outside the square, where that is more: a picture that
    was cropped and saved again has an earlier grid everywhere, and no region of its own.
    """
    rows, columns = counts.shape[1:]
    sides = [side for side in _SIDES if min(rows, columns) // _SMALLEST <= side <= min(rows, columns)]
    tests = (_GRIDS - 1) * sum((rows - side + 1) * (columns - side + 1) for side in sides)
    most = dict.fromkeys(sides, (-1.0, 0.0, 0, 0, 0))
    for grid in range(_GRIDS):
        if grid == main:
            continue
        sums = cv2.integral(counts[grid], sdepth=cv2.CV_32S)
        for side in sides:
            down = sums[side:] - sums[:-side]
            inside = down[:, side:] - down[:, :-side]
            if (votes := int(inside.max()) / _GRIDS) > most[side][0]:
                top, left = divmod(int(inside.argmax()), inside.shape[1])
                most[side] = (votes, int(sums[-1, -1]) / _GRIDS, grid, top, left)
    found = []
    for side, (votes, total, grid, top, left) in most.items():
        n = side * side
        elsewhere = (total - votes) / max(rows * columns - n, 1)
        log_nfa = np.log10(tests) + _log_tail(n, votes, max(1 / _GRIDS, _UNEVEN * elsewhere))
        found.append(_Square(float(log_nfa), grid, top, left, side))
    return min(found)


def _log_tail(n: int, votes: float, chance: float) -> float:
    """Return log10 of the chance of `votes` and more of n; by the incomplete beta function, for any count."""
    if votes <= 0 or chance >= 1:
        return 0.0
    votes = min(votes, n)
    return _log_beta(votes, n - votes + 1, chance) / math.log(10)


def _log_beta(a: float, b: float, x: float) -> float:
    """Compute the logarithm of the regularised incomplete beta function I_x(a, b), for 0 < x < 1.

    By its continued fraction (W. Press et al.: Numerical recipes, 6.4): there is no smallest value, as with
    SciPy's I_x, and SciPy would take a fifth of the time of all imports.
    """
    if x > (a + 1) / (a + b + 2):  # there the fraction converges slowly, and the rest is the larger part
        return math.log1p(-math.exp(_log_beta(b, a, 1 - x)))
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    logarithm, change, m = math.log(d), 0.0, 1
    while change != 1 and m < _MOST_TERMS:
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        change = 1.0
        for term in (even, odd):
            d = 1 / (1 + term * d)
            c = 1 + term / c
            change *= c * d
        logarithm += math.log(change)
        m += 1
    of_all = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return of_all + a * math.log(x) + b * math.log1p(-x) - math.log(a) + logarithm


def _words(square: _Square, main: int | None) -> str:
    if square.log_nfa >= 0:
        return "No region keeps to another JPEG grid than the rest; that says nothing where none is left."
    begin = f"({square.grid // BLOCK}, {square.grid % BLOCK})"
    own = (
        "the rest has no JPEG grid"
        if main is None
        else f"those of the rest at ({main // BLOCK}, {main % BLOCK})"
    )
    place = f"{square.side * BLOCK} pixels square at ({square.top * BLOCK}, {square.left * BLOCK})"
    return f"In a region ({place}, row and column) JPEG blocks begin at {begin}, {own}."
