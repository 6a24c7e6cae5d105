"""Batches of whole resized pictures, turned, shifted and flipped."""

import numpy as np

from pipeline.config import Augment
from pipeline.inputs.augment import apply_transform, draw_transforms, is_identity
from pipeline.inputs.decoded import DecodedPictures

_ALIGNMENT = 64  # bytes; TensorFlow takes over arrays that are aligned so, and copies others


class ResizedPictures:
    """Makes batches of resized pictures. Threads may share it.

    Args:
        pictures: with `preprocess.method` resize.
        augment: rotation, shifts and flip are used.
        seed: of the run.
    """

    def __init__(self, pictures: DecodedPictures, augment: Augment, seed: int) -> None:
        self.pictures = pictures
        self.augment = augment
        self.seed = seed

    def batch(self, epoch: int, rows: np.ndarray, occurrences: np.ndarray) -> np.ndarray:
        """Give rescaled and transformed pictures, float32 (n, height, width, 3).

        Args:
            epoch: from 0.
            rows: (n,) row numbers.
            occurrences: (n,) how often each came before in this epoch.
        """
        preprocess = self.pictures.preprocess
        shape, rescale = (preprocess.height, preprocess.width), np.float32(preprocess.rescale)
        images = _aligned_empty((len(rows), *shape, 3))
        if is_identity(self.augment):
            for place, row in enumerate(rows):
                np.multiply(self.pictures[row].pixels, rescale, out=images[place])
            return images
        matrices = draw_transforms(self.augment, shape, self.seed, epoch, rows, occurrences)
        scratch = np.empty((*shape, 3), np.float32)
        for place, row in enumerate(rows):
            np.multiply(self.pictures[row].pixels, rescale, out=scratch)
            apply_transform(scratch, matrices[place], images[place])
        return images


def _aligned_empty(shape: tuple[int, ...]) -> np.ndarray:
    size = int(np.prod(shape)) * 4
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + size].view(np.float32).reshape(shape)
