"""Batches that are drawn in memory, and a small network with a map: training without pictures on disk."""

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from pipeline.inputs.batches import Batches, BatchMaker
from pipeline.training.device import choose_strategy, prepare_machine
from pipeline.training.fit import fit, suited

SIDE = 16
TABLE = pd.DataFrame({"target": [0, 1] * 16})
SMALL = [
    "train.batch_size=8",
    "train.precision=float32",
    "train.learning_rate=0.02",
    "train.epochs=4",
    "train.patience=null",
]


@keras.saving.register_keras_serializable(package="tests")
class WithoutChannel(keras.layers.Layer):
    def call(self, maps):
        return maps[..., 0]


def toy_network(dropout=0.2, normalised=True):
    """From images of any size to a map of their blocks and a logit."""
    image = keras.Input((None, None, 3), name="image")
    x = keras.layers.Conv2D(6, 8, strides=8, activation="relu")(image)
    if normalised:
        x = keras.layers.BatchNormalization(momentum=0.5)(x)
    x = keras.layers.Dropout(dropout)(x)
    x = keras.layers.Conv2D(1, 1, dtype="float32")(x)
    logit = keras.layers.Dense(1, dtype="float32")(keras.layers.GlobalMaxPooling2D()(x))
    answers = {
        "logit": keras.layers.Reshape((), name="logit")(logit),
        "map": WithoutChannel(dtype="float32")(x),
    }
    return keras.Model({"image": image}, answers, name="toy")


def toy_feeds(train, validation, config, network, first_epoch):
    """Stands in for `make_feeds`; a fake has one block that is brighter, and every fourth picture no mask."""
    batch_size, seed = config.train.batch_size, config.training_seed
    steps = -(-len(train) // batch_size)
    targets = train["target"].to_numpy(np.float32)

    def training_batch(number):
        epoch, step = divmod(int(number), steps)
        rows = np.random.default_rng([seed, epoch]).permutation(len(targets))
        return _pictures([seed, epoch, step], targets[rows[step * batch_size : (step + 1) * batch_size]])

    def ordered_batch(number):  # two batches of different size
        return _pictures([9], held_out, 16 + 8 * int(number))

    held_out = validation["target"].to_numpy(np.float32)
    training = _batches(range(first_epoch * steps, 2**62), training_batch, steps, targets)
    ordered = _batches(range(2), ordered_batch, 2, np.concatenate([held_out, held_out]))
    return suited(training, network), suited(ordered, network)


def _pictures(seed, targets, width=SIDE):
    draw = np.random.default_rng(seed)
    images = draw.random((len(targets), SIDE, width, 3), np.float32)
    blocks = np.zeros((len(targets), SIDE // 8, width // 8), np.float32)
    for index in np.flatnonzero(targets == 1):
        blocks[index].flat[draw.integers(blocks[index].size)] = 1
    images += 0.4 * np.kron(blocks, np.ones((8, 8), np.float32))[..., None]
    blocks[::4] = -1
    return images, targets, blocks


def _batches(numbers, make, steps, all_targets):
    maker = BatchMaker(make)

    def mapped(number):
        images, targets, blocks = tf.numpy_function(maker, [number], [tf.float32] * 3, stateful=False)
        images.set_shape((None, None, None, 3))
        targets.set_shape((None,))
        blocks.set_shape((None, None, None))
        weights = {"logit": tf.ones_like(targets), "map": tf.ones_like(targets)}
        return {"image": images}, {"logit": targets, "map": blocks}, weights

    numbers = tf.data.Dataset.range(numbers.start, numbers.stop)
    dataset = numbers.map(mapped, num_parallel_calls=2, deterministic=True)
    return Batches(dataset, steps, len(all_targets), [], all_targets, maker)


def train_toy(config, network=None, **how):
    """Train a new toy network; give it and its history. `make_feeds` must be replaced by `toy_feeds`."""
    prepare_machine(config.runtime, config.train.precision, config.training_seed)
    with choose_strategy(config.runtime.strategy).scope():
        network = network() if network else toy_network()
    return network, fit(network, TABLE, TABLE, config, **how)


def state_of(network):
    """All numbers of a network, as bytes."""
    return [variable.numpy().tobytes() for variable in network.variables]
