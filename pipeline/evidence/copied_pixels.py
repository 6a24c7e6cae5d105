"""Whether what a motion takes from one part of a picture to another is the same down to its texture.

Look-alike objects, windows of a façade, leaves of one plant share edges, and their keypoints match; a copy
shares its grain too. So the detail of both regions (what is finer than a few pixels) is correlated after the
motion is undone, as in the last step of Christlein et al., An evaluation of popular copy-move forgery
detection approaches, IEEE TIFS 2012.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.evidence.self_matches import Motion

Array = np.ndarray

_FINE, _COARSE = 0.5, 2.0  # deviations in pixels of the two blurs whose difference is the detail
_WINDOW = 9  # pixels, side of the square whose detail is correlated
_ALIKE = 0.8  # correlation of a copied place; after JPEG 75 still usual, between look-alikes rare
_LEAST_DETAIL = 1.0  # variance in squared grey levels: flat places say nothing
_MARGIN = 24  # pixels that are looked at around the matches, besides half of their extent
_MOVED = 12.0  # pixels; nearer places are alike as neighbours


@dataclass(frozen=True)
class Agreement:
    """How the two ends of a motion agree.

    Attributes:
        correlation: median over the matched points, of the detail around them, in [-1, 1].
        pixels: of the places alike that hang together with a matched point, without those beside.
        copied: (h, w) bool, both ends of these places; None where there are none.
    """

    correlation: float
    pixels: int
    copied: Array | None


def compare_pixels(grey: Array, motion: Motion) -> Agreement:
    """Compare the source of a motion with its target.

    Args:
        grey: (h, w) float32, grey levels.
        motion: in pixels of `grey`.
    """
    height, width = grey.shape
    x, y = motion.matches.source.real, motion.matches.source.imag
    box = _around(x, width), _around(y, height)
    left, top = box[0].start, box[1].start
    here = np.ascontiguousarray(grey[box[1], box[0]])
    shifted = motion.affine.copy()
    shifted[:, 2] += motion.affine[:, :2] @ (left, top)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    there = cv2.warpAffine(grey, shifted, here.shape[::-1], flags=flags, borderMode=cv2.BORDER_REFLECT)

    correlation, detail = _correlated(_detail(here), _detail(there))
    alike = (correlation > _ALIKE) & (detail > _LEAST_DETAIL)
    rows, columns = np.nonzero(alike)
    to_x, to_y = shifted @ np.stack([columns, rows, np.ones_like(rows)])
    inside = (to_x > 4) & (to_y > 4) & (to_x < width - 5) & (to_y < height - 5)
    moved = np.hypot(to_x - columns - left, to_y - rows - top) > _MOVED
    alike[rows, columns] = inside & moved

    at = (
        np.clip(np.rint(y) - top, 0, here.shape[0] - 1).astype(int),
        np.clip(np.rint(x) - left, 0, here.shape[1] - 1).astype(int),
    )
    _, labels, sizes, _ = cv2.connectedComponentsWithStats(alike.astype(np.uint8))
    reached = np.setdiff1d(labels[at], [0])
    if not len(reached):
        return Agreement(float(np.median(correlation[at])), 0, None)
    copied = np.zeros((height, width), np.uint8)
    copied[box[1], box[0]] = np.isin(np.arange(len(sizes)), reached)[labels]
    there_too = cv2.warpAffine(copied, motion.affine, (width, height), flags=cv2.INTER_NEAREST)
    largest = int(sizes[reached, cv2.CC_STAT_AREA].max())
    return Agreement(float(np.median(correlation[at])), largest, (copied > 0) | (there_too > 0))


def _around(positions: Array, side: int) -> slice:
    """Return the part of a side on which points lie, with a margin."""
    low, high = positions.min(), positions.max()
    margin = _MARGIN + (high - low) / 2
    return slice(max(int(low - margin), 0), min(int(high + margin) + 1, side))


def _detail(grey: Array) -> Array:
    """Return what is finer than a few pixels, without the finest, which interpolation takes away."""
    return cv2.GaussianBlur(grey, (0, 0), _FINE) - cv2.GaussianBlur(grey, (0, 0), _COARSE)


def _correlated(one: Array, other: Array) -> tuple[Array, Array]:
    """Return the correlation of two pictures around each pixel, and the smaller of their variances."""

    def mean(values: Array) -> Array:
        return cv2.boxFilter(values, -1, (_WINDOW, _WINDOW))

    middle, other_middle = mean(one), mean(other)
    spread = np.maximum(mean(one * one) - middle**2, 1e-3)
    other_spread = np.maximum(mean(other * other) - other_middle**2, 1e-3)
    together = mean(one * other) - middle * other_middle
    return together / np.sqrt(spread * other_spread), np.minimum(spread, other_spread)
