"""Copies of smooth places, such as sky, skin and water, which have no keypoints to match.

Where keypoints are few, blocks on a dense grid are compared instead, by what a JPEG leaves of smooth places:
waves of a few pixels. A copy is a field of blocks that all moved alike, as in Cozzolino et al., Efficient
dense-field copy-move forgery detection, IEEE TIFS 2015; for each block the best partner is sought among all
places, by a product of matrices instead of their random search, and the field is of translations alone.
"""

import cv2
import numpy as np
from scipy import ndimage

from pipeline.evidence.self_matches import Matches, Motion, join_matches

Array = np.ndarray

_HALF = 12  # pixels, half of a block's side
_FINE, _COARSE = 1.0, 3.0  # deviations in pixels of the blurs whose difference is compared
_WAVES = 32  # lowest cosine waves that describe a block, without its mean
_FEW = 1  # keypoints in a block at most, else they tell enough of it
_STRUCTURE = 0.03  # variance in squared grey levels at least; below it rounding is compared with rounding
_ROUND = 0.1  # least share of a block's gradient that goes across the main one: along an edge all is alike
_APART = 24  # pixels at least from a block to its partner, in x or in y
_ALIKE = 0.8  # correlation of a block and its partner at least
_QUERIES, _PLACES = 400, 30000  # blocks that seek and places where they seek, at most: time is short
_CHUNK = 128  # blocks whose likeness to all places is in the memory at once
_REFINED = 2  # pixels that a partner is moved at most to fit best
_LEAST = 4  # blocks that make a motion
_STEP = 4


def find_smooth_matches(grey: Array, keypoints: Array) -> Matches:
    """Return pairs of smooth blocks that look alike, in both directions.

    Args:
        grey: (h, w) uint8.
        keypoints: (n,) complex128, x + iy in pixels.
    """
    if min(grey.shape) < 4 * _HALF:
        return join_matches([])
    band = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), _FINE)
    band -= cv2.GaussianBlur(grey.astype(np.float32), (0, 0), _COARSE)
    # The band has nothing finer than every other pixel can hold.
    small = np.ascontiguousarray(band[::2, ::2])
    places = np.argwhere(_smooth(grey, small, keypoints)).astype(np.int16)
    if len(places) < _LEAST:
        return join_matches([])
    described = _described(small, places)
    step = _STEP
    while (seek := np.flatnonzero((places % step == 0).all(axis=1))).size > _QUERIES:
        step += 1
    partner, likeness = _best_partners(described, places, seek)
    good = likeness > _ALIKE
    source, target = 2 * places[seek[good]].astype(int), 2 * places[partner[good]].astype(int)
    target, likeness = _refined(band, source, target)
    one, other = (
        (places[:, 1] + 1j * places[:, 0])[likeness > _ALIKE] for places in (source, target)
    )
    turn, mirrored = np.zeros(len(one)), np.zeros(len(one), bool)
    return join_matches([Matches(one, other, turn, mirrored), Matches(other, one, turn, mirrored)])


def find_translations(matches: Matches, most: int = 3) -> list[Motion]:
    """Return the translations on which blocks agree, that of most blocks first; each block is in one."""
    motions: list[Motion] = []
    while len(matches) >= _LEAST and len(motions) < most:
        moved = matches.target - matches.source
        off = np.maximum(np.abs(np.subtract.outer(moved.real, moved.real)), np.abs(np.subtract.outer(moved.imag, moved.imag)))
        votes = off < 1.5
        best = int(votes.sum(axis=1).argmax())
        follow = votes[best]
        group = matches[follow]
        group = group[_together(group.source)]
        if len(group) >= _LEAST:
            by = np.median((group.target - group.source).real), np.median((group.target - group.source).imag)
            affine = np.array([[1.0, 0.0, by[0]], [0.0, 1.0, by[1]]])
            motions.append(Motion(affine, group))
        elif follow.sum() < _LEAST:
            break
        back = np.abs(matches.source - matches.target - moved[best]) < 3
        matches = matches[~(follow | back)]
    return motions


def _together(points: Array) -> Array:
    """Return which points belong to the largest group of neighbours."""
    near = np.abs(np.subtract.outer(points, points)) < 2.9 * _HALF
    _, label = ndimage_components(near)
    return label == np.bincount(label).argmax()


def ndimage_components(near):
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components
    return connected_components(csr_array(near), directed=False)


def _smooth(grey: Array, small: Array, keypoints: Array) -> Array:
    """Return which blocks, on every other pixel, are to be compared, bool as `small`."""
    height, width = small.shape
    side = (_HALF, _HALF)
    points = np.zeros(grey.shape, np.float32)
    points[np.clip(keypoints.imag.astype(int), 0, None), np.clip(keypoints.real.astype(int), 0, None)] = 1
    count = cv2.boxFilter(points, -1, (2 * _HALF, 2 * _HALF), normalize=False)[::2, ::2]
    clipped = cv2.boxFilter(((grey < 3) | (grey > 252)).astype(np.float32), -1, (2 * _HALF, 2 * _HALF))[::2, ::2]
    spread = cv2.boxFilter(small * small, -1, side)
    across, down = cv2.Sobel(small, cv2.CV_32F, 1, 0), cv2.Sobel(small, cv2.CV_32F, 0, 1)
    xx, yy, xy = (cv2.boxFilter(part, -1, side) for part in (across * across, down * down, across * down))
    middle, radius = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    smooth = (count < _FEW + 0.5) & (clipped < 0.05) & (spread > _STRUCTURE)
    smooth &= middle - radius > _ROUND * (middle + radius)
    half = _HALF // 2
    smooth[:half] = smooth[height - half :] = False
    smooth[:, :half] = smooth[:, width - half :] = False
    if smooth.sum() > _PLACES:
        smooth &= spread > np.partition(spread[smooth], -_PLACES)[-_PLACES]
    return smooth


def _described(small: Array, places: Array) -> Array:
    """Return unit vectors of the lowest cosine waves of blocks, (n, waves)."""
    k = np.arange(_HALF)
    waves = np.cos(np.pi * (k[:, None] + 0.5) * k / _HALF)
    waves /= np.linalg.norm(waves, axis=0)
    down, across = np.mgrid[:_HALF, :_HALF]
    lowest = np.argsort(np.hypot(down, across), axis=None, kind="stable")[1 : _WAVES + 1]
    basis = np.stack([np.outer(waves[:, i // _HALF], waves[:, i % _HALF]).ravel() for i in lowest], axis=1)
    corner = places - _HALF // 2
    blocks = np.lib.stride_tricks.sliding_window_view(small, (_HALF, _HALF))[corner[:, 0], corner[:, 1]]
    described = blocks.reshape(len(places), -1) @ basis.astype(np.float32)
    return described / np.maximum(np.linalg.norm(described, axis=1, keepdims=True), 1e-6)


def _best_partners(described: Array, places: Array, seek: Array) -> tuple[Array, Array]:
    """Return for each of some blocks the most alike that is not near, and their likeness."""
    partner, likeness = np.zeros(len(seek), int), np.zeros(len(seek), np.float32)
    rows, columns = places.T.copy()
    for start in range(0, len(seek), _CHUNK):
        chunk = seek[start : start + _CHUNK]
        like = described[chunk] @ described.T
        near = np.abs(rows[chunk, None] - rows) < _APART // 2
        near &= np.abs(columns[chunk, None] - columns) < _APART // 2
        like[near] = -1
        best = like.argmax(axis=1)
        partner[start : start + _CHUNK] = best
        likeness[start : start + _CHUNK] = like[np.arange(len(chunk)), best]
    return partner, likeness


def _refined(band: Array, source: Array, target: Array) -> tuple[Array, Array]:
    """Move targets by a few pixels to where their blocks correlate best; return them and the correlation."""
    margin = _HALF + _REFINED
    blocks = np.lib.stride_tricks.sliding_window_view(np.pad(band, margin, mode="reflect"), (2 * _HALF, 2 * _HALF))

    def normal(corner: Array) -> Array:
        block = blocks[corner[:, 0], corner[:, 1]].reshape(-1, (2 * _HALF) ** 2)
        block = block - block.mean(axis=1, keepdims=True)
        return block / np.maximum(np.linalg.norm(block, axis=1, keepdims=True), 1e-6)

    reference = normal(source + _REFINED)
    best, at = np.full(len(source), -1.0), target.copy()
    for down in range(-_REFINED, _REFINED + 1):
        for across in range(-_REFINED, _REFINED + 1):
            by = np.array([down, across])
            correlation = (reference * normal(target + _REFINED + by)).sum(axis=1)
            better = correlation > best
            best[better], at[better] = correlation[better], (target + by)[better]
    return at, best
