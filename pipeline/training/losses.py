"""What training makes small: cross-entropies of the picture's label and of the cells of its map.

Under a strategy with several replicas each replica sees a part of the batch. The losses count over the whole
batch all the same, so that the sum of the replicas' losses is that of one device.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from pipeline.config import Train


@keras.saving.register_keras_serializable(package="fake_image_detection")
class LabelLoss(keras.losses.Loss):
    """Binary cross-entropy of the logit, averaged over the batch.

    Args:
        genuine: weight of the genuine pictures.
        fake: weight of the fakes.
    """

    def __init__(self, genuine: float = 1.0, fake: float = 1.0) -> None:
        super().__init__(name="label", reduction="sum")
        self.genuine = float(genuine)
        self.fake = float(fake)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Take targets (1 fake, 0 genuine) and logits (batch,); give the part of each picture (batch,)."""
        weights = ops.where(y_true > 0.5, self.fake, self.genuine)
        pictures = _in_whole_batch(ops.cast(ops.size(y_true), y_pred.dtype))
        return weights * _cross_entropy(y_true, y_pred) / ops.maximum(pictures, 1.0)

    def get_config(self) -> dict[str, Any]:
        """Give what it was made with."""
        return {"genuine": self.genuine, "fake": self.fake}


@keras.saving.register_keras_serializable(package="fake_image_detection")
class MapLoss(keras.losses.Loss):
    """Binary cross-entropy of the cells that are known; tampered and untouched ones weigh half each.

    So a small region counts as much as all that surrounds it. What is counted are the cells of the batch,
    not of each picture: a picture with one tampered cell would else outweigh one with a hundred.
    """

    def __init__(self) -> None:
        super().__init__(name="map", reduction="sum")

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Take targets (1 tampered, 0 untouched, -1 unknown) and logits, both (batch, rows, columns).

        Returns:
            the part of each picture (batch,).
        """
        tampered = ops.cast(y_true > 0.5, y_pred.dtype)
        untouched = ops.cast(y_true >= 0, y_pred.dtype) - tampered
        weights = sum(
            0.5 * cells / (_in_whole_batch(ops.sum(cells)) + 1.0)  # one more: a batch may have none
            for cells in (tampered, untouched)
        )
        return ops.sum(weights * _cross_entropy(tampered, y_pred), axis=(1, 2))

    def get_config(self) -> dict[str, Any]:
        """Give what it was made with: nothing."""
        return {}


def class_weights(settings: Train, targets: np.ndarray) -> tuple[float, float]:
    """Give the weights of genuine pictures and fakes in the label's loss.

    With `train.class_weights=balanced` both classes weigh alike, whatever their shares in what is drawn;
    a picture's weight is 1 on the average.

    Args:
        settings: `class_weights` and `fake_fraction` are used.
        targets: (n,) of the training table, 1 for fake and 0 for genuine; not empty.
    """
    if settings.class_weights is None:
        return 1.0, 1.0
    fake = settings.fake_fraction
    if fake is None:
        fake = float(np.mean(targets == 1))
    if fake in (0.0, 1.0):
        return 1.0, 1.0
    return 0.5 / (1.0 - fake), 0.5 / fake


def _cross_entropy(targets: Any, logits: Any) -> Any:
    return ops.softplus(logits) - targets * logits


def _in_whole_batch(count: Any) -> Any:
    """Add up what the replicas counted."""
    replica = tf.distribute.get_replica_context()
    # There is none while Keras tries out shapes, before training.
    return count if replica is None else replica.all_reduce(tf.distribute.ReduceOp.SUM, count)
