"""The classic input: the whole picture at one size."""

import cv2
import numpy as np


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
