"""Tables to `tf.data`: endless shuffled batches for training, ordered ones for validation."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import tensorflow as tf

from pipeline.config import Augment, Preprocess
from pipeline.inputs.augment import apply_transform, draw_transforms, is_identity
from pipeline.inputs.cache import PictureCache
from pipeline.inputs.decoded import DecodedPictures
from pipeline.inputs.sampling import Plan, Sampler
from pipeline.processes import available_cores

_ALIGNMENT = 64  # bytes; TensorFlow takes over arrays that are aligned so, and copies others
_AHEAD = 2  # batches made before they are asked for

MakeBatch = Callable[[int], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Feed:
    """Batches for training or scoring.

    Attributes:
        dataset: of (images, {"logit": targets}): float32 (batch, height, width, 3), float32 (batch,).
        steps: batches in an epoch.
        images_per_epoch: pictures in them.
        pictures: where they come from; says why one could not be read.
        targets: (n,) float32 of the table, 1 fake and 0 genuine, in the table's order.
    """

    dataset: tf.data.Dataset
    steps: int
    images_per_epoch: int
    pictures: DecodedPictures
    targets: np.ndarray


def training_dataset(
    table: pd.DataFrame,
    preprocess: Preprocess,
    augment: Augment,
    *,
    batch_size: int,
    fake_fraction: float | None,
    seed: int,
    cache: PictureCache,
    first_epoch: int = 0,
) -> Feed:
    """Make augmented batches without end, epoch after epoch, the same ones for the same seed.

    Args:
        table: columns `path` and `target`.
        preprocess: size and factor on the 8-bit values.
        augment: random changes.
        batch_size: pictures in a batch.
        fake_fraction: share of fakes in a batch; None: as in the table.
        seed: of the run.
        cache: where decoded pictures are kept.
        first_epoch: epoch to begin with, counted from 0.

    Raises:
        UserError: a class that is to be drawn is empty.
    """
    targets = table["target"].to_numpy(np.float32)
    sampler = Sampler(targets, batch_size, fake_fraction, seed)
    pictures = _pictures(table, preprocess, cache)
    plan_of = functools.lru_cache(maxsize=2)(sampler.plan)  # batches ahead may be of the next epoch
    rescale = np.float32(preprocess.rescale)
    augmented = not is_identity(augment)

    def make_batch(number: int) -> tuple[np.ndarray, np.ndarray]:
        epoch, step = divmod(int(number), sampler.steps)
        plan: Plan = plan_of(epoch)
        rows = plan.rows[step]
        matrices = None
        if augmented:
            shape = pictures.shape[:2]
            matrices = draw_transforms(augment, shape, seed, epoch, rows, plan.occurrences[step])
        return _images(pictures, rows, rescale, matrices), targets[rows]

    first, last = first_epoch * sampler.steps, np.iinfo(np.int64).max
    dataset = _dataset(tf.data.Dataset.range(first, last), make_batch, pictures.shape)
    return Feed(dataset, sampler.steps, sampler.images_per_epoch, pictures, targets)


def ordered_dataset(
    table: pd.DataFrame, preprocess: Preprocess, *, batch_size: int, cache: PictureCache
) -> Feed:
    """Make batches of the table in its order, once, only rescaled. Arguments as `training_dataset`."""
    targets = table["target"].to_numpy(np.float32)
    pictures = _pictures(table, preprocess, cache)
    rescale = np.float32(preprocess.rescale)

    def make_batch(number: int) -> tuple[np.ndarray, np.ndarray]:
        rows = np.arange(number * batch_size, min((number + 1) * batch_size, len(targets)))
        return _images(pictures, rows, rescale, None), targets[rows]

    steps = -(-len(targets) // batch_size)
    dataset = _dataset(tf.data.Dataset.range(steps), make_batch, pictures.shape)
    return Feed(dataset, steps, len(targets), pictures, targets)


def _pictures(table: pd.DataFrame, preprocess: Preprocess, cache: PictureCache) -> DecodedPictures:
    return DecodedPictures([Path(path) for path in table["path"]], preprocess, cache)


def _images(
    pictures: DecodedPictures, rows: np.ndarray, rescale: np.float32, matrices: np.ndarray | None
) -> np.ndarray:
    """Rescaled and, with `matrices`, transformed pictures, float32 (n, height, width, 3)."""
    images = _aligned_empty((len(rows), *pictures.shape))
    scratch = np.empty(pictures.shape, np.float32)
    for place, row in enumerate(rows):
        if matrices is None:
            np.multiply(pictures[row], rescale, out=images[place])
        else:
            np.multiply(pictures[row], rescale, out=scratch)
            apply_transform(scratch, matrices[place], images[place])
    return images


def _aligned_empty(shape: tuple[int, ...]) -> np.ndarray:
    size = int(np.prod(shape)) * 4
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + size].view(np.float32).reshape(shape)


def _dataset(numbers: tf.data.Dataset, make_batch: MakeBatch, shape: tuple[int, ...]) -> tf.data.Dataset:
    """Make the batches of `numbers` in order, several at a time."""
    cv2.setNumThreads(1)  # the batches are made in parallel; threads within one would only add overhead

    def mapped(number: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        # Declared stateless, which it is: a batch depends on its number alone. Otherwise TensorFlow
        # would make the batches one after another as soon as operations must be deterministic.
        images, targets = tf.numpy_function(make_batch, [number], (tf.float32, tf.float32), stateful=False)
        images.set_shape((None, *shape))
        targets.set_shape((None,))
        return images, {"logit": targets}

    return numbers.map(mapped, num_parallel_calls=available_cores(), deterministic=True).prefetch(_AHEAD)
