"""Fits a network to the training table."""

import contextlib
from collections.abc import Iterator

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from pipeline.config import Config, Train
from pipeline.errors import UserError
from pipeline.inputs.datasets import Feed
from pipeline.training.checkpoint import Checkpoint, State
from pipeline.training.course import Course, OnEpoch
from pipeline.training.feeds import make_feeds
from pipeline.training.losses import LabelLoss, MapLoss, class_weights
from pipeline.training.optimizers import make_optimizer
from pipeline.training.progress import Progress
from pipeline.training.replicas import EqualReplicas
from pipeline.training.schedules import Rate, make_schedule
from pipeline.training.strategy import check_batches
from pipeline.training.validation import COLUMNS, EpochMetrics


def fit(
    network: keras.Model,
    train: pd.DataFrame,
    validation: pd.DataFrame,
    config: Config,
    on_epoch: OnEpoch | None = None,
    checkpoint: Checkpoint | None = None,
) -> pd.DataFrame:
    """Train in place, on the label and, where the network has a map, on the masks.

    With `train.patience` training ends when `train.monitor` has not become better for so many epochs,
    and the network is left with the weights of its best epoch; without, with those of the last.

    Args:
        network: from `pipeline.models.build`, built within the scope of its strategy.
        train: as `training_dataset` takes it.
        validation: as `ordered_dataset` takes it.
        config: the parts seed, convert, preprocess, augment, train and runtime are used.
        on_epoch: called after each epoch with its number, from 1, and its metrics.
        checkpoint: where the state is kept after each epoch. With `train.resume` training goes on from
            there, and ends with the weights and the history of one that was never interrupted. Whoever
            calls removes it in the end.

    Returns:
        one row an epoch: `epoch` and the metrics of `pipeline.training.validation.COLUMNS`.

    Raises:
        UserError: a picture cannot be read, a class is missing, training diverges, or a batch is too
            large for the memory or cannot be shared out to the devices.
    """
    _check_validation(validation, config.train)
    kept = checkpoint.read(network) if checkpoint is not None and config.train.resume else State()
    feeds = make_feeds(train, validation, config, network, first_epoch=len(kept.rows))
    check_batches(feeds[0], config.train.batch_size, network.distribute_strategy.num_replicas_in_sync)
    rate = compile_for_training(network, config.train, feeds[0].steps, feeds[0].targets)
    if checkpoint is not None and kept.rows:
        checkpoint.restore(network, kept)
    course = Course(config.train, rate, checkpoint, kept, on_epoch)
    if not course.is_over:
        with _plain_errors(config, *feeds), _ending_in_order(*feeds):
            _train(network, course, *feeds)
    course.leave_best_weights(network)
    return pd.DataFrame(course.rows, columns=["epoch", *COLUMNS])


def compile_for_training(network: keras.Model, settings: Train, steps: int, targets: np.ndarray) -> Rate:
    """Give the network its optimizer, its losses and a running accuracy (at probability 0.5).

    Args:
        network: with a `map` beside its `logit`, or without.
        settings: of the training.
        steps: batches in an epoch.
        targets: (n,) of the training table, 1 for fake and 0 for genuine.

    Returns:
        the learning rate, which a plateau lowers.

    Raises:
        UserError: nothing is left to be made small.
    """
    losses = {"logit": LabelLoss(*class_weights(settings, targets)), "map": MapLoss()}
    weights = {"logit": settings.loss.label, "map": settings.loss.map}
    answers = list(network.output)
    if not any(weights[name] for name in answers):
        raise UserError(
            "train.loss.label is 0, and the network has no map that could be trained instead; raise it, or "
            "choose another model"
        )
    with network.distribute_strategy.scope():
        rate = make_schedule(settings, steps)
        network.compile(
            optimizer=make_optimizer(network, settings, rate),
            loss={name: losses[name] for name in answers},
            loss_weights={name: weights[name] for name in answers},
            metrics={"logit": keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)},
            # XLA, which Keras takes by itself unless operations must be deterministic, halves the rate of
            # the classic network on processors.
            jit_compile=False,
        )
    return rate


def _train(network: keras.Model, course: Course, training: Feed, validation: Feed) -> None:
    """Train the epochs that are left."""
    epochs, done = course.settings.epochs, len(course.rows)
    progress = Progress(epochs, training.images_per_epoch, training.steps, done)
    callbacks = [EqualReplicas(), EpochMetrics(validation, training.images_per_epoch), course, progress]
    with contextlib.closing(progress):
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
def _ending_in_order(*feeds: Feed) -> Iterator[None]:
    """Let no batch be under way when an iterator goes (see `pipeline.inputs.making`).

    Keras would take the iterator out of an exception's traceback before anybody sees it.
    """
    keras.config.disable_traceback_filtering()
    try:
        yield
    finally:
        for feed in feeds:
            feed.maker.close()
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
def _plain_errors(config: Config, *feeds: Feed) -> Iterator[None]:
    """Turn what TensorFlow raises into what a person can mend, where that is the cause."""
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        size = config.preprocess
        what = "crops" if size.method == "native" else "images"
        raise UserError(
            f"out of memory with train.batch_size={config.train.batch_size} and {what} of "
            f"{size.height}×{size.width}; lower train.batch_size or preprocess.height and preprocess.width"
        ) from error
    except tf.errors.OpError as error:
        for pictures in (each for feed in feeds for each in feed.pictures):
            if pictures.failure is not None:
                raise pictures.failure from error
        raise
