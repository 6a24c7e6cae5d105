"""The batches of a training: what is drawn from the tables, in the form that the network takes."""

from dataclasses import replace
from typing import Any

import keras
import pandas as pd
import tensorflow as tf

from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.inputs.cache import PictureCache
from pipeline.inputs.datasets import Feed, ordered_dataset, training_dataset
from pipeline.training.machine import training_seed

Batch = dict[str, tf.Tensor]


def make_feeds(
    train: pd.DataFrame, validation: pd.DataFrame, config: Config, network: keras.Model, first_epoch: int
) -> tuple[Feed, Feed]:
    """Make the batches for training, from `first_epoch` (counted from 0) on, and for validation.

    Raises:
        UserError: a class is missing, or the network takes what these inputs do not give.
    """
    cache = PictureCache(config.runtime.cache, config.runtime.cache_gib)
    batch_size = config.train.batch_size
    training = training_dataset(
        train,
        config.preprocess,
        config.augment,
        batch_size=batch_size,
        fake_fraction=config.train.fake_fraction,
        seed=training_seed(config),
        cache=cache,
        first_epoch=first_epoch,
        policy=config.convert.policy,
    )
    held_out = ordered_dataset(validation, config.preprocess, batch_size=batch_size, cache=cache)
    return suited(training, network), suited(held_out, network)


def suited(feed: Feed, network: keras.Model) -> Feed:
    """Keep the inputs that a network takes and the targets of what it answers.

    A network with a map that is given no masks gets a target in which every cell is unknown.

    Raises:
        UserError: the network takes what the feed does not give.
    """
    given, targets, _ = feed.dataset.element_spec
    if missing := set(network.input) - set(given):
        raise UserError(
            f"the network takes {', '.join(sorted(missing))} beside {', '.join(sorted(given))}, which these "
            "inputs do not give; choose another model, or preprocess=native"
        )
    if set(network.input) == set(given) and set(network.output) == set(targets):
        return feed

    def suit(inputs: Batch, targets: Batch, weights: Batch) -> tuple[Batch, Batch, Batch]:
        if "map" not in targets:
            targets, weights = (
                {**targets, "map": _unknown(inputs["image"])},
                {**weights, "map": weights["logit"]},
            )
        return (
            {name: inputs[name] for name in network.input},
            {name: targets[name] for name in network.output},
            {name: weights[name] for name in network.output},
        )

    return replace(feed, dataset=feed.dataset.map(suit))


def _unknown(images: Any) -> tf.Tensor:
    """A map of -1 in each cell."""
    size = tf.shape(images)
    return -tf.ones((size[0], size[1] // 8, size[2] // 8), tf.float32)
