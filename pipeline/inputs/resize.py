"""From a file to the pixels that a network is given: the same for training, evaluation and prediction."""

from pathlib import Path

import cv2
import numpy as np

from pipeline.config import Preprocess
from pipeline.images.read import read_rgb


def load(source: Path | bytes, preprocess: Preprocess, known_whole: bool = False) -> np.ndarray:
    """Read a picture and resize it whole, without keeping its proportions.

    A large JPEG is decoded at a reduced size that still covers the wanted one: several times faster,
    and a box filter as `resize` is.

    Args:
        source: a file, or the content of one.
        preprocess: height and width.
        known_whole: see `pipeline.images.read.read_rgb`.

    Returns:
        (height, width, 3) uint8 RGB.

    Raises:
        Unreadable: it is no whole picture.
    """
    height, width = preprocess.height, preprocess.width
    return resize(read_rgb(source, at_least=(height, width), known_whole=known_whole), height, width)


def resize(rgb: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize to (height, width): an axis that shrinks is averaged, one that grows interpolated.

    Averaging over the area each new pixel covers keeps fine texture from turning into moiré, which
    nearest and plain bilinear sampling produce.

    Args:
        rgb: (any, any, 3) uint8.
        height: wanted, in pixels.
        width: wanted, in pixels.

    Returns:
        (height, width, 3) uint8.
    """
    shrunk = (min(height, rgb.shape[0]), min(width, rgb.shape[1]))
    if shrunk != rgb.shape[:2]:
        rgb = cv2.resize(rgb, shrunk[::-1], interpolation=cv2.INTER_AREA)
    if shrunk != (height, width):
        rgb = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_LINEAR)
    return rgb
