"""The losses, by their definitions."""

import keras
import numpy as np
import pytest

from pipeline.training.losses import LabelLoss, MapLoss, class_weights

DRAW = np.random.default_rng(7)
TARGETS = np.array([1, 0, 0, 1], np.float32)
LOGITS = DRAW.normal(size=4).astype(np.float32)


def cross_entropy(targets, logits):
    probability = 1 / (1 + np.exp(-logits.astype(np.float64)))
    return -np.where(targets == 1, np.log(probability), np.log(1 - probability))


def test_the_label_loss_is_the_mean_cross_entropy():
    assert float(LabelLoss()(TARGETS, LOGITS)) == pytest.approx(cross_entropy(TARGETS, LOGITS).mean())


def test_the_label_loss_weighs_by_class_and_by_picture():
    of_pictures = np.array([1, 0.5, 1, 0], np.float32)
    expected = (cross_entropy(TARGETS, LOGITS) * np.where(TARGETS == 1, 3, 2) * of_pictures).mean()
    assert float(LabelLoss(genuine=2, fake=3)(TARGETS, LOGITS, of_pictures)) == pytest.approx(expected)


def test_tampered_and_untouched_cells_of_the_batch_weigh_half_each():
    cells = -np.ones((2, 4, 5), np.float32)
    cells[0] = 0
    cells[0, 1, 1:4] = 1  # 3 tampered and 17 untouched; the other picture has one of each
    cells[1, 0, :2] = [0, 1]
    logits = DRAW.normal(size=cells.shape).astype(np.float32)
    each = cross_entropy(cells, logits)
    expected = 0.5 / 5 * each[cells == 1].sum() + 0.5 / 19 * each[cells == 0].sum()
    assert float(MapLoss()(cells, logits)) == pytest.approx(expected, rel=1e-5)


def test_a_cell_of_which_nothing_is_known_has_no_gradient_and_no_loss():
    import tensorflow as tf

    logits = tf.Variable(DRAW.normal(size=(2, 2, 2)).astype(np.float32))
    cells = np.array([[[-1, 1], [0, -1]], [[-1, -1], [-1, -1]]], np.float32)
    with tf.GradientTape() as tape:
        loss = MapLoss()(cells, logits)
    gradient = tape.gradient(loss, logits).numpy()
    assert ((gradient == 0) == (cells == -1)).all()
    assert float(MapLoss()(np.full((2, 2, 2), -1, np.float32), logits)) == 0


def test_a_picture_without_weight_has_no_part_in_the_map_loss():
    cells = np.ones((2, 2, 2), np.float32)
    logits = np.stack([np.zeros((2, 2)), np.full((2, 2), 9.0)]).astype(np.float32)
    found = float(MapLoss()(cells, logits, np.array([1, 0], np.float32)))
    assert found == pytest.approx(0.5 / 9 * 4 * np.log(2))


def test_large_logits_give_a_finite_loss():
    assert float(LabelLoss()(np.array([1.0, 0.0]), np.array([-1000.0, 1000.0]))) == 1000.0


@pytest.mark.parametrize(
    ("fake_fraction", "share"), [(None, 0.25), (0.4, 0.4)], ids=["by the table", "by what is drawn"]
)
def test_balanced_classes_weigh_alike_and_a_picture_1_on_the_average(compose_config, fake_fraction, share):
    settings = compose_config("train.class_weights=balanced").train
    settings.fake_fraction = fake_fraction
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
