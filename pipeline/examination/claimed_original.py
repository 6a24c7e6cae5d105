"""A picture laid over another that is claimed to be its original, and where they differ.

Points that look alike in both (SIFT, D. Lowe, IJCV 60, 2004) give the plane-to-plane map between them
(MAGSAC++, D. Barath et al., CVPR 2020), so that one may be scaled, cropped, turned or seen a little askew.
Brightness and colour are fitted by channel. What is left is shown at a fixed gain; what saving once more
leaves is small in it.
"""

from typing import NamedTuple

import cv2
import numpy as np

from pipeline.evidence.self_matches import find_keypoints

Array = np.ndarray

_MOST_PIXELS = 1.2e6  # on which points are sought
_RATIO = 0.8  # of Lowe's test
_FEWEST = 12  # points that must agree
_TOLERANCE = 3.0  # pixels
GAIN = 6
_DIFFERS = 24  # levels that a place must differ for after smoothing, to be counted
_BLUR = 1.5  # deviation in pixels: noise and saves go, changes stay


class Compared(NamedTuple):
    """How a picture and its claimed original compare.

    Attributes:
        words: what was found.
        original: laid on the picture, (h, w, 3) uint8; black where it shows nothing. None: not aligned.
        difference: (h, w) uint8, times `GAIN`.
        share: of what both show, that differs, in [0, 1].
    """

    words: str
    original: Array | None = None
    difference: Array | None = None
    share: float = float("nan")


def compare(pixels: Array, original: Array) -> Compared:
    """Lay the original on the picture and measure where they differ; both (h, w, 3) uint8 RGB."""
    found = _plane_map(original, pixels)
    if found is None:
        return Compared(
            "The two pictures cannot be laid on one another: too few points look alike. They show different "
            "things, or one has too little detail."
        )
    onto, n_points = found
    height, width = pixels.shape[:2]
    flags = cv2.INTER_AREA if _shrinks(onto) else cv2.INTER_CUBIC
    laid = cv2.warpPerspective(original, onto, (width, height), flags=flags)
    seen = cv2.warpPerspective(np.full(original.shape[:2], 255, np.uint8), onto, (width, height)) == 255
    seen = cv2.erode(seen.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    if not seen.any():
        return Compared("The two pictures show no part in common.")
    laid = _in_its_colours(laid, pixels, seen)
    apart = cv2.absdiff(*(cv2.GaussianBlur(each, (0, 0), _BLUR) for each in (pixels, laid))).max(axis=2)
    apart[~seen] = 0
    differs = apart > _DIFFERS
    share = float(differs.sum() / seen.sum())
    missing = 1 - float(seen.mean())
    cut = f" {missing:.0%} of the picture is not in it." if missing > 0.02 else ""
    words = (
        f"Laid on the picture by {n_points:,} points that look alike.{cut} {share:.2%} of what both show "
        f"differs by more than {_DIFFERS} levels once brightness and colours are fitted{_where(differs)}."
    )
    return Compared(words, laid, cv2.convertScaleAbs(apart, alpha=GAIN), share)


def _plane_map(original: Array, pixels: Array) -> tuple[Array, int] | None:
    """Return the map from places in the original to places in the picture, and how many points follow it."""
    found, scales = [], []
    for each in (original, pixels):
        grey = cv2.cvtColor(each, cv2.COLOR_RGB2GRAY)
        scale = min(1.0, float(np.sqrt(_MOST_PIXELS / grey.size)))
        if scale < 1:
            grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        found.append(find_keypoints(grey))
        scales.append(np.diag([grey.shape[1] / each.shape[1], grey.shape[0] / each.shape[0], 1.0]))
    if min(len(each.place) for each in found) < _FEWEST:
        return None
    pairs = cv2.BFMatcher().knnMatch(found[0].described, found[1].described, k=2)
    good = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < _RATIO * pair[1].distance]
    if len(good) < _FEWEST:
        return None
    source, target = (
        np.stack([place.real, place.imag], axis=1).astype(np.float32)
        for place in (
            found[0].place[[match.queryIdx for match in good]],
            found[1].place[[match.trainIdx for match in good]],
        )
    )
    cv2.setRNGSeed(1)
    onto, follows = cv2.findHomography(source, target, cv2.USAC_MAGSAC, _TOLERANCE, maxIters=5000)
    n_points = 0 if follows is None else int(follows.sum())
    if onto is None or n_points < _FEWEST or not _is_sound(onto):
        return None
    whole: Array = np.linalg.inv(scales[1]) @ onto @ scales[0]
    return whole / whole[2, 2], n_points


def _is_sound(onto: Array) -> bool:
    """Whether a map neither folds nor collapses: what chance makes of unlike pictures does."""
    axes = np.linalg.svd(onto[:2, :2], compute_uv=False)
    return bool(axes[1] > 0.05 and axes[0] < 20 and axes[0] < 3 * axes[1])


def _shrinks(onto: Array) -> bool:
    return bool(abs(np.linalg.det(onto[:2, :2])) < 0.8)


def _in_its_colours(laid: Array, pixels: Array, seen: Array) -> Array:
    """Return the original with the spread and the middle of each channel of the picture, by the median."""
    fitted = np.zeros_like(laid)
    for channel in range(3):
        one, other = (
            laid[..., channel][seen].astype(np.float32),
            pixels[..., channel][seen].astype(np.float32),
        )
        low, middle, high = np.quantile(one, [0.1, 0.5, 0.9])
        other_low, other_middle, other_high = np.quantile(other, [0.1, 0.5, 0.9])
        gain = np.clip((other_high - other_low) / max(high - low, 1.0), 0.5, 2.0)
        values = (laid[..., channel].astype(np.float32) - middle) * gain + other_middle
        fitted[..., channel] = np.where(seen, np.clip(values, 0, 255), 0).astype(np.uint8)
    return fitted


def _where(differs: Array) -> str:
    """Say where the largest part that differs lies."""
    n, _, boxes, _ = cv2.connectedComponentsWithStats(cv2.dilate(differs.astype(np.uint8), np.ones((9, 9))))
    if n < 2:
        return ""
    left, top, width, height, _ = boxes[1 + int(boxes[1:, cv2.CC_STAT_AREA].argmax())]
    return f", most of it {width} × {height} pixels at ({left}, {top}), column and row"
