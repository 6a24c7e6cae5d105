"""Batches in the form that a network takes, and how they are shared out."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.errors import UserError
from pipeline.inputs.batches import Batches, BatchMaker, ordered_batches
from pipeline.inputs.cache import PictureCache
from pipeline.models.build import build
from pipeline.training.callbacks import COLUMNS, score_epoch
from pipeline.training.device import check_batches, prepare_machine
from pipeline.training.fit import fit, suited
from tests.conftest import ROOT
from tests.inputs.drawn import draw_table, resized
from tests.training.toy import toy_network


def feed_of(*inputs, targets=("logit", "map"), images=8, batch=4):
    shapes = {"image": (16, 24, 3), "quantisation": (8, 8), "logit": (), "map": (2, 3)}
    arrays = {name: np.zeros((images, *shape), np.float32) for name, shape in shapes.items()}
    parts = (
        {name: arrays[name] for name in inputs},
        {name: arrays[name] for name in targets},
        {name: np.ones(images, np.float32) for name in targets},
    )
    dataset = tf.data.Dataset.from_tensor_slices(parts).batch(batch)
    return Batches(dataset, -(-images // batch), images, [], arrays["logit"], BatchMaker(lambda _: ()))


def network_of(*inputs, answers=("logit",)):
    given = {
        "image": keras.Input((None, None, 3), name="image"),
        "quantisation": keras.Input((8, 8), name="quantisation"),
    }
    blocks = keras.layers.Conv2D(1, 8, strides=8)(given["image"])
    logit = keras.layers.Reshape(())(keras.layers.GlobalAveragePooling2D()(blocks))
    if "quantisation" in inputs:
        logit = logit + keras.ops.mean(given["quantisation"], axis=(1, 2))
    made = {"logit": logit, "map": keras.ops.squeeze(blocks, -1)}
    return keras.Model({name: given[name] for name in inputs}, {name: made[name] for name in answers})


def test_what_the_network_neither_takes_nor_answers_is_left_out():
    feed = feed_of("image", "quantisation")
    assert suited(feed, network_of("image", "quantisation", answers=("logit", "map"))) is feed
    inputs, targets, weights = next(iter(suited(feed, network_of("image")).dataset))
    assert (set(inputs), set(targets), set(weights)) == ({"image"}, {"logit"}, {"logit"})
    with pytest.raises(UserError, match="the network takes quantisation beside image"):
        suited(feed_of("image"), network_of("image", "quantisation"))


def test_without_masks_every_block_of_the_map_is_unknown():
    network = network_of("image", answers=("logit", "map"))
    _, targets, weights = next(iter(suited(feed_of("image", targets=("logit",)), network).dataset))
    assert np.array_equal(targets["map"], np.full((4, 2, 3), -1))
    assert weights["map"].shape == (4,)


def test_batches_that_cannot_be_shared_out_are_refused():
    check_batches(feed_of("image"), 4, 2)
    check_batches(feed_of("image", images=7), 4, 1)
    with pytest.raises(UserError, match=r"train.batch_size is 4.*a multiple of 3"):
        check_batches(feed_of("image"), 4, 3)
    with pytest.raises(UserError, match="the last batch of an epoch has 1 of 4 pictures"):
        check_batches(feed_of("image", images=9), 4, 2)


SMALL = [
    "model=cnn", "inputs.height=16", "inputs.width=16", "model.filters=[4,8]", "model.dense=8",
    "train.batch_size=8", "train.precision=float32",
]  # fmt: skip


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    table = draw_table(tmp_path_factory.mktemp("pictures"), genuine=24, fake=24)
    return table[::2], table[1::2]


@pytest.fixture
def trained(compose_config, tables):
    def train(*overrides, **how):
        config = compose_config(*SMALL, *overrides)
        prepare_machine(config.runtime, config.train.precision, config.seed)
        network = build(config.model, 16, 16)
        return network, fit(network, *tables, config, **how)

    yield train
    keras.config.set_dtype_policy("float32")


def test_it_learns_what_can_be_learned_and_the_callback_gets_each_row_of_the_history(trained):
    seen = []
    overrides = ["train.epochs=15", "train.learning_rate=3e-3", "inputs.augment=null"]
    _, history = trained(*overrides, on_epoch=lambda epoch, metrics: seen.append((epoch, metrics)))
    assert history["validation/roc_auc"].max() > 0.95
    assert history["train/loss"].iloc[-1] < history["train/loss"].iloc[0]
    assert list(history.columns) == ["epoch", *COLUMNS]
    assert history["epoch"].tolist() == [epoch for epoch, _ in seen]
    assert history["epoch"].tolist()[:2] == [1, 2]
    assert history[COLUMNS].to_dict("records") == [metrics for _, metrics in seen]


def test_training_stops_when_nothing_gets_better_and_keeps_the_best_weights(trained, tables):
    # At this rate the first epochs overshoot, and what follows is worse.
    network, history = trained("train.epochs=30", "train.patience=2", "train.learning_rate=0.3")
    assert len(history) < 30
    assert history["validation/loss"].idxmin() == len(history) - 3
    assert _validation_loss(network, tables[1]) == pytest.approx(history["validation/loss"].min(), rel=1e-5)
    # Without patience all epochs run and the last weights stay.
    network, history = trained("train.epochs=4", "train.patience=null", "train.learning_rate=0.3")
    assert len(history) == 4
    last = history["validation/loss"].iloc[-1]
    assert _validation_loss(network, tables[1]) == pytest.approx(last, rel=1e-5)


def _validation_loss(network, table):
    feed = ordered_batches(table, resized(16, 16), len(table), PictureCache("none", 1.0))
    inputs, targets, _ = next(iter(feed.dataset))
    logits = network(inputs)["logit"].numpy()
    return score_epoch(logits, targets["logit"].numpy())["validation/loss"]


def test_a_network_with_a_map_learns_where(train_in_memory):
    network, history = train_in_memory("train.epochs=12", "train.loss.map=2")
    assert history["validation/roc_auc"].iloc[-1] > 0.95
    image = np.random.default_rng(1).random((1, 32, 40, 3), np.float32)
    image[:, 8:16, 24:32] += 0.4
    blocks = network({"image": image})["map"].numpy()[0]
    assert np.unravel_index(blocks.argmax(), blocks.shape) == (1, 3)


def test_the_training_loss_is_the_weighted_sum(train_in_memory):
    settings = ["train.epochs=1", "train.learning_rate=1e-9", "train.seed=5"]
    label, blocks, both = (
        train_in_memory(*settings, f"train.loss.label={label}", f"train.loss.map={map_}")[1]["train/loss"][0]
        for label, map_ in [(1, 0), (0, 1), (2, 3)]
    )
    assert both == pytest.approx(2 * label + 3 * blocks, rel=1e-5)


def test_a_network_without_a_map_is_trained_on_the_label_alone(train_in_memory):
    def without_map():
        whole = toy_network()
        return keras.Model(whole.input, {"logit": whole.output["logit"]})

    _, history = train_in_memory("train.epochs=6", network=without_map)
    assert history["train/loss"].iloc[-1] < 0.7 * history["train/loss"].iloc[0]
    with pytest.raises(UserError, match=r"train\.loss\.label is 0, and the network has no map"):
        train_in_memory("train.loss.label=0", network=without_map)


def test_a_plateau_lowers_the_rate(train_in_memory):
    # The ranking is perfect from the first epoch on, so that nothing becomes better.
    network, history = train_in_memory(
        "train.schedule=plateau", "train.plateau.wait=1", "train.monitor=validation/roc_auc"
    )
    assert history["validation/roc_auc"].tolist() == [1, 1, 1, 1]
    assert float(network.optimizer.learning_rate) == pytest.approx(0.02 / 5**3)


def test_another_seed_of_the_training_gives_other_weights(train_in_memory):
    first, again, other = (
        train_in_memory("train.epochs=1", f"train.seed={seed}")[0].get_weights()[0] for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


class OutOfMemory(keras.layers.Layer):
    """Asks for more memory than there is, as a layer on a batch that is too large does."""

    def call(self, maps):
        def ask(values):  # noqa: ARG001
            raise MemoryError

        asked = tf.numpy_function(ask, [tf.reduce_sum(maps)], tf.float32)
        asked.set_shape(())
        return maps + asked


def test_a_batch_that_is_too_large_is_told_with_what_to_lower(train_in_memory):
    def too_large():
        image = keras.Input((None, None, 3), name="image")
        x = keras.layers.GlobalMaxPooling2D()(OutOfMemory()(image))
        return keras.Model({"image": image}, {"logit": keras.layers.Reshape(())(keras.layers.Dense(1)(x))})

    said = r"train\.batch_size=8 and images of 64×96; lower train\.batch_size or inputs\.height"
    with pytest.raises(UserError, match=said):
        train_in_memory("model=cnn", "inputs.height=64", "inputs.width=96", network=too_large)


def test_an_unreadable_picture_is_named(tmp_path, compose_config):
    table = draw_table(tmp_path)
    Path(table["path"][3]).write_bytes(b"broken")
    config = compose_config(*SMALL, "train.epochs=1")
    with pytest.raises(UserError, match=r"003\.png cannot be read"):
        fit(build(config.model, 16, 16), table, table, config)


def test_training_that_diverges_ends_with_what_to_change(tables, compose_config):
    config = compose_config(*SMALL, "inputs.rescale=1e30", "train.epochs=2")
    with pytest.raises(UserError, match=r"diverged in epoch 1.*lower train.learning_rate"):
        fit(build(config.model, 16, 16), *tables, config)


def test_a_validation_table_without_a_class_cannot_be_ranked_and_an_empty_one_is_refused(
    tables, compose_config
):
    config = compose_config(*SMALL, "train.monitor=validation/roc_auc")
    network, (train, validation) = build(config.model, 16, 16), tables
    with pytest.raises(UserError, match="validation/roc_auc needs genuine and fake"):
        fit(network, train, validation[validation["target"] == 1], config)
    with pytest.raises(UserError, match="validation table is empty"):
        fit(network, train, validation[:0], compose_config(*SMALL))


PROCESS = """
import hashlib, json, sys
import pandas as pd
from pipeline.config import validate
from pipeline.models.build import build
from pipeline.training import fit as fitting
from pipeline.training.device import prepare_machine
from tests.training.toy import toy_feeds, train_toy

config = validate(json.loads(sys.argv[1]))
if sys.argv[2] == "map":
    fitting.make_feeds = toy_feeds
    network, history = train_toy(config)
else:
    prepare_machine(config.runtime, config.train.precision, config.seed)
    network = build(config.model, 16, 16)
    table = pd.read_csv(sys.argv[3], keep_default_na=False)
    history = fitting.fit(network, table[::2], table[1::2], config)
weights = b"".join(each.tobytes() for each in network.get_weights())
figures = history.drop(columns="images_per_second").to_json(double_precision=15)
print(figures, hashlib.sha256(weights).hexdigest())
"""


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("trained_on", ["label", "map"])
def test_two_processes_with_one_seed_give_bit_identical_histories_and_weights(
    tmp_path, compose_config, precision, trained_on
):
    draw_table(tmp_path, genuine=40, fake=40).to_csv(tmp_path / "table.csv", index=False)
    config = compose_config(
        *SMALL, "train.epochs=3", f"train.precision={precision}", "train.optimizer=adamw", "train.warmup=1"
    )
    values = config.model_dump_json()
    command = [sys.executable, "-c", PROCESS, values, trained_on, str(tmp_path / "table.csv")]
    outputs = [
        subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout for _ in range(2)
    ]
    assert outputs[0].splitlines()[-1] == outputs[1].splitlines()[-1]
