"""Fits a network to the training table."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from pipeline.config import Config, Train
from pipeline.errors import UserError
from pipeline.inputs.batches import Feed, ordered_dataset, training_dataset
from pipeline.inputs.cache import PictureCache
from pipeline.models.build import build
from pipeline.models.detector_files import save_detector, save_forest, save_h5
from pipeline.models.forest import Forest
from pipeline.training.callbacks import COLUMNS, Course, EpochMetrics, EqualReplicas, OnEpoch, Progress
from pipeline.training.checkpoint import CHECKPOINTS, Checkpoint, State, training_digest
from pipeline.training.device import check_batches, choose_strategy, prepare_machine, training_seed
from pipeline.training.fit_forest import fit_forest
from pipeline.training.optimizer import LabelLoss, MapLoss, Rate, class_weights, make_optimizer, make_schedule

# The batches of a training: what is drawn from the tables, in the form that the network takes.
#

Batch = dict[str, tf.Tensor]


def make_feeds(
    train: pd.DataFrame, validation: pd.DataFrame, config: Config, network: keras.Model, first_epoch: int
) -> tuple[Feed, Feed]:
    """Make the batches for training, from `first_epoch` (counted from 0) on, and for validation.

    Raises:
        UserError: a class is missing, or the network takes what these inputs do not give.
    """
    cache = PictureCache(config.runtime.cache, config.runtime.cache_gib)
    batch_size = config.train.batch_size
    training = training_dataset(
        train,
        config.inputs,
        batch_size=batch_size,
        fake_fraction=config.train.fake_fraction,
        seed=training_seed(config),
        cache=cache,
        first_epoch=first_epoch,
        policy=config.convert.policy,
    )
    held_out = ordered_dataset(validation, config.inputs, batch_size=batch_size, cache=cache)
    return suited(training, network), suited(held_out, network)


def suited(feed: Feed, network: keras.Model) -> Feed:
    """Keep the inputs that a network takes and the targets of what it answers.

    A network with a map that is given no masks gets a target in which every cell is unknown.

    Raises:
        UserError: the network takes what the feed does not give.
    """
    given, targets, _ = feed.dataset.element_spec
    if missing := set(network.input) - set(given):
        raise UserError(
            f"the network takes {', '.join(sorted(missing))} beside {', '.join(sorted(given))}, which these "
            "inputs do not give; choose another model, or inputs=native"
        )
    if set(network.input) == set(given) and set(network.output) == set(targets):
        return feed

    def suit(inputs: Batch, targets: Batch, weights: Batch) -> tuple[Batch, Batch, Batch]:
        if "map" not in targets:
            targets, weights = (
                {**targets, "map": _unknown(inputs["image"])},
                {**weights, "map": weights["logit"]},
            )
        return (
            {name: inputs[name] for name in network.input},
            {name: targets[name] for name in network.output},
            {name: weights[name] for name in network.output},
        )

    return replace(feed, dataset=feed.dataset.map(suit))


def _unknown(images: Any) -> tf.Tensor:
    """A map of -1 in each cell."""
    size = tf.shape(images)
    return -tf.ones((size[0], size[1] // 8, size[2] // 8), tf.float32)


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
        config: the parts seed, convert, inputs, train and runtime are used.
        on_epoch: called after each epoch with its number, from 1, and its metrics.
        checkpoint: where the state is kept after each epoch. With `train.resume` training goes on from
            there, and ends with the weights and the history of one that was never interrupted. Whoever
            calls removes it in the end.

    Returns:
        one row an epoch: `epoch` and the metrics of `pipeline.training.callbacks.COLUMNS`.

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
    """Let no batch be under way when an iterator goes (see `pipeline.inputs.batches`).

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
        size = config.inputs
        what = "crops" if size.method == "native" else "images"
        raise UserError(
            f"out of memory with train.batch_size={config.train.batch_size} and {what} of "
            f"{size.height}×{size.width}; lower train.batch_size or inputs.height and inputs.width"
        ) from error
    except tf.errors.OpError as error:
        for pictures in (each for feed in feeds for each in feed.pictures):
            if pictures.failure is not None:
                raise pictures.failure from error
        raise


# A training of any kind of detector: what it starts with, fits and leaves behind.
#


class Training(Protocol):
    """One training.

    Attributes:
        facts: `device` and `precision`, for the record.
    """

    facts: dict[str, str]

    def fit(self, train: pd.DataFrame, validation: pd.DataFrame, on_epoch: OnEpoch) -> pd.DataFrame:
        """Train; give the history, a row an epoch."""

    def summary(self) -> str:
        """Say what is trained, within 80 columns."""

    def save(self, folder: Path) -> None:
        """Write the detector."""

    def finish(self) -> None:
        """Clear away what an interrupted training would have gone on from, once all is saved."""


def training_of(config: Config, tables: Mapping[str, Any]) -> Training:
    """Prepare this process for the training of a configuration.

    Args:
        config: the whole one.
        tables: name -> path and digest of the tables that it learns from.

    Raises:
        UserError: the model cannot be built.
    """
    machine = prepare_machine(config.runtime, config.train.precision, training_seed(config))
    strategy = choose_strategy(config.runtime.strategy)
    with strategy.scope():
        model = build(config.model, config.inputs.height, config.inputs.width)
    if isinstance(model, Forest):
        return ForestTraining(model, config, {**machine, "precision": "float64"})
    digest = training_digest(
        config, tables, precision=machine["precision"], replicas=strategy.num_replicas_in_sync
    )
    return NetworkTraining(model, config, machine, Checkpoint(CHECKPOINTS / digest))


class NetworkTraining:
    """Of a Keras network."""

    def __init__(self, network: Any, config: Config, facts: dict[str, str], checkpoint: Checkpoint) -> None:
        self.network = network
        self.config = config
        self.facts = facts
        self.checkpoint = checkpoint

    def fit(self, train: pd.DataFrame, validation: pd.DataFrame, on_epoch: OnEpoch) -> pd.DataFrame:
        """Train, from where an interrupted training of the same configuration was."""
        return fit(self.network, train, validation, self.config, on_epoch, self.checkpoint)

    def summary(self) -> str:
        """Keras's own."""
        lines: list[str] = []
        self.network.summary(
            line_length=80,
            print_fn=lambda text, line_break=False: lines.append(text),  # noqa: ARG005
        )
        return "\n".join(lines) + "\n"

    def save(self, folder: Path) -> None:
        """Write `detector.keras` and, if asked for, the `.h5`."""
        save_detector(self.network, folder)
        if self.config.train.save_h5:
            save_h5(self.network, folder)

    def finish(self) -> None:
        """Remove the checkpoint."""
        self.checkpoint.remove()


class ForestTraining:
    """Of a forest: minutes at most, so nothing is kept between."""

    def __init__(self, forest: Forest, config: Config, facts: dict[str, str]) -> None:
        self.forest = forest
        self.config = config
        self.facts = facts

    def fit(self, train: pd.DataFrame, validation: pd.DataFrame, on_epoch: OnEpoch) -> pd.DataFrame:
        """Measure the pictures and grow the trees."""
        return fit_forest(self.forest, train, validation, self.config, on_epoch)

    def summary(self) -> str:
        """Name its trees."""
        return self.forest.describe()

    def save(self, folder: Path) -> None:
        """Write `detector.skops`."""
        save_forest(self.forest, folder)

    def finish(self) -> None:
        """Nothing was kept."""
