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


def interrupted(train, last, *overrides, **how):
    """Train, and be interrupted after the epoch `last`."""

    def on_epoch(epoch, metrics):  # noqa: ARG001
        if epoch == last:
            raise InterruptionError

    with pytest.raises(InterruptionError):
        train(*overrides, on_epoch=on_epoch, **how)


def trained_epochs(train, *overrides, **how):
    seen = []
    train(*overrides, on_epoch=lambda epoch, _: seen.append(epoch), **how)
    return seen


def without_rate(history):
    return history.drop(columns="images_per_second").to_dict("list")


@pytest.fixture
def checkpoint(tmp_path):
    return Checkpoint(tmp_path / "checkpoints" / "abc")


def logged(caplog):
    """List what our own code logged: TensorFlow logs things of its own, by what ran before."""
    return [record.getMessage() for record in caplog.records if record.name.startswith("pipeline")]


@pytest.mark.parametrize("name", VARIANTS)
def test_it_ends_with_the_same_numbers_bit_for_bit(train_in_memory, checkpoint, name):
    wanted, history = train_in_memory(*VARIANTS[name])
    for epoch in (1, 3):
        interrupted(train_in_memory, epoch, *VARIANTS[name], checkpoint=checkpoint)
    network, resumed = train_in_memory(*VARIANTS[name], checkpoint=checkpoint)
    assert without_rate(resumed) == without_rate(history)
    assert state_of(network) == state_of(wanted)


def test_the_epoch_is_told_and_only_what_is_left_is_trained(train_in_memory, checkpoint, caplog):
    caplog.set_level(logging.INFO, "pipeline")
    interrupted(train_in_memory, 3, checkpoint=checkpoint)
    assert not logged(caplog)
    assert trained_epochs(train_in_memory, checkpoint=checkpoint) == [4]
    assert logged(caplog) == [
        f"training goes on after epoch 3 of 4, from {checkpoint.folder} (train.resume=false starts anew)"
    ]


def test_a_training_that_was_over_when_it_was_interrupted_trains_nothing(train_in_memory, checkpoint):
    stops_early = ["train.patience=1", "train.epochs=20", "train.learning_rate=0.5"]
    wanted, history = train_in_memory(*stops_early)
    assert len(history) < 20
    interrupted(train_in_memory, len(history), *stops_early, checkpoint=checkpoint)
    network, resumed = train_in_memory(*stops_early, checkpoint=checkpoint)
    assert without_rate(resumed) == without_rate(history)
    assert state_of(network)[:4] == state_of(wanted)[:4]


def test_without_resume_it_starts_anew(train_in_memory, checkpoint):
    interrupted(train_in_memory, 2, checkpoint=checkpoint)
    assert trained_epochs(train_in_memory, "train.resume=false", checkpoint=checkpoint) == [1, 2, 3, 4]


def _cut_short(content):
    return content[:-100]


def _a_bit_turned(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def _empty(_):
    return b""


@pytest.mark.parametrize("spoil", [_cut_short, _a_bit_turned, _empty])
def test_a_broken_checkpoint_is_told_and_not_used(compose_config, checkpoint, caplog, spoil):
    network = toy_network()
    compile_for_training(network, compose_config().train, 1, np.array([0, 1]))
    checkpoint.save(network, [{"epoch": 1}], network.get_weights())
    assert checkpoint.read(network).rows == [{"epoch": 1}]
    (path,) = checkpoint.folder.iterdir()
    path.write_bytes(spoil(path.read_bytes()))
    assert checkpoint.read(network) == State()
    (message,) = logged(caplog)
    assert message.startswith(f"{path} cannot be used (")
    assert message.endswith("; training starts anew")


def test_a_checkpoint_of_another_network_is_not_used(train_in_memory, checkpoint, caplog):
    def other():
        image = keras.Input((None, None, 3), name="image")
        x = keras.layers.Dense(1)(keras.layers.GlobalMaxPooling2D()(image))
        return keras.Model({"image": image}, {"logit": keras.layers.Reshape(())(x)})

    interrupted(train_in_memory, 2, checkpoint=checkpoint)
    assert trained_epochs(train_in_memory, network=other, checkpoint=checkpoint) == [1, 2, 3, 4]
    assert "a network of another shape" in logged(caplog)[0]


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
def test_other_configurations_and_tables_have_other_checkpoints(compose_config, override):
    first, other = compose_config("model=cnn"), compose_config("model=cnn", override)
    digest = training_digest(first, **DIGEST_OF)
    assert digest != training_digest(other, **DIGEST_OF)
    other_tables = {"tables": {"train": "a", "validation": "c"}}
    assert digest != training_digest(first, **DIGEST_OF | other_tables)


@pytest.mark.parametrize(
    "override",
    ["train.resume=false", "train.save_h5=false", "evaluate.bootstrap=200", "decision.unsure=null"],
)
def test_what_changes_nothing_in_training_has_the_same(compose_config, override):
    first, other = compose_config(), compose_config(override)
    assert training_digest(first, **DIGEST_OF) == training_digest(other, **DIGEST_OF)
