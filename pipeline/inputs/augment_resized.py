"""Random rotation, shifts and flips of training images, with borders repeated outwards.

The same changes as Keras's `ImageDataGenerator` makes, in one interpolation.
"""

import cv2
import numpy as np

from pipeline.config import ResizedAugment
from pipeline.inputs.cache import DecodedPictures

_ALIGNMENT = 64  # bytes; TensorFlow takes over arrays that are aligned so, and copies others
_DRAWS = 4  # angle, shift along the width, shift along the height, flip
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class ResizedPictures:
    """Makes batches of resized pictures. Threads may share it.

    Args:
        pictures: with `inputs.method` resized.
        augment: rotation, shifts and flip are used.
        seed: of the run.
    """

    def __init__(self, pictures: DecodedPictures, augment: ResizedAugment, seed: int) -> None:
        self.pictures = pictures
        self.augment = augment
        self.seed = seed

    def batch(self, epoch: int, rows: np.ndarray, occurrences: np.ndarray) -> np.ndarray:
        """Return rescaled and transformed pictures, float32 (n, height, width, 3).

        Args:
            epoch: from 0.
            rows: (n,) row numbers.
            occurrences: (n,) how often each came before in this epoch.
        """
        inputs = self.pictures.inputs
        shape, rescale = (inputs.height, inputs.width), np.float32(inputs.rescale)
        images = _aligned_empty((len(rows), *shape, 3))
        if is_identity(self.augment):
            for index, row in enumerate(rows):
                np.multiply(self.pictures[row].pixels, rescale, out=images[index])
            return images
        matrices = draw_transforms(self.augment, shape, self.seed, epoch, rows, occurrences)
        scratch = np.empty((*shape, 3), np.float32)
        for index, row in enumerate(rows):
            np.multiply(self.pictures[row].pixels, rescale, out=scratch)
            apply_transform(scratch, matrices[index], images[index])
        return images


def _aligned_empty(shape: tuple[int, ...]) -> np.ndarray:
    size = int(np.prod(shape)) * 4
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + size].view(np.float32).reshape(shape)


def is_identity(augment: ResizedAugment) -> bool:
    """Return whether everything is off."""
    return not (augment.rotation or augment.width_shift or augment.height_shift or augment.horizontal_flip)


def draw_transforms(
    augment: ResizedAugment,
    shape: tuple[int, int],
    seed: int,
    epoch: int,
    pictures: np.ndarray,
    occurrences: np.ndarray,
) -> np.ndarray:
    """Draw the transform of each picture of a batch, see `transforms`.

    Angles and shifts are uniform between the limit to either side; `shape` is that of the images; the other
    arguments are those of `uniforms`.

    Returns:
        (n, 2, 3) float64.
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


def uniforms(seed: int, epoch: int, pictures: np.ndarray, occurrences: np.ndarray, count: int) -> np.ndarray:
    """Draw `count` numbers for each picture, the same ones for the same arguments.

    A function of what the numbers are for: no generator, no state, no order. SplitMix64 (Steele, Lea, Flood:
    Fast splittable pseudorandom number generators, OOPSLA 2014), with its state hashed from the key; a
    numpy generator for each picture would take ten times as long.

    Args:
        seed: of the run.
        epoch: from 0.
        pictures: (n,) row numbers.
        occurrences: (n,) how often each picture was drawn before in this epoch.
        count: numbers wanted for each.

    Returns:
        (n, count) float64 in [0, 1).
    """
    state = np.zeros(len(pictures), np.uint64)
    for key in (seed, epoch, pictures, occurrences):
        state = _mixed(state + _GOLDEN + np.asarray(key).astype(np.uint64))
    steps = _GOLDEN * np.arange(1, count + 1, dtype=np.uint64)
    return (_mixed(state[:, None] + steps) >> np.uint64(11)) * 2.0**-53


def _mixed(bits: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64: each bit of the answer depends on each bit given."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
