"""The figures of an epoch: training's from its batches, validation's from all of its pictures at once."""

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn.metrics import roc_auc_score

from pipeline.errors import UserError
from pipeline.inputs.datasets import Feed

COLUMNS = [
    "train/loss",
    "train/accuracy",
    "validation/loss",
    "validation/accuracy",
    "validation/roc_auc",
    "images_per_second",
]


class EpochMetrics(keras.callbacks.Callback):
    """Replaces what Keras logs at the end of an epoch by `COLUMNS`; must stand before what reads them.

    Args:
        validation: ordered batches, which may be of several sizes.
        images_per_epoch: training pictures that an epoch shows.

    Raises:
        UserError: training has diverged.
    """

    def __init__(self, validation: Feed, images_per_epoch: int) -> None:
        super().__init__()
        self.validation = validation
        self.images_per_epoch = images_per_epoch
        self._began = 0.0
        self._logits: Callable[[Any], tf.Tensor] | None = None

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Compile the scoring once for all sizes of batches."""
        network, inputs = self.model, self.validation.dataset.element_spec[0]
        self._logits = tf.function(
            lambda given: network(given, training=False)["logit"], input_signature=[inputs]
        )

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Start the clock."""
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Score the validation pictures, and put all figures into `logs`."""
        assert logs is not None
        assert self._logits is not None
        seconds = time.perf_counter() - self._began
        logits = np.concatenate([self._logits(inputs).numpy() for inputs, *_ in self.validation.dataset])
        if not (np.isfinite(logs["loss"]) and np.isfinite(logits).all()):
            raise UserError(
                f"training diverged in epoch {epoch + 1}: train/loss is {logs['loss']}, and only "
                f"{np.isfinite(logits).mean():.0%} of the validation logits are finite numbers; "
                "lower train.learning_rate"
            )
        figures = {
            "train/loss": float(logs["loss"]),
            # Keras names it after the answer where there are several.
            "train/accuracy": float(logs.get("accuracy", logs.get("logit_accuracy", np.nan))),
            **validation_metrics(logits, self.validation.targets),
            "images_per_second": self.images_per_epoch / seconds,
        }
        logs.clear()
        logs.update(figures)


def validation_metrics(logits: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Score logits of being fake.

    Args:
        logits: (n,), finite.
        targets: (n,) 1 for fake, 0 for genuine.

    Returns:
        `validation/loss` (mean binary cross-entropy), `validation/accuracy` (at probability 0.5) and
        `validation/roc_auc` (NaN where a class is missing).
    """
    logits = np.asarray(logits, np.float64)
    fake = np.asarray(targets) == 1
    with_sign = np.where(fake, -logits, logits)
    has_auc = fake.any() and not fake.all()
    return {
        "validation/loss": float(np.logaddexp(0.0, with_sign).mean()),
        "validation/accuracy": float(((logits >= 0) == fake).mean()),
        "validation/roc_auc": float(roc_auc_score(fake, logits)) if has_auc else float("nan"),
    }
