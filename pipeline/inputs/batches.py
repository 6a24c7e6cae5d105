"""Tables to `tf.data`: endless shuffled batches for training, ordered ones for validation."""

import functools
import threading
import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pandas as pd
import tensorflow as tf

from pipeline.config import Inputs, Train
from pipeline.images.jpeg import BLOCK
from pipeline.inputs.augment_resized import ResizedPictures
from pipeline.inputs.cache import DecodedPictures, PictureCache
from pipeline.inputs.crops import Crop, Crops, files_of
from pipeline.inputs.sampling import BatchPlan, Sampler
from pipeline.parallel import available_cores

_AHEAD = 2  # batches made before they are asked for
_PIXELS_AT_ONCE = 2**21  # of a batch of whole pictures: twenty of 384 × 256
_LONGEST_SIDE = 1024  # of a picture in validation: of a larger one the middle is shown
_QUIET_SECONDS = 0.2  # without a call after the last one: TensorFlow has heard that there is no more

Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Batches:
    """Batches for training or validation.

    Attributes:
        dataset: of (inputs, targets, weights), as a network with a map takes and answers them: `image`
            float32 (batch, height, width, 3) and `quantisation` float32 (batch, 8, 8); `logit` float32
            (batch,), 1 fake and 0 genuine, and `map` float32 (batch, height / 8, width / 8), 1 tampered,
            0 untouched, -1 unknown; and the weight of each target. Resized pictures have no `quantisation`
            and no `map`.
        steps: batches in an epoch.
        images_per_epoch: pictures in them.
        pictures: where they come from; say why one could not be read.
        maker: of the batches; to be closed before an iterator that was not used up is let go.
        targets: (n,) float32 of the table, 1 fake and 0 genuine; of ordered batches in their order.
    """

    dataset: tf.data.Dataset
    steps: int
    images_per_epoch: int
    pictures: Sequence[DecodedPictures]
    targets: np.ndarray
    maker: "BatchMaker"


def training_batches(
    table: pd.DataFrame,
    inputs: Inputs,
    train: Train,
    *,
    seed: int,
    cache: PictureCache,
    first_epoch: int = 0,
    policy: str = "raw",
    background: AbstractSet[str] = frozenset(),
) -> Batches:
    """Make augmented batches without end, epoch after epoch, the same ones for the same seed.

    Args:
        table: of a manifest; crops at native resolution also need the column `source_file`.
        inputs: form and size of the pictures, and how they are changed at random.
        train: how many pictures are in a batch, and which share of them is fake.
        seed: of the training.
        cache: where decoded pictures are kept.
        first_epoch: epoch to begin with, counted from 0.
        policy: of the conversion.
        background: collections of genuine pictures alone, which are shown as twins only.

    Raises:
        UserError: a class that is to be drawn is empty.
    """
    targets = table["target"].to_numpy(np.float32)
    sampler = Sampler(
        targets,
        train.batch_size,
        train.fake_fraction,
        seed,
        views=inputs.views,
        groups=table["group"].to_numpy() if "group" in table else None,
        twins=inputs.augment.tamper if inputs.method == "native" else 0.0,
        background=table["collection"].isin(list(background)).to_numpy() if background else None,
    )
    plan_of = functools.lru_cache(maxsize=2)(sampler.plan)  # batches ahead may be of the next epoch
    if inputs.method == "native":
        crops = Crops(table, inputs, seed, cache, policy, background)
        make, pictures = functools.partial(_crops, crops), [crops.pictures, crops.sources]
    else:
        resized = ResizedPictures(DecodedPictures(files_of(table), inputs, cache), inputs.augment, seed)
        make, pictures = functools.partial(_resized, resized, targets), [resized.pictures]

    def make_batch(number: int) -> Arrays:
        epoch, step = divmod(int(number), sampler.steps)
        return make(epoch, plan_of(epoch)[step])

    numbers = tf.data.Dataset.range(first_epoch * sampler.steps, np.iinfo(np.int64).max)
    maker = BatchMaker(make_batch)
    dataset = _dataset(numbers, maker, inputs)
    return Batches(dataset, sampler.steps, sampler.images_per_epoch, pictures, targets, maker)


def ordered_batches(table: pd.DataFrame, inputs: Inputs, batch_size: int, cache: PictureCache) -> Batches:
    """Make batches of the whole table, once, without any change but the factor.

    Resized pictures come in the order of the table; whole ones in that of their sizes, each batch of one
    size, and of one beyond 1024 pixels the middle. Arguments as of `training_batches`.
    """
    pictures = DecodedPictures(files_of(table), inputs, cache)
    targets = table["target"].to_numpy(np.float32)
    if inputs.method == "native":
        batches = _rows_by_shape([pictures.shape(row) for row in range(len(table))])
    else:
        batches = np.split(np.arange(len(table)), np.arange(batch_size, len(table), batch_size))
    order = np.concatenate([np.empty(0, np.intp), *batches])

    def make_batch(number: int) -> Arrays:
        rows = batches[int(number)]
        loaded = [pictures[row] for row in rows]
        images = np.stack([_middle(picture.pixels) for picture in loaded])
        weights = np.ones(len(rows), np.float32)
        if inputs.method == "resized":
            return images * np.float32(inputs.rescale), targets[rows], weights
        tables = np.stack([picture.quantisation for picture in loaded])
        unknown = np.full((len(rows), images.shape[1] // BLOCK, images.shape[2] // BLOCK), -1, np.float32)
        return images, tables, targets[rows], unknown, weights

    maker = BatchMaker(make_batch)
    dataset = _dataset(tf.data.Dataset.range(len(batches)), maker, inputs, whole=True)
    return Batches(dataset, len(batches), len(targets), [pictures], targets[order], maker)


def _crops(crops: Crops, epoch: int, plan: BatchPlan) -> Arrays:
    """Make a batch of crops: images (8-bit), quantisation tables, targets, block labels, weights."""
    made: list[Crop] = []
    twins: dict[tuple[int, int], tuple[Crop, Crop]] = {}  # made together: most is the same for both
    places = zip(plan.rows.tolist(), plan.occurrences.tolist(), plan.twinned, plan.tampered, strict=True)
    for row, occurrence, twinned, tampered in places:
        if not twinned:
            made.append(crops.crop(epoch, row, occurrence))
            continue
        if (row, occurrence) not in twins:
            twins[row, occurrence] = crops.twins(epoch, row, occurrence)
        made.append(twins[row, occurrence][int(tampered)])
    return (
        np.stack([crop.pixels for crop in made]),
        np.stack([crop.quantisation for crop in made]),
        np.array([crop.target for crop in made], np.float32),
        np.stack([crop.labels for crop in made]).astype(np.float32),
        np.array([crop.weight for crop in made], np.float32),
    )


def _resized(resized: ResizedPictures, targets: np.ndarray, epoch: int, plan: BatchPlan) -> Arrays:
    images = resized.batch(epoch, plan.rows, plan.occurrences)
    return images, targets[plan.rows], np.ones(len(images), np.float32)


def _rows_by_shape(shapes: Sequence[tuple[int, int]]) -> list[np.ndarray]:
    """Assign rows to batches of one shape each, as many pictures as there is room for."""
    rows_of: dict[tuple[int, int], list[int]] = {}
    for row, (height, width) in enumerate(shapes):
        rows_of.setdefault((min(height, _LONGEST_SIDE), min(width, _LONGEST_SIDE)), []).append(row)
    batches = []
    for (height, width), rows in sorted(rows_of.items()):
        size = max(1, _PIXELS_AT_ONCE // (height * width))
        batches += [np.array(rows[start : start + size]) for start in range(0, len(rows), size)]
    return batches


def _middle(pixels: np.ndarray) -> np.ndarray:
    """Cut the middle out of a picture beyond `_LONGEST_SIDE`, on its grid."""
    starts = [max(side - _LONGEST_SIDE, 0) // 2 // BLOCK * BLOCK for side in pixels.shape[:2]]
    return pixels[starts[0] : starts[0] + _LONGEST_SIDE, starts[1] : starts[1] + _LONGEST_SIDE]


def _dataset(
    numbers: tf.data.Dataset, maker: "BatchMaker", inputs: Inputs, whole: bool = False
) -> tf.data.Dataset:
    """Make the batches of `numbers` in order, several at a time."""
    cv2.setNumThreads(1)  # the batches are made in parallel; threads within one would only add overhead
    native = inputs.method == "native"
    height, width = (None, None) if whole and native else (inputs.height, inputs.width)
    shapes: dict[str, tuple[int | None, ...]] = {"image": (None, height, width, 3)}
    if native:
        blocks = [side and side // BLOCK for side in (height, width)]
        shapes |= {"quantisation": (None, BLOCK, BLOCK), "logit": (None,), "map": (None, *blocks)}
    shapes |= {"logit": (None,), "weight": (None,)}  # in the order of the arrays
    types = [tf.uint8 if native else tf.float32] + [tf.float32] * (len(shapes) - 1)

    def mapped(number: tf.Tensor) -> tuple[Any, Any, Any]:
        # Declared stateless, which it is: a batch depends on its number alone. Otherwise TensorFlow
        # would make the batches one after another as soon as operations must be deterministic.
        made = tf.numpy_function(maker, [number], types, stateful=False)
        for array, shape in zip(made, shapes.values(), strict=True):
            array.set_shape(shape)
        parts = dict(zip(shapes, made, strict=True))
        parts["image"] = tf.cast(parts["image"], tf.float32)
        given = {name: parts[name] for name in ("image", "quantisation") if name in parts}
        targets = {name: parts[name] for name in ("logit", "map") if name in parts}
        return given, targets, dict.fromkeys(targets, parts["weight"])

    return numbers.map(mapped, num_parallel_calls=available_cores(), deterministic=True).prefetch(_AHEAD)


class BatchMaker:
    """A function that makes a batch from its number, until it is closed. Threads may share it.

    TensorFlow ends an iterator by waiting for its threads. It does so with Python's lock in its hands, for
    which a thread that is making a batch may be waiting: a training that was broken off would never end. So
    whoever breaks off asks for the end first, and waits while Python goes on.

    Args:
        make: from its number to the arrays of a batch.
    """

    def __init__(self, make: Callable[[int], Arrays]) -> None:
        self._make = make
        self._change = threading.Condition()
        self._under_way = 0
        self._last_call = 0.0
        self._closed = False

    def __call__(self, number: int) -> Arrays:
        """Make a batch.

        Raises:
            StopIteration: it was closed; TensorFlow takes that for the end.
        """
        with self._change:
            self._last_call = time.monotonic()
            if self._closed:
                raise StopIteration
            self._under_way += 1
        try:
            return self._make(number)
        finally:
            with self._change:
                self._under_way -= 1
                self._change.notify_all()

    def close(self) -> None:
        """Make no more batches, and wait for those that are under way."""
        with self._change:
            self._closed = True
            self._change.wait_for(lambda: not self._under_way)
        while time.monotonic() - self._last_call < _QUIET_SECONDS:
            time.sleep(_QUIET_SECONDS / 4)
