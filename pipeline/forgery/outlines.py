"""Outlines of what is tampered with: things that a scene knows of, or free hand."""

from collections.abc import Sequence

import cv2
import numpy as np

from pipeline.forgery.fields import Array, coordinates, fractal

_BRUSH = np.ones((7, 7), np.uint8)  # of a lasso: a sliver would vanish under a soft edge


def free_outline(rng: np.random.Generator, shape: tuple[int, int], share: float) -> Array:
    """Draw round some part of a picture as with a lasso: one piece, no holes.

    Args:
        rng: where it is drawn from.
        shape: height and width of the picture.
        share: about which share of the picture it takes, 0 to 0.5.

    Returns:
        (H, W) bool, at least one pixel True.
    """
    rows, columns = coordinates(shape)
    ratio = np.exp(rng.uniform(-0.6, 0.6))
    radius = np.sqrt(share * shape[0] * shape[1] / np.pi)
    tall, wide = radius / np.sqrt(ratio), radius * np.sqrt(ratio)
    middle = [
        rng.uniform(min(half, side / 2), max(side - half, side / 2))
        for half, side in zip((tall, wide), shape, strict=True)
    ]
    ripple = fractal(rng, shape, 4.5, largest=2 * radius)
    distance = np.hypot((rows - middle[0]) / tall, (columns - middle[1]) / wide)
    return _one_piece(distance < 1.0 + rng.uniform(0.05, 0.2) * ripple, middle)


def lasso_outline(rng: np.random.Generator, shape: tuple[int, int], share: float) -> Array:
    """Draw round some part of a picture in a few straight strokes, or a box: fifty times as fast.

    Arguments and answer as of `free_outline`.
    """
    corners = int(rng.integers(5, 13))
    if rng.random() < 0.25:  # selections are often boxes
        points = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]]) * np.sqrt(np.pi) / 2
    else:
        angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
        points = np.stack([np.sin(angle), np.cos(angle)], axis=1) * rng.uniform(0.6, 1.3, (corners, 1))
    ratio = np.exp(rng.uniform(-0.6, 0.6))
    radius = np.sqrt(share * shape[0] * shape[1] / np.pi) * np.array([ratio**0.5, ratio**-0.5])
    middle = [
        rng.uniform(min(half, side / 2), max(side - half, side / 2))
        for half, side in zip(radius, shape, strict=True)
    ]
    outline = np.zeros(shape, np.uint8)
    strokes = np.round(points * radius + middle)[:, ::-1].astype(np.int32)
    cv2.fillPoly(outline, [strokes], 1)
    outline[min(int(middle[0]), shape[0] - 1), min(int(middle[1]), shape[1] - 1)] = 1
    return cv2.dilate(outline, _BRUSH) > 0


def chosen_outline(
    rng: np.random.Generator, shape: tuple[int, int], objects: Sequence[Array], shares: tuple[float, float]
) -> Array:
    """Take one of the things in a scene if one has a fitting size, else draw free hand.

    Args:
        rng: where it is drawn from.
        shape: height and width of the picture.
        objects: (H, W) bool masks; may be empty.
        shares: least and greatest share of the picture.
    """
    fitting = [thing for thing in objects if shares[0] <= thing.mean() <= shares[1]]
    if fitting and rng.random() < 0.8:
        return fitting[int(rng.integers(len(fitting)))]
    return free_outline(rng, shape, float(rng.uniform(*shares)))


def _one_piece(mask: Array, middle: Sequence[float]) -> Array:
    """Keep the largest piece and fill its holes; one pixel at `middle` where there is none."""
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(mask.shape, np.uint8)
    if found:
        cv2.drawContours(filled, [max(found, key=cv2.contourArea)], -1, 1, cv2.FILLED)
    else:
        filled[int(middle[0]), int(middle[1])] = 1
    return filled > 0
