"""Colour filter arrays: one colour a pixel, and three ways to guess the other two."""

from collections.abc import Callable

import cv2
import numpy as np

from pipeline.forgery.fields import Array

# Which of red (0), green (1) and blue (2) lies over each pixel of a 2 x 2 cell.
PATTERNS: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {
    "rggb": ((0, 1), (1, 2)),
    "bggr": ((2, 1), (1, 0)),
    "grbg": ((1, 0), (2, 1)),
    "gbrg": ((1, 2), (0, 1)),
}

_CROSS = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]], np.float32) / 4
_SQUARE = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / 4

# The filters of Malvar, He and Cutler, in eighths: green at red or blue; red at green in a red row;
# red at green in a blue row; red at blue.
_GREEN = np.array([[0, 0, -1, 0, 0], [0, 0, 2, 0, 0], [-1, 2, 4, 2, -1], [0, 0, 2, 0, 0], [0, 0, -1, 0, 0]])
_ALONG = np.array(
    [[0, 0, 0.5, 0, 0], [0, -1, 0, -1, 0], [-1, 4, 5, 4, -1], [0, -1, 0, -1, 0], [0, 0, 0.5, 0, 0]]
)
_ASIDE = np.array(
    [[0, 0, -1.5, 0, 0], [0, 2, 0, 2, 0], [-1.5, 0, 6, 0, -1.5], [0, 2, 0, 2, 0], [0, 0, -1.5, 0, 0]]
)


def colours_under(pattern: str, shape: tuple[int, int]) -> Array:
    """Which of red, green and blue each pixel sees: (H, W) of 0, 1, 2."""
    cell = np.array(PATTERNS[pattern], np.int8)
    return np.tile(cell, (shape[0] // 2 + 1, shape[1] // 2 + 1))[: shape[0], : shape[1]]


def mosaic(rgb: Array, pattern: str) -> Array:
    """Keep the colour that the filter over each pixel lets through: (H, W, 3) → (H, W)."""
    filters = colours_under(pattern, rgb.shape[:2])
    return np.take_along_axis(rgb, filters[..., None].astype(np.int64), axis=2)[..., 0]


def bilinear(raw: Array, pattern: str) -> Array:
    """Average the neighbours that saw the colour: (H, W) → (H, W, 3)."""
    filters = colours_under(pattern, raw.shape)
    planes = [
        _filtered(np.where(filters == colour, raw, 0), _CROSS if colour == 1 else _SQUARE)
        for colour in range(3)
    ]
    return np.stack(planes, axis=2)


def gradient_corrected(raw: Array, pattern: str) -> Array:
    """Bilinear, corrected by the gradient of the colour that was seen: (H, W) → (H, W, 3).

    Source: H. S. Malvar, L. He and R. Cutler, High-quality linear interpolation for demosaicing of
    Bayer-patterned color images, ICASSP 2004.
    """
    filters = colours_under(pattern, raw.shape)
    along, aside, diagonal = (_filtered(raw, kernel / 8) for kernel in (_ALONG, _ALONG.T, _ASIDE))
    green = np.where(filters == 1, raw, _filtered(raw, _GREEN / 8))
    planes = [green, green, green]
    for colour in (0, 2):
        in_row = (filters == colour).any(axis=1)[:, None]
        at_green = np.where(in_row, along, aside)
        planes[colour] = np.where(filters == colour, raw, np.where(filters == 1, at_green, diagonal))
    return np.stack(planes, axis=2)


def colour_differences(raw: Array, pattern: str) -> Array:
    """Green along the weaker of both gradients, then smooth differences to green: (H, W) → (H, W, 3).

    Source: J. F. Hamilton and J. E. Adams, US patent 5,629,734 (expired 2015).
    """
    filters = colours_under(pattern, raw.shape)
    across, down = (_filtered(raw, kernel) for kernel in (_LINE, _LINE.T))
    steep_across, steep_down = (
        np.abs(_filtered(raw, bend)) + np.abs(_filtered(raw, slope))
        for bend, slope in ((_BEND, _SLOPE), (_BEND.T, _SLOPE.T))
    )
    guess = np.where(steep_across < steep_down, across, down)
    green = np.where(filters == 1, raw, np.where(steep_across == steep_down, (across + down) / 2, guess))
    planes = [green, green, green]
    for colour in (0, 2):
        difference = np.where(filters == colour, raw - green, 0).astype(np.float32)
        planes[colour] = green + _filtered(difference, _SQUARE)
    return np.stack(planes, axis=2)


_LINE = np.array([[-1, 2, 2, 2, -1]], np.float32) / 4
_BEND = np.array([[-1, 0, 2, 0, -1]], np.float32)
_SLOPE = np.array([[0, -1, 0, 1, 0]], np.float32)

DEMOSAICERS: dict[str, Callable[[Array, str], Array]] = {
    "bilinear": bilinear,
    "gradient_corrected": gradient_corrected,
    "colour_differences": colour_differences,
}


def _filtered(plane: Array, kernel: Array) -> Array:
    """Correlate with `kernel`; mirroring without repeating the border keeps the filter array's phase."""
    kernel = kernel.astype(np.float32)
    return cv2.filter2D(plane.astype(np.float32), cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT_101)
