"""Fits a model to the training table: prepares the machine, makes the batches, trains epoch by epoch."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import keras
import pandas as pd
import tensorflow as tf

from pipeline.config import Config, Train
from pipeline.datasets.tables import background_collections
from pipeline.errors import UserError
from pipeline.inputs.batches import Batches, ordered_batches, training_batches
from pipeline.inputs.cache import PictureCache
from pipeline.models.build import build
from pipeline.models.forest import Forest
from pipeline.training.callbacks import COLUMNS, AverageReplicas, EpochMetrics, Monitor, OnEpoch, ProgressBar
from pipeline.training.checkpoint import CHECKPOINTS, Checkpoint, State, training_digest
from pipeline.training.device import check_batches, choose_strategy, prepare_machine
from pipeline.training.fit_forest import fit_forest
from pipeline.training.optimizer import compile_for_training

Batch = dict[str, tf.Tensor]


def prepare_training(config: Config, tables: Mapping[str, Any]) -> tuple[Any, dict[str, str], Checkpoint]:
    """Prepare this process for the training of a configuration on `tables` (name -> path and digest).

    Returns the model with new weights; `device` and `precision`, for the record; and the checkpoint, to be
    removed once all is saved (a forest keeps none: it grows in minutes).
    """
    machine = prepare_machine(config.runtime, config.train.precision, config.training_seed)
    strategy = choose_strategy(config.runtime.strategy)
    with strategy.scope():
        model = build(config.model, config.inputs.height, config.inputs.width)
    digest = training_digest(config, tables, machine["precision"], strategy.num_replicas_in_sync)
    if isinstance(model, Forest):
        machine["precision"] = "float64"
    return model, machine, Checkpoint(CHECKPOINTS / digest)


def fit(
    model: Any,
    train: pd.DataFrame,
    validation: pd.DataFrame,
    config: Config,
    on_epoch: OnEpoch | None = None,
    checkpoint: Checkpoint | None = None,
) -> pd.DataFrame:
    """Train in place: a forest, or a network on the label and, where it has a map, on the masks.

    With `train.patience` training ends when `train.monitor` has not become better for so many epochs,
    and the network is left with the weights of its best epoch; without, with those of the last.

    `on_epoch` is called after each epoch with its number, from 1, and its metrics. The state after each epoch
    is kept in the `checkpoint`, which whoever calls removes in the end. With `train.resume` training goes on
    from there, and ends with the weights and the history of one that was never interrupted.

    Returns one row an epoch: `epoch` and the metrics of `pipeline.training.callbacks.COLUMNS`. Raises
    UserError where a picture cannot be read, a class is missing, training diverges, or a batch is too large
    for the memory or cannot be shared out to the devices.
    """
    if isinstance(model, Forest):
        return fit_forest(model, train, validation, config, on_epoch)
    _check_validation(validation, config.train)
    kept = checkpoint.read(model) if checkpoint is not None and config.train.resume else State()
    feeds = make_feeds(train, validation, config, model, first_epoch=len(kept.rows))
    check_batches(feeds[0], config.train.batch_size, model.distribute_strategy.num_replicas_in_sync)
    rate = compile_for_training(model, config.train, feeds[0].steps, feeds[0].targets)
    if checkpoint is not None and kept.rows:
        checkpoint.restore(model, kept)
    monitor = Monitor(config.train, rate, checkpoint, kept, on_epoch)
    if not monitor.is_over:
        with _plain_errors(config, *feeds), _ending_in_order(*feeds):
            _train(model, monitor, *feeds)
    monitor.leave_best_weights(model)
    return pd.DataFrame(monitor.rows, columns=["epoch", *COLUMNS])


def make_feeds(
    train: pd.DataFrame, validation: pd.DataFrame, config: Config, network: keras.Model, first_epoch: int
) -> tuple[Batches, Batches]:
    """Return the batches for training, from `first_epoch` (counted from 0) on, and for validation."""
    cache = PictureCache(config.runtime.cache, config.runtime.cache_gib)
    seed, policy = config.training_seed, config.convert.policy
    training = training_batches(
        train,
        config.inputs,
        config.train,
        seed=seed,
        cache=cache,
        first_epoch=first_epoch,
        policy=policy,
        background=background_collections(config.data),
    )
    held_out = ordered_batches(validation, config.inputs, config.train.batch_size, cache)
    return suited(training, network), suited(held_out, network)


def suited(batches: Batches, network: keras.Model) -> Batches:
    """Return the inputs that a network takes and the targets of what it answers.

    A network with a map that is given no masks gets a target in which every block is unknown. Raises
    UserError where it takes what the batches do not give.
    """
    given, targets, _ = batches.dataset.element_spec
    if missing := set(network.input) - set(given):
        raise UserError(
            f"the network takes {', '.join(sorted(missing))} beside {', '.join(sorted(given))}, which these "
            "inputs do not give; choose another model, or inputs=native"
        )
    if set(network.input) == set(given) and set(network.output) == set(targets):
        return batches

    def suit(inputs: Batch, targets: Batch, weights: Batch) -> tuple[Batch, Batch, Batch]:
        if "map" not in targets:
            batch, height, width, _ = tf.unstack(tf.shape(inputs["image"]))
            unknown = -tf.ones((batch, height // 8, width // 8), tf.float32)
            targets, weights = {**targets, "map": unknown}, {**weights, "map": weights["logit"]}
        return (
            {name: inputs[name] for name in network.input},
            {name: targets[name] for name in network.output},
            {name: weights[name] for name in network.output},
        )

    return replace(batches, dataset=batches.dataset.map(suit))


def _train(network: keras.Model, monitor: Monitor, training: Batches, validation: Batches) -> None:
    epochs, done = monitor.settings.epochs, len(monitor.rows)
    bar = ProgressBar(epochs, training.images_per_epoch, training.steps, done)
    callbacks = [AverageReplicas(), EpochMetrics(validation, training.images_per_epoch), monitor, bar]
    with contextlib.closing(bar), monitor.telling_where_it_goes_on():
        network.fit(
            training.dataset,
            steps_per_epoch=training.steps,
            initial_epoch=done,
            epochs=epochs,
            callbacks=callbacks,
            shuffle=False,  # the dataset has done it
            verbose=0,
        )


@contextlib.contextmanager
def _ending_in_order(*feeds: Batches) -> Iterator[None]:
    """Let no batch be under way when an iterator goes (see `pipeline.inputs.batches`).

    Keras would take the iterator out of an exception's traceback before anybody sees it.
    """
    keras.config.disable_traceback_filtering()
    try:
        yield
    finally:
        for batches in feeds:
            batches.maker.close()
        keras.config.enable_traceback_filtering()


def _check_validation(validation: pd.DataFrame, settings: Train) -> None:
    classes = set(validation["target"])
    if not classes:
        raise UserError("the validation table is empty; raise split.shares.validation or add pictures")
    is_monitored = settings.patience is not None or settings.schedule == "plateau"
    if is_monitored and settings.monitor == "validation/roc_auc" and len(classes) < 2:
        raise UserError(
            "train.monitor=validation/roc_auc needs genuine and fake pictures in the validation table, and "
            "it has one class only; add pictures, or set train.monitor=validation/loss"
        )


@contextlib.contextmanager
def _plain_errors(config: Config, *feeds: Batches) -> Iterator[None]:
    """Turn what TensorFlow raises into what a person can mend, where that is the cause."""
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        size = config.inputs
        what = "crops" if size.method == "native" else "images"
        raise UserError(
            f"out of memory with train.batch_size={config.train.batch_size} and {what} of "
            f"{size.height}×{size.width}; lower train.batch_size or inputs.height and inputs.width"
        ) from error
    except tf.errors.OpError as error:
        for pictures in (pictures for batches in feeds for pictures in batches.pictures):
            if pictures.failure is not None:
                raise pictures.failure from error
        raise
