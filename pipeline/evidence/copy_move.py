"""Copy-move: a part of the picture that occurs in it a second time, moved, turned, scaled or mirrored.

Keypoints that look alike propose motions (`self_matches`), or blocks of smooth places where these convince
nobody (`dense_copy_move`); the pixels under each say whether they agree down to their texture
(`copied_pixels`). Genuine pictures have repeated things; what tells a copy from these is how
exactly the points follow one motion, how alike the detail is, over how large a place, and that few other
points match elsewhere.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.evidence.copied_pixels import Agreement, compare_pixels
from pipeline.evidence.dense_copy_move import find_smooth_matches, find_translations
from pipeline.evidence.finding import Finding
from pipeline.evidence.self_matches import Motion, find_keypoints, find_matches, find_motions
from pipeline.images.read import Picture

Array = np.ndarray

_MOST_PIXELS = 1.2e6  # larger pictures are made smaller: copies are of objects, and time is short
_BLOCK = 8  # pixels, of the map
_CLEAR = 1.0  # log-odds of a smooth copy at least: by chance every sky has a few blocks that moved alike
_CONVINCING = 2.0  # log-odds of keypoints' best motion above which smooth places are not compared

# Log-odds of a copy against a repetition: logistic regression on copy-moves made of photographs by several
# cameras and on CASIA's, against the best motion of 270 genuine pictures; rounded. Each weight has the sign
# that the argument above asks for. `copy_move` is calibrated after this: only the order of pictures counts.
_BIAS = 0.2
_INEXACT = -0.75  # of the logarithm of the variance, in squared pixels, of points about their motion
_ALIKE = 0.25  # of the information that the detail of one end has of the other's, nats a pixel
_AREA = 0.25  # of the logarithm of the copied area in blocks
_ELSEWHERE = -0.7  # of the logarithm of all matches for each on this motion
_MIRRORED = -0.6  # faces, façades and reflections are symmetric of themselves
_SHEARED = -1.0  # of the logarithm of the motion's longer to its shorter axis: editors scale both alike
_PRIOR = 1.0  # squared pixels by which a variance is thought to be known before any point is seen


@dataclass(frozen=True)
class _Copy:
    motion: Motion
    agreement: Agreement
    odds: float
    smooth: bool  # of blocks, not of keypoints: most of it has no detail to compare


def examine(picture: Picture) -> Finding:
    """Look for a part of a picture that occurs twice.

    The statistic is 0 where no points agree on a motion, else log(1 + odds) of the best motion.
    """
    grey = cv2.cvtColor(picture.pixels, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    scale = min(1.0, float(np.sqrt(_MOST_PIXELS / (height * width))))
    if scale < 1:
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    copies = _copies(grey)
    shape = height // _BLOCK, width // _BLOCK
    if not copies:
        return Finding(
            0.0, "No part of the picture occurs twice.", np.zeros(shape, np.float32), _pairs([], 1)
        )
    best = copies[0]
    # What is pasted several times has several motions of like odds; weaker ones are chance.
    shown = [copy for copy in copies if copy.odds > max(best.odds - 2, 0)] if best.odds > 0 else [best]
    return Finding(
        float(np.logaddexp(0, best.odds)),
        _words(best, scale),
        _map(shown, grey.shape, shape),
        _pairs([copy.motion for copy in shown], scale),
    )


def _copies(grey: Array) -> list[_Copy]:
    """Return the motions of a picture with their odds, the best first."""
    keypoints = find_keypoints(grey)
    matches = find_matches(keypoints)
    copies = _judged(grey, find_motions(matches), len(matches), smooth=False)
    if not copies or copies[0].odds < _CONVINCING:
        matches = find_smooth_matches(grey, keypoints.place)
        smooth = _judged(grey, find_translations(matches), len(matches), smooth=True)
        copies += [copy for copy in smooth if copy.odds > _CLEAR]
    return sorted(copies, key=lambda copy: -copy.odds)


def _judged(grey: Array, motions: list[Motion], matches: int, smooth: bool) -> list[_Copy]:
    """Return motions with their odds, the best first."""
    levels = grey.astype(np.float32)
    found = []
    for motion in motions:
        agreement = compare_pixels(levels, motion)
        found.append(_Copy(motion, agreement, _odds(motion, agreement, matches), smooth))
    return sorted(found, key=lambda copy: -copy.odds)


def _odds(motion: Motion, agreement: Agreement, matches: int) -> float:
    """Return the log-odds that a motion is a copy rather than a repetition.

    Args:
        motion: whose points agree.
        agreement: of the pixels under it.
        matches: how many pairs of points the picture has.
    """
    followers = len(motion.matches)
    off = np.abs(_moved(motion) - motion.matches.target)
    # An affine map through three points is exact: six numbers are taken from the data.
    variance = ((off**2).sum() + _PRIOR) / max(2 * followers - 6 + 2, 2)
    known = -np.log(1 - np.clip(agreement.correlation, 0, 0.98) ** 2)
    axes = np.linalg.svd(motion.affine[:, :2], compute_uv=False)
    sheared = min(float(np.log(max(axes[0], 1e-2) / max(axes[1], 1e-2))), 2.0)
    return float(
        _BIAS
        + _INEXACT * np.log(variance)
        + _ALIKE * known
        + _AREA * np.log1p(agreement.pixels / _BLOCK**2)
        + _ELSEWHERE * np.log(max(matches, followers) / followers)
        + _MIRRORED * bool(motion.matches.mirrored[0])
        + _SHEARED * sheared
    )


def _moved(motion: Motion) -> Array:
    """Return where a motion takes its sources, (n,) complex128."""
    source = motion.matches.source
    x, y = motion.affine @ np.stack([source.real, source.imag, np.ones(len(source))])
    return x + 1j * y


def _map(copies: list[_Copy], size: tuple[int, int], shape: tuple[int, int]) -> Array:
    """Return the share of each block that is one end of a copy.

    Args:
        copies: whose ends are shown.
        size: height and width of the picture that they are in.
        shape: of the map.
    """
    copied = np.zeros(shape, np.float32)
    for copy in copies:
        if copied.size:
            place = copy.agreement.copied
            if copy.smooth or place is None:
                place = _spanned(copy.motion, size)
            small = cv2.resize(place.astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA)
            copied = np.maximum(copied, small)
    return np.clip(copied, 0, 1)


def _spanned(motion: Motion, size: tuple[int, int]) -> Array:
    """Return what lies between and close to the points of either end, (h, w) uint8."""
    span = np.zeros(size, np.uint8)
    for end in (motion.matches.source, motion.matches.target):
        corners = np.stack([end.real, end.imag], axis=1).round().astype(np.int32)
        cv2.fillConvexPoly(span, cv2.convexHull(corners), 1)
    # Each point is the middle of something that was compared.
    return cv2.dilate(span, np.ones((2 * _BLOCK + 1, 2 * _BLOCK + 1), np.uint8))


def _pairs(motions: list[Motion], scale: float) -> Array:
    """Return the matched points of motions, (n, 4) float32, in pixels of the picture as it was handed in."""
    rows = [
        np.stack(
            [
                motion.matches.source.real, motion.matches.source.imag,
                motion.matches.target.real, motion.matches.target.imag,
            ],
            axis=1,
        )
        for motion in motions
    ]  # fmt: skip
    # The middle of a pixel keeps its place when a picture is made smaller.
    found = (np.concatenate([np.zeros((0, 4)), *rows]) + 0.5) / scale - 0.5
    return found.astype(np.float32)


def _words(best: _Copy, scale: float) -> str:
    """Say what was found."""
    source, target = (
        points.mean() / scale for points in (best.motion.matches.source, best.motion.matches.target)
    )
    linear = best.motion.affine[:, :2]
    mirrored = bool(best.motion.matches.mirrored[0])
    size = float(np.sqrt(abs(np.linalg.det(linear))))
    angle = float(np.rad2deg(np.arctan2(linear[1, 0], linear[0, 0])))
    how = [
        "mirrored" if mirrored else "",
        f"turned by {angle:.0f}°" if not mirrored and abs(angle) > 2 else "",
        f"scaled to {size:.0%}" if abs(size - 1) > 0.03 else "",
    ]
    said = (
        f"{len(best.motion.matches)} points around ({source.real:.0f}, {source.imag:.0f}) look like those "
        f"around ({target.real:.0f}, {target.imag:.0f})" + "".join(f", {part}" for part in how if part)
    )
    if best.odds <= 0:
        return f"{said}; repeated objects do so too."
    return f"{said}, down to the texture: one may be a copy of the other."
