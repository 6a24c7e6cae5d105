"""Random rotation, shifts and flips of training images, with borders repeated outwards.

The same changes as Keras's `ImageDataGenerator` makes, in one interpolation.
"""

import cv2
import numpy as np

from pipeline.config import Augment
from pipeline.inputs.draws import uniforms

_DRAWS = 4  # angle, shift along the width, shift along the height, flip


def is_identity(augment: Augment) -> bool:
    """Whether everything is off."""
    return not (augment.rotation or augment.width_shift or augment.height_shift or augment.horizontal_flip)


def draw_transforms(
    augment: Augment,
    shape: tuple[int, int],
    seed: int,
    epoch: int,
    pictures: np.ndarray,
    occurrences: np.ndarray,
) -> np.ndarray:
    """Draw the transform of each picture of a batch.

    Args:
        augment: limits; angles and shifts are uniform between the limit to either side.
        shape: (height, width) of the images.
        seed: of the run.
        epoch: from 0.
        pictures: (n,) row numbers.
        occurrences: (n,) how often each picture was drawn before in this epoch.

    Returns:
        (n, 2, 3) float64, see `transforms`.
    """
    drawn = uniforms(seed, epoch, pictures, occurrences, _DRAWS)
    angle, along_width, along_height = (2 * drawn[:, :3] - 1).T
    height, width = shape
    return transforms(
        np.deg2rad(angle * augment.rotation),
        along_width * augment.width_shift * width,
        along_height * augment.height_shift * height,
        (drawn[:, 3] < 0.5) & augment.horizontal_flip,
        shape,
    )


def transforms(
    angle: np.ndarray, right: np.ndarray, down: np.ndarray, flip: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Compose shift, rotation about the centre and horizontal flip.

    Args:
        angle: (n,) radians, positive turns the content counter-clockwise.
        right: (n,) pixels by which the window moves right before it is turned (the content moves left).
        down: (n,) pixels by which it moves down.
        flip: (n,) whether left and right are swapped at the end.
        shape: (height, width) of the images.

    Returns:
        (n, 2, 3) float64: from (x, y, 1) in the result to (x, y) in the original.
    """
    cos, sin = np.cos(angle), np.sin(angle)
    mirror = np.where(flip, -1.0, 1.0)
    centre_x, centre_y = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    matrices = np.empty((len(angle), 2, 3))
    matrices[:, 0, 0], matrices[:, 0, 1] = cos * mirror, -sin
    matrices[:, 1, 0], matrices[:, 1, 1] = sin * mirror, cos
    # The centre of the result, moved by the shift and turned, is where its centre comes from.
    matrices[:, 0, 2] = centre_x + cos * right - sin * down - matrices[:, 0, 0] * centre_x + sin * centre_y
    matrices[:, 1, 2] = centre_y + sin * right + cos * down - matrices[:, 1, 0] * centre_x - cos * centre_y
    return matrices


def apply_transform(image: np.ndarray, matrix: np.ndarray, out: np.ndarray) -> None:
    """Write the transformed `image` into `out`, bilinear, borders repeated.

    Args:
        image: (height, width, 3) float32.
        matrix: (2, 3), see `transforms`.
        out: (height, width, 3) float32.
    """
    cv2.warpAffine(
        image,
        matrix,
        (image.shape[1], image.shape[0]),
        dst=out,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
