"""The learning rate at each step, and the optimizer that follows it."""

import keras
import numpy as np
import pytest

from pipeline.training.monitor import rate_factor
from pipeline.training.optimizers import make_optimizer
from pipeline.training.schedules import Divided, make_schedule

STEPS = 10


@pytest.fixture
def settings(compose_config):
    def of(*overrides):
        return compose_config("train.learning_rate=0.5", "train.epochs=6", *overrides).train

    return of


def rates(schedule, count=6 * STEPS + 1):
    return np.array([float(schedule(step)) for step in range(count)])


def test_a_rate_that_never_changes_is_a_number(settings):
    assert make_schedule(settings("train.schedule=constant", "train.warmup=0"), STEPS) == 0.5


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


def test_warm_up_may_take_all_epochs(settings):
    found = rates(make_schedule(settings("train.schedule=cosine", "train.warmup=6"), STEPS), 6 * STEPS)
    assert (np.diff(found) > 0).all()


def test_a_plateau_multiplies_the_rate(settings):
    schedule = make_schedule(settings("train.schedule=plateau", "train.warmup=1"), STEPS)
    before = rates(schedule)
    schedule.factor.assign(0.2)
    assert rates(schedule) == pytest.approx(0.2 * before)
    assert rates(Divided.from_config(schedule.get_config())) == pytest.approx(before)


def test_each_plateau_divides_the_rate(settings):
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
    optimizer = make_optimizer(
        network_of((2, 2)), settings(f"train.optimizer={name}", "train.clip_norm=null"), 0.5
    )
    assert type(optimizer).__name__ == kind
    assert optimizer.global_clipnorm is None
    assert getattr(optimizer, "momentum", 0.9) == 0.9
