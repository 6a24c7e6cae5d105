"""Training on batches that are drawn in memory."""

import keras
import pytest

from tests.training.toy import SMALL, toy_feeds, train_toy


@pytest.fixture
def train_in_memory(compose_config, monkeypatch):
    """Train the toy network with overrides of the configuration; gives the network and its history."""
    monkeypatch.setattr("pipeline.training.fit.make_feeds", toy_feeds)

    def train(*overrides, **how):
        return train_toy(compose_config(*SMALL, *overrides), **how)

    yield train
    keras.config.set_dtype_policy("float32")
