"""An interrupted training goes on, and ends as if nothing had happened."""

import logging

import keras
import numpy as np
import pytest

from pipeline.training.checkpoint import Checkpoint, State, training_digest
from pipeline.training.optimizer import compile_for_training
from tests.training.toy import state_of, toy_network

VARIANTS = {
    "cosine": ["train.schedule=cosine", "train.warmup=1.5", "train.optimizer=adamw"],
    "plateau": [
        "train.schedule=plateau", "train.plateau.wait=1", "train.warmup=0.5", "train.optimizer=sgd",
        "train.monitor=validation/roc_auc",
    ],
    # The ranking is perfect from the first epoch on, whose weights are therefore left.
    "early stopping": [
        "train.patience=4", "train.monitor=validation/roc_auc", "train.epochs=9", "train.clip_norm=1",
    ],
}  # fmt: skip


class InterruptionError(Exception):
    pass


def interrupt_after(last):
    def on_epoch(epoch, metrics):  # noqa: ARG001
        if epoch == last:
            raise InterruptionError

    return on_epoch


def without_rate(history):
    return history.drop(columns="images_per_second").to_dict("list")


@pytest.fixture
def checkpoint(tmp_path):
    return Checkpoint(tmp_path / "checkpoints" / "abc")


def said(caplog):
    """What our own code logged: TensorFlow says things of its own, by what ran before."""
    return [record.getMessage() for record in caplog.records if record.name.startswith("pipeline")]


@pytest.mark.parametrize("name", VARIANTS)
def test_it_ends_with_the_same_numbers_bit_for_bit(train_in_memory, checkpoint, name):
    wanted, history = train_in_memory(*VARIANTS[name])
    for epoch in (1, 3):
        with pytest.raises(InterruptionError):
            train_in_memory(*VARIANTS[name], checkpoint=checkpoint, on_epoch=interrupt_after(epoch))
    network, resumed = train_in_memory(*VARIANTS[name], checkpoint=checkpoint)
    assert without_rate(resumed) == without_rate(history)
    assert state_of(network) == state_of(wanted)


def test_the_epoch_is_told_and_only_what_is_left_is_trained(train_in_memory, checkpoint, caplog):
    caplog.set_level(logging.INFO, "pipeline")
    with pytest.raises(InterruptionError):
        train_in_memory(checkpoint=checkpoint, on_epoch=interrupt_after(3))
    assert not said(caplog)
    seen = []
    train_in_memory(checkpoint=checkpoint, on_epoch=lambda epoch, _: seen.append(epoch))
    assert seen == [4]
    assert said(caplog) == [
        f"training goes on after epoch 3 of 4, from {checkpoint.folder} (train.resume=false starts anew)"
    ]


def test_a_training_that_was_over_when_it_was_interrupted_trains_nothing(train_in_memory, checkpoint):
    stops_early = ["train.patience=1", "train.epochs=20", "train.learning_rate=0.5"]
    wanted, history = train_in_memory(*stops_early)
    assert len(history) < 20
    with pytest.raises(InterruptionError):
        train_in_memory(*stops_early, checkpoint=checkpoint, on_epoch=interrupt_after(len(history)))
    network, resumed = train_in_memory(*stops_early, checkpoint=checkpoint, on_epoch=interrupt_after(0))
    assert without_rate(resumed) == without_rate(history)
    assert state_of(network)[:4] == state_of(wanted)[:4]


def test_without_resume_it_starts_anew(train_in_memory, checkpoint):
    with pytest.raises(InterruptionError):
        train_in_memory(checkpoint=checkpoint, on_epoch=interrupt_after(2))
    seen = []
    train_in_memory("train.resume=false", checkpoint=checkpoint, on_epoch=lambda epoch, _: seen.append(epoch))
    assert seen == [1, 2, 3, 4]


def _cut_short(path):
    path.write_bytes(path.read_bytes()[:-100])


def _a_bit_turned(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("spoil", [_cut_short, _a_bit_turned, _empty])
def test_a_broken_checkpoint_is_told_and_not_used(compose_config, checkpoint, caplog, spoil):
    network = toy_network()
    compile_for_training(network, compose_config().train, 1, np.array([0, 1]))
    checkpoint.save(network, [{"epoch": 1}], network.get_weights())
    assert checkpoint.read(network).rows == [{"epoch": 1}]
    (path,) = checkpoint.folder.iterdir()
    spoil(path)
    assert checkpoint.read(network) == State()
    (message,) = said(caplog)
    assert message.startswith(f"{path} cannot be used (")
    assert message.endswith("; training starts anew")


def test_a_checkpoint_of_another_network_is_not_used(train_in_memory, checkpoint, caplog):
    with pytest.raises(InterruptionError):
        train_in_memory(checkpoint=checkpoint, on_epoch=interrupt_after(2))

    def other():
        image = keras.Input((None, None, 3), name="image")
        x = keras.layers.Dense(1)(keras.layers.GlobalMaxPooling2D()(image))
        return keras.Model({"image": image}, {"logit": keras.layers.Reshape(())(x)})

    seen = []
    train_in_memory(network=other, checkpoint=checkpoint, on_epoch=lambda epoch, _: seen.append(epoch))
    assert seen == [1, 2, 3, 4]
    assert "a network of another shape" in said(caplog)[0]


def test_removing_leaves_nothing(train_in_memory, checkpoint):
    train_in_memory("train.epochs=1", checkpoint=checkpoint)
    assert checkpoint.folder.is_dir()
    checkpoint.remove()
    checkpoint.remove()
    assert not checkpoint.folder.exists()


DIGEST_OF = {"tables": {"train": "a", "validation": "b"}, "precision": "float32", "replicas": 1}


@pytest.mark.parametrize(
    "override", ["train.seed=3", "train.loss.map=0.5", "model.dropout=0.25", "runtime.deterministic=false"]
)
def test_another_configuration_has_another_checkpoint(compose_config, override):
    first, other = compose_config("model=cnn"), compose_config("model=cnn", override)
    assert training_digest(first, **DIGEST_OF) != training_digest(other, **DIGEST_OF)


def test_so_have_other_tables(compose_config):
    other = {**DIGEST_OF, "tables": {"train": "a", "validation": "c"}}
    assert training_digest(compose_config(), **DIGEST_OF) != training_digest(compose_config(), **other)


@pytest.mark.parametrize("override", ["train.resume=false", "train.save_h5=false", "evaluate.bootstrap=200"])
def test_what_changes_nothing_in_training_has_the_same(compose_config, override):
    assert training_digest(compose_config(), **DIGEST_OF) == training_digest(
        compose_config(override), **DIGEST_OF
    )
