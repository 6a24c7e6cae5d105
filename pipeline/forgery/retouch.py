"""Retouching in place: a part of a picture is blurred, or resampled where it stands."""

import cv2
import numpy as np

from pipeline.forgery.fields import Array
from pipeline.forgery.patches import Forgery, Patch, paste


def local_blur(rng: np.random.Generator, picture: Array, outline: Array) -> Forgery:
    """Soften what lies in `outline` (H, W) bool, with a soft edge."""
    return _in_place(picture, cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.6, 2.5))), outline)


def local_resampling(rng: np.random.Generator, picture: Array, outline: Array) -> Forgery:
    """Turn or scale what lies in `outline` (H, W) bool a little about its middle: what warping tools do."""
    rows, columns = np.nonzero(outline)
    middle = (float(columns.mean()), float(rows.mean()))
    move = cv2.getRotationMatrix2D(middle, float(rng.uniform(-12, 12)), float(rng.uniform(0.8, 1.3)))
    moved = cv2.warpAffine(
        picture, move, picture.shape[1::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    return _in_place(picture, moved, outline)


def _in_place(picture: Array, changed: Array, outline: Array) -> Forgery:
    alpha = cv2.GaussianBlur(outline.astype(np.float32), (0, 0), 1.0) * outline
    return paste(picture, Patch(changed.astype(np.float32), alpha), 0, 0)
