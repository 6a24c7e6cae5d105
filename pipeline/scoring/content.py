"""Pictures of which only the content is left: what a detector still knows it knows from what is shown.

The finest traces of a save lie in single coefficients of its 8 × 8 blocks, also in the lowest ones, so every
probe mixes neighbouring blocks. With the lowest terms taken on the grid of the save, a detector trained on
CASIA (ROC AUC 0.97) still reached 0.67; taken between its blocks, 0.59.
"""

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from pipeline.inputs.load import BLOCK, NO_TABLE, Loaded

_LONGEST = 48  # pixels of a thumbnail
_SIGMA = 4.0  # pixels, of the blur
_KEPT = 3  # lowest terms along each axis of a block
_APART = BLOCK // 2  # pixels between the blocks of the probe and those of a save: as far as can be


def without_traces(
    change: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray, _: np.random.Generator
) -> Loaded:
    """Leave the content alone, at the size of the picture and saved without loss."""
    return Loaded(np.ascontiguousarray(change(pixels)), NO_TABLE)


def as_thumbnail(pixels: np.ndarray) -> np.ndarray:
    """Shrink to a longest side of 48 pixels and enlarge again."""
    height, width = pixels.shape[:2]
    shrink = min(1.0, _LONGEST / max(height, width))
    small = (max(round(width * shrink), 1), max(round(height * shrink), 1))
    picture = Image.fromarray(pixels).resize(small, Image.Resampling.BICUBIC)  # averages beyond one block
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))


def blurred(pixels: np.ndarray) -> np.ndarray:
    """Blur by a Gaussian of four pixels."""
    return cv2.GaussianBlur(pixels, (0, 0), _SIGMA)


def lowest_frequencies(pixels: np.ndarray) -> np.ndarray:
    """Keep the lowest 3 × 3 DCT terms of each 8 × 8 block, the blocks lying between those of the picture."""
    height, width = pixels.shape[:2]
    around = ((_APART, _APART), (_APART, _APART), (0, 0))
    padded = np.pad(pixels, around, mode="edge").astype(np.float32)
    low = cv2.transpose(_low_along_columns(cv2.transpose(_low_along_columns(padded))))
    low = np.clip(np.rint(low), 0, 255).astype(np.uint8)
    return low[_APART : _APART + height, _APART : _APART + width]


def _low_along_columns(pixels: np.ndarray) -> np.ndarray:
    """Keep the lowest terms of each eight rows: (h, w, 3) float32 to the same."""
    height, width, colours = pixels.shape
    low = _PROJECTION @ pixels.reshape(height // BLOCK, BLOCK, width * colours)
    return low.reshape(pixels.shape)


def _projection() -> np.ndarray:
    """Give the (8, 8) matrix that keeps the lowest terms of an orthonormal DCT-II along one axis."""
    places = np.arange(BLOCK) + 0.5
    basis = np.cos(np.pi / BLOCK * np.arange(_KEPT)[:, None] * places)
    basis /= np.linalg.norm(basis, axis=1, keepdims=True)
    return (basis.T @ basis).astype(np.float32)


_PROJECTION = _projection()
