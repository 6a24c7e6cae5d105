"""Copies of smooth places, such as sky, skin and water, which have no keypoints to match.

Where there are no keypoints, blocks on a dense grid are compared instead, by what a JPEG leaves of smooth
places: waves of a few pixels. A copy is a field of blocks that all moved alike, as in Cozzolino et al.,
Efficient dense-field copy-move forgery detection, IEEE TIFS 2015. Here each block seeks its partner among all
smooth places by a product of matrices, which takes less time than their random search, and a field is of one
translation: what is smooth is copied to cover things, and has no side that would want turning.
"""

import cv2
import numpy as np

from pipeline.evidence.self_matches import Matches, Motion, join_matches

Array = np.ndarray

_HALF = 12  # pixels, half of a block's side
_FINE, _COARSE = 1.0, 3.0  # deviations in pixels of the blurs whose difference is compared
_WAVES = 32  # lowest cosine waves that describe a block, without its mean
_STRUCTURE = 0.01  # variance in squared grey levels at least; less is the rounding of levels
_CLIPPED = 0.05  # share of a block that is black or white at most
_ROUND = 0.2  # least ratio of a block's gradient across its main direction: along an edge all is alike
_APART = 24  # pixels at least from a block to its partner, in x or in y
_ALIKE = 0.65  # correlation of a block and its partner at least
_RATIO = 0.7  # of what the partner's and the next best place's correlation lack of 1
_STEP = 6  # pixels between blocks that seek, at least
_SEEK, _PLACES = 1200, 40000  # blocks that seek and places where they do, at most: time is short
_CHUNK = 64  # blocks whose likeness to all places is in the memory at once
_REFINED = 2  # pixels that a partner is moved at most, to where it fits best
_GRID = 8  # pixels, of JPEG: two blocks of few waves each are alike at its multiples
_SAME = 1.5  # pixels, in x and in y, by which blocks of one translation differ at most
_LEAST = 4  # blocks that make a translation


def find_smooth_matches(grey: Array, keypoints: Array) -> Matches:
    """Return pairs of smooth blocks that look alike, in both directions.

    Args:
        grey: (h, w) uint8.
        keypoints: (n,) complex128, x + iy in pixels; blocks with any are left out.
    """
    if min(grey.shape) < 4 * _HALF:
        return join_matches([])
    levels = grey.astype(np.float32)
    band = cv2.GaussianBlur(levels, (0, 0), _FINE) - cv2.GaussianBlur(levels, (0, 0), _COARSE)
    # Nothing in the band is finer than every other pixel can hold.
    small = np.ascontiguousarray(band[::2, ::2])
    places = np.argwhere(_smooth(grey, small, keypoints))
    if len(places) < _LEAST:
        return join_matches([])
    step = _STEP // 2
    while (seek := np.flatnonzero((places % step == 0).all(axis=1))).size > _SEEK:
        step += 1
    partner, alike = _partners(_described(small, places), places, seek)
    source, target = 2 * places[seek[alike]], 2 * places[partner[alike]]
    target, correlation = _refined(band, source, target)
    told = (correlation > _ALIKE) & ((target - source) % _GRID != 0).any(axis=1)
    one, other = ((place[:, 1] + 1j * place[:, 0])[told] for place in (source, target))
    turn, mirrored = np.zeros(len(one)), np.zeros(len(one), bool)
    return join_matches([Matches(one, other, turn, mirrored), Matches(other, one, turn, mirrored)])


def find_translations(matches: Matches, most: int = 3) -> list[Motion]:
    """Return the translations that neighbouring blocks share, that of most blocks first."""
    motions: list[Motion] = []
    for _ in range(most):
        if len(matches) < _LEAST:
            break
        by = matches.target - matches.source
        off = np.subtract.outer(by, by)
        same = (np.abs(off.real) < _SAME) & (np.abs(off.imag) < _SAME)
        best = int(same.sum(axis=1).argmax())
        group = matches[same[best]]
        group = group[_together(group.source)]
        if len(group) >= _LEAST:
            moved = group.target - group.source
            affine = np.array([[1, 0, np.median(moved.real)], [0, 1, np.median(moved.imag)]])
            motions.append(Motion(affine, group))
        matches = matches[~same[best] & (np.abs(by + by[best]) > 2 * _SAME)]
    return motions


def _together(points: Array) -> Array:
    """Return which points, complex, are of the largest group whose blocks overlap."""
    near = np.abs(np.subtract.outer(points, points)) < 3 * _HALF
    label = np.arange(len(points))
    while ((least := np.where(near, label, len(points)).min(axis=1)) < label).any():
        label = least[least]  # of the neighbour's neighbours too: each round goes twice as far
    return np.asarray(label == np.bincount(label).argmax())


def _smooth(grey: Array, small: Array, keypoints: Array) -> Array:
    """Return where, on every other pixel, blocks are to be compared; at most `_PLACES`."""
    half = _HALF // 2
    points = np.zeros(grey.shape, np.float32)
    row, column = keypoints.imag.astype(int), keypoints.real.astype(int)
    points[row.clip(0, grey.shape[0] - 1), column.clip(0, grey.shape[1] - 1)] = 1
    clipped = ((grey < 3) | (grey > 252)).astype(np.float32)
    told, clipped = (_mean(part, 2 * _HALF)[::2, ::2] for part in (points, clipped))
    spread = _mean(small * small, _HALF)
    across, down = cv2.Sobel(small, cv2.CV_32F, 1, 0), cv2.Sobel(small, cv2.CV_32F, 0, 1)
    xx, yy, xy = (_mean(part, _HALF) for part in (across * across, down * down, across * down))
    # The larger and the smaller eigenvalue of the structure tensor.
    middle, radius = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    smooth = (told < 0.5 / _HALF**2 / 4) & (clipped < _CLIPPED) & (spread > _STRUCTURE)
    smooth &= middle - radius > _ROUND * (middle + radius)
    inside = np.zeros_like(smooth)
    inside[half:-half, half:-half] = True
    smooth &= inside
    if smooth.sum() > _PLACES:  # the least structured say least
        smooth &= spread > np.partition(spread[smooth], -_PLACES)[-_PLACES]
    return smooth


def _mean(values: Array, side: int) -> Array:
    return cv2.boxFilter(values, -1, (side, side))


def _described(small: Array, places: Array) -> Array:
    """Return unit vectors of the lowest cosine waves of blocks, (n, waves) float32."""
    place = np.arange(_HALF)
    waves = np.cos(np.pi * (place[:, None] + 0.5) * place / _HALF)
    waves /= np.linalg.norm(waves, axis=0)
    order = np.hypot(place[:, None], place).argsort(axis=None, kind="stable")[1 : _WAVES + 1]
    basis = [
        np.outer(waves[:, down], waves[:, across])
        for down, across in zip(*np.divmod(order, _HALF), strict=True)
    ]
    flat = np.stack(basis, axis=-1).reshape(-1, _WAVES).astype(np.float32)
    return _unit(_blocks(small, places - _HALF // 2, _HALF) @ flat)


def _partners(described: Array, places: Array, seek: Array) -> tuple[Array, Array]:
    """Return for each block that seeks the most alike place not near, and whether it alone is alike."""
    partner, alike = np.zeros(len(seek), int), np.zeros(len(seek), bool)
    rows, columns = (np.ascontiguousarray(part) for part in places.T)

    def hide_near(likeness: Array, place: int, pixels: int) -> None:
        """Take all places near one out of the competition; they are sorted by row."""
        row, column, reach = rows[place], columns[place], pixels // 2
        beside = slice(*np.searchsorted(rows, (row - reach + 1, row + reach)))
        likeness[beside][np.abs(columns[beside] - column) < reach] = -1

    for start in range(0, len(seek), _CHUNK):
        table = described[seek[start : start + _CHUNK]] @ described.T
        for which, likeness in enumerate(table, start):
            hide_near(likeness, seek[which], _APART)
            best = partner[which] = likeness.argmax()
            if (first := likeness[best]) > _ALIKE:
                hide_near(likeness, best, _HALF)
                alike[which] = 1 - first < _RATIO * (1 - likeness.max())
    return partner, alike


def _refined(band: Array, source: Array, target: Array) -> tuple[Array, Array]:
    """Move targets to where their blocks correlate best with the sources'; return them and how much."""
    margin = _HALF + _REFINED
    padded = np.pad(band, margin, mode="reflect")

    def normal(place: Array) -> Array:
        block = _blocks(padded, place + _REFINED, 2 * _HALF)
        return _unit(block - block.mean(axis=1, keepdims=True))

    reference = normal(source)
    best, at = np.full(len(source), -1.0), target
    for by in np.ndindex(2 * _REFINED + 1, 2 * _REFINED + 1):
        moved = target + np.array(by) - _REFINED
        correlation = (reference * normal(moved)).sum(axis=1)
        at = np.where((correlation > best)[:, None], moved, at)
        best = np.maximum(correlation, best)
    return at, best


def _blocks(picture: Array, corners: Array, side: int) -> Array:
    """Return the squares, one a row, whose upper left corners (row, column) are given."""
    squares = np.lib.stride_tricks.sliding_window_view(picture, (side, side))
    return squares[corners[:, 0], corners[:, 1]].reshape(-1, side * side)


def _unit(rows: Array) -> Array:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
