"""The losses, by their definitions."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.errors import UserError
from pipeline.training.callbacks import rate_factor
from pipeline.training.optimizer import (
    Divided,
    LabelLoss,
    MapLoss,
    class_weights,
    make_optimizer,
    make_schedule,
)

DRAW = np.random.default_rng(7)
TARGETS = np.array([1, 0, 0, 1], np.float32)
LOGITS = DRAW.normal(size=4).astype(np.float32)


def cross_entropy(targets, logits):
    probability = 1 / (1 + np.exp(-logits.astype(np.float64)))
    return -np.where(targets == 1, np.log(probability), np.log(1 - probability))


def test_the_label_loss_is_the_mean_cross_entropy_weighed_by_class_and_by_picture():
    assert float(LabelLoss()(TARGETS, LOGITS)) == pytest.approx(cross_entropy(TARGETS, LOGITS).mean())
    assert float(LabelLoss()(np.array([1.0, 0.0]), np.array([-1000.0, 1000.0]))) == 1000.0
    of_pictures = np.array([1, 0.5, 1, 0], np.float32)
    expected = (cross_entropy(TARGETS, LOGITS) * np.where(TARGETS == 1, 3, 2) * of_pictures).mean()
    assert float(LabelLoss(genuine=2, fake=3)(TARGETS, LOGITS, of_pictures)) == pytest.approx(expected)


def test_tampered_and_untouched_cells_of_the_batch_weigh_half_each():
    blocks = -np.ones((2, 4, 5), np.float32)
    blocks[0] = 0
    blocks[0, 1, 1:4] = 1  # 3 tampered and 17 untouched; the other picture has one of each
    blocks[1, 0, :2] = [0, 1]
    logits = DRAW.normal(size=blocks.shape).astype(np.float32)
    each = cross_entropy(blocks, logits)
    expected = 0.5 / 5 * each[blocks == 1].sum() + 0.5 / 19 * each[blocks == 0].sum()
    assert float(MapLoss()(blocks, logits)) == pytest.approx(expected, rel=1e-5)


def test_pictures_without_weight_and_blocks_of_which_nothing_is_known_have_no_part_in_the_map_loss():
    logits = np.stack([np.zeros((2, 2)), np.full((2, 2), 9.0)]).astype(np.float32)
    loss = float(MapLoss()(np.ones((2, 2, 2), np.float32), logits, np.array([1, 0], np.float32)))
    assert loss == pytest.approx(0.5 / 9 * 4 * np.log(2))
    logits = tf.Variable(DRAW.normal(size=(2, 2, 2)).astype(np.float32))
    blocks = np.array([[[-1, 1], [0, -1]], [[-1, -1], [-1, -1]]], np.float32)
    with tf.GradientTape() as tape:
        loss = MapLoss()(blocks, logits)
    gradient = tape.gradient(loss, logits).numpy()
    assert ((gradient == 0) == (blocks == -1)).all()
    assert float(MapLoss()(np.full((2, 2, 2), -1, np.float32), logits)) == 0


@pytest.mark.parametrize(
    ("fake_fraction", "share"), [(None, 0.25), (0.4, 0.4)], ids=["by the table", "by what is drawn"]
)
def test_balanced_classes_weigh_alike_and_a_picture_1_on_the_average(compose_config, fake_fraction, share):
    settings = compose_config("train.class_weights=balanced").train
    settings = settings.model_copy(update={"fake_fraction": fake_fraction})
    genuine, fake = class_weights(settings, np.array([1, 0, 0, 0]))
    assert share * fake == pytest.approx((1 - share) * genuine)
    assert share * fake + (1 - share) * genuine == pytest.approx(1)


@pytest.mark.parametrize("overrides", [[], ["train.class_weights=balanced", "train.fake_fraction=1"]])
def test_without_balance_or_with_one_class_alone_all_weigh_alike(compose_config, overrides):
    settings = compose_config(*overrides).train
    assert class_weights(settings, np.array([1, 0, 0, 0])) == (1.0, 1.0)


def test_the_losses_are_made_again_from_their_configuration():
    for loss in (LabelLoss(2.0, 3.0), MapLoss()):
        assert type(loss).from_config(loss.get_config()).get_config() == loss.get_config()
    assert isinstance(LabelLoss(), keras.losses.Loss)


# The learning rate at each step, and the optimizer that follows it.

STEPS = 10


@pytest.fixture
def settings(compose_config):
    def of(*overrides):
        return compose_config("train.learning_rate=0.5", "train.epochs=6", *overrides).train

    return of


def rates(schedule, count=6 * STEPS + 1):
    return np.array([float(schedule(step)) for step in range(count)])


@pytest.mark.parametrize(("warmup", "rising"), [(2.0, 20), (0.5, 5), (0.31, 3)])
def test_the_rate_rises_in_a_line_from_0_and_stays(settings, warmup, rising):
    found = rates(make_schedule(settings("train.schedule=constant", f"train.warmup={warmup}"), STEPS))
    assert found[: rising + 1] == pytest.approx(np.linspace(0, 0.5, rising + 1))
    assert found[rising:] == pytest.approx(0.5)


@pytest.mark.parametrize("warmup", [0, 1.5])
def test_a_cosine_ends_at_one_hundredth_with_the_last_epoch(settings, warmup):
    found = rates(make_schedule(settings("train.schedule=cosine", f"train.warmup={warmup}"), STEPS))
    rising = int(warmup * STEPS)
    assert found[rising] == pytest.approx(0.5)
    assert (np.diff(found[rising:]) < 0).all()
    assert found[-1] == pytest.approx(0.005)
    middle = rising + (6 * STEPS - rising) / 2
    assert np.interp(middle, range(len(found)), found) == pytest.approx(0.2525, rel=0.01)


def test_warm_up_may_take_all_epochs_or_none(settings):
    assert make_schedule(settings("train.schedule=constant", "train.warmup=0"), STEPS) == 0.5
    found = rates(make_schedule(settings("train.schedule=cosine", "train.warmup=6"), STEPS), 6 * STEPS)
    assert (np.diff(found) > 0).all()


def test_each_plateau_divides_the_rate(settings):
    schedule = make_schedule(settings("train.schedule=plateau", "train.warmup=1"), STEPS)
    before = rates(schedule)
    schedule.factor.assign(0.2)
    assert rates(schedule) == pytest.approx(0.2 * before)
    assert rates(Divided.from_config(schedule.get_config())) == pytest.approx(before)
    chosen = settings("train.schedule=plateau", "train.plateau.wait=2", "train.plateau.divide_by=4")
    losses = [1.0, 0.9, 0.95, 0.91, 0.93, 0.92, 0.8, 0.9]
    found = [rate_factor(losses[:count], chosen) for count in range(len(losses) + 1)]
    assert found == [1, 1, 1, 1, 1 / 4, 1 / 4, 1 / 16, 1 / 16, 1 / 16]


def network_of(*shapes):
    class Weights(keras.layers.Layer):
        def build(self, _):
            self.parts = [self.add_weight(shape=shape, initializer="ones") for shape in shapes]

        def call(self, x):
            return x

    image = keras.Input((1,))
    return keras.Model(image, Weights()(image))


def test_weight_decay_takes_kernels_and_leaves_biases_and_scales(settings):
    network = network_of((2, 2), (2,), ())
    chosen = settings("train.optimizer=adamw", "train.weight_decay=0.1")
    optimizer = make_optimizer(network, chosen, 0.5)
    optimizer.apply([np.zeros(each.shape, np.float32) for each in network.trainable_variables])
    kernel, bias, scale = network.get_weights()
    assert kernel == pytest.approx(np.full((2, 2), 1 - 0.1 * 0.5))
    assert bias == pytest.approx(np.ones(2))
    assert scale == pytest.approx(1)


def test_gradients_are_clipped_by_their_norm_all_together(settings):
    network = network_of((2,), (2,))
    chosen = settings("train.optimizer=sgd", "train.momentum=0", "train.clip_norm=0.1")
    make_optimizer(network, chosen, 1.0).apply([np.array([3.0, 0.0]), np.array([0.0, 4.0])])
    assert np.concatenate(network.get_weights()) == pytest.approx([1 - 0.06, 1, 1, 1 - 0.08])


@pytest.mark.parametrize(("name", "kind"), [("adam", "Adam"), ("adamw", "AdamW"), ("sgd", "SGD")])
def test_each_optimizer_is_that_of_keras(settings, name, kind):
    chosen = settings(f"train.optimizer={name}", "train.clip_norm=null")
    optimizer = make_optimizer(network_of((2, 2)), chosen, 0.5)
    assert type(optimizer).__name__ == kind
    assert optimizer.global_clipnorm is None
    assert getattr(optimizer, "momentum", 0.9) == 0.9


# Settings of training that do not go together are refused when a command starts.


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["train.loss.label=0", "train.loss.map=0"], "train.loss: found 0 for label and for map"),
        (["train.epochs=2", "train.warmup=3"], r"train.warmup: found 3, expected at most train.epochs \(2\)"),
        (
            ["train.schedule=plateau", "train.patience=3", "train.plateau.wait=3"],
            r"train.patience: found 3.*must be above train.plateau.wait \(3\)",
        ),
        (["train.optimizer=rmsprop"], "train.optimizer: found 'rmsprop', expected one of adamw, adam, sgd"),
        (["train.class_weights=none"], "expected one of balanced"),
        (
            ["train.shuffle_labels=true", "model.weights=null"],
            r"inputs.augment.tamper: found 0.5, which treats genuine pictures and fakes differently",
        ),
        (["train.shuffle_labels=true"], r"model.weights: found pretrained, which has learnt true labels"),
        (["runtime.strategy=multi_worker"], "expected one of default, mirrored"),
    ],
)
def test_they_are_refused_with_what_is_allowed(compose_config, overrides, said):
    with pytest.raises(UserError, match=said):
        compose_config(*overrides)


def test_the_recipe_of_shuffled_labels_teaches_nothing_else(compose_config):
    config = compose_config("experiment=shuffled_labels")
    assert config.train.shuffle_labels
    assert config.split == compose_config("experiment=casia").split


def test_a_seed_of_its_own_leaves_the_one_that_deals_the_pictures(compose_config):
    assert compose_config("seed=7").training_seed == 7
    config = compose_config("seed=7", "train.seed=3")
    assert (config.seed, config.training_seed) == (7, 3)
