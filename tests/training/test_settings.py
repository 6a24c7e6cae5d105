"""Settings of training that do not go together are refused when a command starts."""

import pytest

from pipeline.errors import UserError
from pipeline.training.machine import training_seed


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["train.loss.label=0", "train.loss.map=0"], "train.loss: found 0 for label and for map"),
        (
            ["train.epochs=2", "train.warmup=3"],
            r"train.warmup: found 3, allowed is at most train.epochs \(2\)",
        ),
        (
            ["train.schedule=plateau", "train.patience=3", "train.plateau.wait=3"],
            r"train.patience: found 3.*must be above train.plateau.wait \(3\)",
        ),
        (["train.optimizer=rmsprop"], "train.optimizer: found 'rmsprop', allowed is one of adamw, adam, sgd"),
        (["train.class_weights=none"], "allowed is one of balanced"),
        (
            ["train.shuffle_labels=true"],
            r"augment.tamper: found 0.5, which treats genuine pictures and fakes differently",
        ),
        (["runtime.strategy=multi_worker"], "allowed is one of default, mirrored"),
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
    assert training_seed(compose_config("seed=7")) == 7
    config = compose_config("seed=7", "train.seed=3")
    assert (config.seed, training_seed(config)) == (7, 3)
