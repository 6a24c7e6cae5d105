"""Pairs of keypoints of one picture that look alike, and the motions that many of them share.

Keypoints and descriptors are SIFT (Lowe, Distinctive image features from scale-invariant keypoints, IJCV
2004), compared by the Hellinger distance (Arandjelovic and Zisserman, Three things everyone should know to
improve object retrieval, CVPR 2012). A point may have several partners (Amerini et al., A SIFT-based forensic
method for copy-move attack detection, IEEE TIFS 2011): what is pasted three times is found three times.
"""

from dataclasses import dataclass

import cv2
import numpy as np

Array = np.ndarray

_MOST_KEYPOINTS = 3000  # the strongest; all pairs are compared. With 5000 as many published copies are found
_CONTRAST = 0.004  # a tenth of Lowe's: copied sky and skin have few strong corners
_APART = 20.0  # pixels at least between partners: around an edge or a line neighbours look alike
_PARTNERS = 3  # of a point, at most
_RATIO = 0.75  # of the distance to a partner and to the first point that is none
_FURTHEST = 0.55  # Hellinger distance to a partner at most; unlike points have 1.0 to 1.3
_CHUNK = 512  # rows of the table of all pairs that are in the memory at once
_ROUNDING = 1e-4  # of a product of descriptors, more than it may have
_SEEDS = 400  # pairs of matches that propose a motion
_NEAR = 6  # matches around one that propose a motion with it
_TOLERANCE = 2.5  # pixels that a match may lie off its motion
_SCALES = (0.45, 2.2)
_TURN = 0.35  # radians between a motion's rotation and that of a match's own orientations
_LEAST = 4  # matches that make a motion


@dataclass(frozen=True)
class Keypoints:
    """Points of a picture that can be told again elsewhere.

    Attributes:
        place: (n,) complex128, x + iy in pixels.
        angle: (n,) float64, radians, of their orientation.
        described: (n, 128) float32, unit vectors; their distance is Hellinger's.
    """

    place: Array
    angle: Array
    described: Array


@dataclass(frozen=True)
class Matches:
    """Directed pairs of keypoints that look alike; each pair is there in both directions.

    Attributes:
        source, target: (n,) complex128, x + iy in pixels.
        turn: (n,) float64, radians from the source's orientation to the target's; of the reflected one where
            `mirrored`.
        mirrored: (n,) bool, whether one looks like the other in a mirror.
    """

    source: Array
    target: Array
    turn: Array
    mirrored: Array

    def __len__(self) -> int:
        """Return how many."""
        return len(self.source)

    def __getitem__(self, chosen: Array) -> "Matches":
        """Return those that an index or a mask chooses."""
        return Matches(self.source[chosen], self.target[chosen], self.turn[chosen], self.mirrored[chosen])


@dataclass(frozen=True)
class Motion:
    """An affine map that takes one part of a picture to another, and the matches that follow it.

    Attributes:
        affine: (2, 3) float64, from (x, y, 1) of a source to (x, y) of its target.
        matches: that agree on it.
    """

    affine: Array
    matches: Matches


def find_keypoints(grey: Array) -> Keypoints:
    """Return the keypoints of an (h, w) uint8 picture."""
    detector = cv2.SIFT.create(nfeatures=_MOST_KEYPOINTS, contrastThreshold=_CONTRAST)
    points, described = detector.detectAndCompute(grey, None)
    if described is None:
        return Keypoints(np.zeros(0, complex), np.zeros(0), np.zeros((0, 128), np.float32))
    described = np.sqrt(described / np.maximum(described.sum(axis=1, keepdims=True), 1e-6))
    place = np.array([complex(*point.pt) for point in points])
    return Keypoints(place, np.deg2rad([point.angle for point in points]), described)


def find_matches(keypoints: Keypoints) -> Matches:
    """Return the pairs of points that look alike, plainly or in a mirror."""
    place, angle, described = keypoints.place, keypoints.angle, keypoints.described
    if len(place) <= _PARTNERS + 1:
        return join_matches([])
    near = _near(place)
    found = []
    for mirrored in (False, True):
        other = _mirrored(described) if mirrored else described
        first, second = _partners(described, other, near)
        turn = angle[second] + angle[first] if mirrored else angle[second] - angle[first]
        found.append(Matches(place[first], place[second], turn, np.full(len(first), mirrored)))
        # Back again: a plain turn reverses, a mirror is its own inverse.
        back = turn if mirrored else -turn
        found.append(Matches(place[second], place[first], back, np.full(len(first), mirrored)))
    return join_matches(found)


def find_motions(matches: Matches, most: int = 6) -> list[Motion]:
    """Return the motions on which matches agree, that of most matches first; each match is in one.

    Every match proposes with its neighbours similarity transforms (RANSAC without chance, from pairs that lie
    together); the best is fitted as an affine map, its matches leave in both directions, and so on.
    """
    motions: list[Motion] = []
    while len(matches) >= _LEAST and len(motions) < most:
        best = None
        for mirrored in (False, True):
            group = matches[matches.mirrored == mirrored]
            if len(group) >= _LEAST:
                motion = _best_motion(group, mirrored)
                if motion is not None and (best is None or len(motion.matches) > len(best.matches)):
                    best = motion
        if best is None:
            break
        motions.append(best)
        matches = matches[~(_follows(matches, best.affine) | _follows(_reversed(matches), best.affine))]
    return motions


def join_matches(parts: list[Matches]) -> Matches:
    """Return all matches of several lists, each once."""
    if not parts:
        nothing = np.zeros(0)
        return Matches(nothing.astype(complex), nothing.astype(complex), nothing, nothing.astype(bool))
    source, target, turn, mirrored = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("source", "target", "turn", "mirrored")
    )
    # Points with two orientations match twice, and most pairs are found from both sides.
    keys = np.stack([source.real, source.imag, target.real, target.imag, mirrored], axis=1).round(1)
    _, kept = np.unique(keys, axis=0, return_index=True)
    return Matches(source, target, turn, mirrored)[kept]


def _reversed(matches: Matches) -> Matches:
    return Matches(matches.target, matches.source, matches.turn, matches.mirrored)


def _mirrored(described: Array) -> Array:
    """Return SIFT descriptors, (n, 128), as they are in a mirror across the points' orientation."""
    cells = described.reshape(-1, 4, 4, 8)[:, ::-1]
    return np.ascontiguousarray(cells[..., -np.arange(8) % 8]).reshape(-1, 128)


def _partners(described: Array, other: Array, near: tuple[Array, Array]) -> tuple[Array, Array]:
    """Return the indices of points and of their partners, by the ratio to the next that is none.

    Args:
        described: (n, 128), of the points.
        other: (n, 128), of those that may be partners.
        near: indices of points and of those too close to be a partner, sorted by the first.
    """
    first, second = [], []
    for start in range(0, len(described), _CHUNK):
        likeness = described[start : start + _CHUNK] @ other.T  # 1 - distance² / 2
        close = slice(*np.searchsorted(near[0], (start, start + len(likeness))))
        likeness[near[0][close] - start, near[1][close]] = -1
        # Nearly all points are left out here: as many as partners may be, and more, are about as near.
        distance = np.sqrt(np.maximum(2 - 2 * likeness.max(axis=1), 0))
        about = 1 - (distance / _RATIO) ** 2 / 2 + _ROUNDING
        several = np.count_nonzero(likeness > about[:, None], axis=1) > _PARTNERS
        some = np.flatnonzero((distance < _FURTHEST) & ~several)
        likeness = likeness[some]
        nearest = np.argpartition(likeness, -_PARTNERS - 1, axis=1)[:, -_PARTNERS - 1 :]
        values = np.take_along_axis(likeness, nearest, axis=1)
        order = np.argsort(-values, axis=1)
        nearest = np.take_along_axis(nearest, order, axis=1)
        distance = np.sqrt(np.maximum(2 - 2 * np.take_along_axis(values, order, axis=1), 0))
        good = (distance[:, :-1] < _RATIO * distance[:, -1:]) & (distance[:, :-1] < _FURTHEST)
        row, column = np.nonzero(good)
        first.append(some[row] + start)
        second.append(nearest[row, column])
    return np.concatenate(first), np.concatenate(second)


def _near(place: Array) -> tuple[Array, Array]:
    """Return the indices of points less than `_APART` from one another, each with itself too, sorted."""
    x, y = place.real.astype(np.float32), place.imag.astype(np.float32)
    order = np.argsort(x)
    begin, end = (np.searchsorted(x, x + np.float32(by), sorter=order) for by in (-_APART, _APART))
    count = end - begin
    first = np.repeat(np.arange(len(x)), count)
    second = order[np.arange(len(first)) + np.repeat(begin + count - np.cumsum(count), count)]
    beside = np.abs(y[second] - y[first]) < _APART
    first, second = first[beside], second[beside]
    close = np.hypot(x[first] - x[second], y[first] - y[second]) < _APART
    return first[close], second[close]


def _best_motion(matches: Matches, mirrored: bool) -> Motion | None:
    """Return the motion that most matches follow, None where fewer than `_LEAST` do."""
    source = matches.source.conj() if mirrored else matches.source
    factor, offset = _proposals(source, matches)
    if not len(factor):
        return None
    off = np.abs(factor[:, None] * source + offset[:, None] - matches.target)
    best = int(np.argmax((off < 2 * _TOLERANCE).sum(axis=1)))
    inside = off[best] < 2 * _TOLERANCE
    affine = None
    for _ in range(3):
        if inside.sum() < _LEAST:
            return None
        affine = _fitted(matches[inside])
        inside = _follows(matches, affine)
    if affine is None or inside.sum() < _LEAST:
        return None
    return Motion(affine, matches[inside])


def _proposals(source: Array, matches: Matches) -> tuple[Array, Array]:
    """Return factors and offsets, complex, of similarity transforms through pairs of neighbouring matches."""
    where = np.stack([source.real, source.imag, matches.target.real, matches.target.imag], axis=1)
    where = where.astype(np.float32)
    chosen = np.linspace(0, len(where) - 1, min(_SEEDS, len(where))).astype(int)
    _, near = cv2.batchDistance(where[chosen], where, cv2.CV_32F, K=min(_NEAR + 1, len(where)))
    one, two = np.repeat(chosen, near.shape[1]), near.ravel()
    across = source[two] - source[one]
    one, two, across = (part[np.abs(across) > 4] for part in (one, two, across))
    factor = (matches.target[two] - matches.target[one]) / across
    turned = np.abs(np.angle(factor * np.exp(-1j * matches.turn[one])))
    good = (np.abs(factor) > _SCALES[0]) & (np.abs(factor) < _SCALES[1]) & (turned < _TURN)
    return factor[good], (matches.target[one] - factor * source[one])[good]


def _fitted(matches: Matches) -> Array:
    """Return the affine map of least squares."""
    known = np.stack([matches.source.real, matches.source.imag, np.ones(len(matches))], axis=1)
    wanted = np.stack([matches.target.real, matches.target.imag], axis=1)
    return np.linalg.lstsq(known, wanted, rcond=None)[0].T


def _follows(matches: Matches, affine: Array) -> Array:
    """Return which matches lie on a motion."""
    x, y = matches.source.real, matches.source.imag
    moved = affine @ np.stack([x, y, np.ones(len(x))])
    return np.hypot(moved[0] - matches.target.real, moved[1] - matches.target.imag) < _TOLERANCE
