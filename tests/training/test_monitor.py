"""What is decided from the history alone."""

import pytest

from pipeline.training.monitor import best_epoch, is_over


@pytest.fixture
def settings(compose_config):
    return compose_config("train.epochs=8", "train.patience=2").train


def test_the_first_of_equal_values_is_the_best():
    assert best_epoch([3.0, 1.0, 1.0, 2.0], "validation/loss") == 1
    assert best_epoch([0.3, 0.8, 0.8, 0.2], "validation/roc_auc") == 1


def test_training_ends_after_so_many_epochs_without_a_better_value(settings):
    losses = [1.0, 0.5, 0.6, 0.4, 0.5, 0.4, 0.3]
    assert [is_over(losses[:count], settings) for count in range(7)] == [False] * 6 + [True]


def test_training_ends_with_the_last_epoch(settings):
    falling = [1 / (1 + epoch) for epoch in range(8)]
    assert not is_over(falling[:7], settings)
    assert is_over(falling, settings)


def test_without_patience_nothing_ends_it_early(settings):
    settings.patience = None
    assert not is_over([0.1] + [1.0] * 6, settings)
