"""Batches in the form that a network takes, and how they are shared out."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.errors import UserError
from pipeline.inputs.datasets import Feed
from pipeline.inputs.making import BatchMaker
from pipeline.training.feeds import suited
from pipeline.training.strategy import check_batches


def feed_of(*inputs, targets=("logit", "map"), images=8, batch=4):
    shapes = {"image": (16, 24, 3), "quantisation": (8, 8), "logit": (), "map": (2, 3)}
    arrays = {name: np.zeros((images, *shape), np.float32) for name, shape in shapes.items()}
    parts = (
        {name: arrays[name] for name in inputs},
        {name: arrays[name] for name in targets},
        {name: np.ones(images, np.float32) for name in targets},
    )
    dataset = tf.data.Dataset.from_tensor_slices(parts).batch(batch)
    return Feed(dataset, -(-images // batch), images, [], arrays["logit"], BatchMaker(lambda _: ()))


def network_of(*inputs, answers=("logit",)):
    given = {
        "image": keras.Input((None, None, 3), name="image"),
        "quantisation": keras.Input((8, 8), name="quantisation"),
    }
    cells = keras.layers.Conv2D(1, 8, strides=8)(given["image"])
    logit = keras.layers.Reshape(())(keras.layers.GlobalAveragePooling2D()(cells))
    if "quantisation" in inputs:
        logit = logit + keras.ops.mean(given["quantisation"], axis=(1, 2))
    made = {"logit": logit, "map": keras.ops.squeeze(cells, -1)}
    return keras.Model({name: given[name] for name in inputs}, {name: made[name] for name in answers})


def test_what_fits_is_left_as_it_is():
    feed = feed_of("image", "quantisation")
    assert suited(feed, network_of("image", "quantisation", answers=("logit", "map"))) is feed


def test_what_the_network_neither_takes_nor_answers_is_left_out():
    inputs, targets, weights = next(
        iter(suited(feed_of("image", "quantisation"), network_of("image")).dataset)
    )
    assert (set(inputs), set(targets), set(weights)) == ({"image"}, {"logit"}, {"logit"})


def test_without_masks_every_cell_of_the_map_is_unknown():
    network = network_of("image", answers=("logit", "map"))
    _, targets, weights = next(iter(suited(feed_of("image", targets=("logit",)), network).dataset))
    assert np.array_equal(targets["map"], np.full((4, 2, 3), -1))
    assert weights["map"].shape == (4,)


def test_an_input_that_is_missing_is_named():
    with pytest.raises(UserError, match="the network takes quantisation beside image"):
        suited(feed_of("image"), network_of("image", "quantisation"))


def test_batches_that_cannot_be_shared_out_are_refused():
    check_batches(feed_of("image"), 4, 2)
    check_batches(feed_of("image", images=7), 4, 1)
    with pytest.raises(UserError, match=r"train.batch_size is 4.*a multiple of 3"):
        check_batches(feed_of("image"), 4, 3)
    with pytest.raises(UserError, match="the last batch of an epoch has 1 of 4 pictures"):
        check_batches(feed_of("image", images=9), 4, 2)
