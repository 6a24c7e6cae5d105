"""Fits a network to the training table."""

import contextlib
from collections.abc import Callable, Iterator, Mapping

import keras
import pandas as pd
import tensorflow as tf

from pipeline.config import Config, Train
from pipeline.errors import UserError
from pipeline.inputs.cache import PictureCache
from pipeline.inputs.datasets import Feed, ordered_dataset, training_dataset
from pipeline.training.progress import Progress
from pipeline.training.validation import COLUMNS, EpochMetrics

OnEpoch = Callable[[int, Mapping[str, float]], None]
_BETTER = {"validation/loss": "min", "validation/roc_auc": "max"}


def fit(
    network: keras.Model,
    train: pd.DataFrame,
    validation: pd.DataFrame,
    config: Config,
    on_epoch: OnEpoch | None = None,
) -> pd.DataFrame:
    """Train in place, with Adam on the binary cross-entropy of the logit.

    With `train.patience` training ends when `train.monitor` has not become better for so many epochs,
    and the network is left with the weights of its best epoch; without, with those of the last.

    Args:
        network: from `pipeline.models.build`.
        train: columns `path` and `target`.
        validation: the same; its pictures are only rescaled.
        config: the parts seed, preprocess, augment, train and runtime are used.
        on_epoch: called after each epoch with its number, from 1, and its metrics.

    Returns:
        one row an epoch: `epoch` and the metrics of `pipeline.training.validation.COLUMNS`.

    Raises:
        UserError: a picture cannot be read, a class is missing, training diverges, or the batch is too
            large for the memory.
    """
    _check_validation(validation, config.train)
    training_feed, validation_feed = _feeds(train, validation, config)
    compile_for_training(network, config.train.learning_rate)
    rows: list[dict[str, float]] = []

    def keep(epoch: int, metrics: Mapping[str, float]) -> None:
        rows.append({"epoch": epoch + 1, **metrics})
        if on_epoch is not None:
            on_epoch(epoch + 1, dict(metrics))

    epochs, images = config.train.epochs, training_feed.images_per_epoch
    progress = Progress(epochs, images, training_feed.steps)
    callbacks = [
        EpochMetrics(validation_feed, images),
        *_early_stopping(config.train),
        keras.callbacks.LambdaCallback(on_epoch_end=keep),
        progress,
    ]
    with contextlib.closing(progress), _plain_errors(config, training_feed, validation_feed):
        network.fit(
            training_feed.dataset,
            steps_per_epoch=training_feed.steps,
            epochs=epochs,
            callbacks=callbacks,
            shuffle=False,  # the dataset has done it
            verbose=0,
        )
    return pd.DataFrame(rows, columns=["epoch", *COLUMNS])


def compile_for_training(network: keras.Model, learning_rate: float) -> None:
    """Give the network its optimizer, loss and running accuracy (at probability 0.5)."""
    network.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss={"logit": keras.losses.BinaryCrossentropy(from_logits=True)},
        metrics={"logit": keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)},
    )


def _feeds(train: pd.DataFrame, validation: pd.DataFrame, config: Config) -> tuple[Feed, Feed]:
    cache = PictureCache(config.runtime.cache, config.runtime.cache_gib)
    batch_size = config.train.batch_size
    training_feed = training_dataset(
        train,
        config.preprocess,
        config.augment,
        batch_size=batch_size,
        fake_fraction=config.train.fake_fraction,
        seed=config.seed,
        cache=cache,
    )
    return training_feed, ordered_dataset(validation, config.preprocess, batch_size=batch_size, cache=cache)


def _early_stopping(settings: Train) -> list[keras.callbacks.Callback]:
    if settings.patience is None:
        return []
    return [
        keras.callbacks.EarlyStopping(
            settings.monitor,
            mode=_BETTER[settings.monitor],
            patience=settings.patience,
            restore_best_weights=True,
        )
    ]


def _check_validation(validation: pd.DataFrame, settings: Train) -> None:
    classes = set(validation["target"])
    if not classes:
        raise UserError("the validation table is empty; raise split.shares.validation or add pictures")
    if settings.patience is not None and settings.monitor == "validation/roc_auc" and len(classes) < 2:
        raise UserError(
            "train.monitor=validation/roc_auc needs genuine and fake pictures in the validation table, and "
            "it has one class only; add pictures, or set train.monitor=validation/loss"
        )


@contextlib.contextmanager
def _plain_errors(config: Config, *feeds: Feed) -> Iterator[None]:
    """Turn what TensorFlow raises into what a person can mend, where that is the cause."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        size = config.preprocess
        raise UserError(
            f"out of memory with train.batch_size={config.train.batch_size} and images of "
            f"{size.height}×{size.width}; lower train.batch_size or preprocess.height and preprocess.width"
        ) from error
    except tf.errors.OpError as error:
        for feed in feeds:
            if feed.pictures.failure is not None:
                raise feed.pictures.failure from error
        raise
