"""What training makes small and how: the losses of label and map, the learning rate, the optimizer.

Under a strategy with several replicas each replica sees a part of the batch. The losses count over the whole
batch all the same, so that the sum of the replicas' losses is that of one device.
"""

from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from keras.optimizers.schedules import CosineDecay, LearningRateSchedule

from pipeline.config import Train
from pipeline.errors import UserError


@keras.saving.register_keras_serializable(package="fake_image_detection")
class LabelLoss(keras.losses.Loss):
    """Binary cross-entropy of the logit, averaged over the batch, with a weight for each class."""

    def __init__(self, genuine: float = 1.0, fake: float = 1.0) -> None:
        super().__init__(name="label", reduction="sum")
        self.genuine = float(genuine)
        self.fake = float(fake)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return each picture's part (batch,) for targets (1 fake, 0 genuine) and logits (batch,)."""
        weights = ops.where(y_true > 0.5, self.fake, self.genuine)
        pictures = _in_whole_batch(ops.cast(ops.size(y_true), y_pred.dtype))
        return weights * _cross_entropy(y_true, y_pred) / ops.maximum(pictures, 1.0)

    def get_config(self) -> dict[str, Any]:
        """Return what it was made with."""
        return {"genuine": self.genuine, "fake": self.fake}


@keras.saving.register_keras_serializable(package="fake_image_detection")
class MapLoss(keras.losses.Loss):
    """Binary cross-entropy of the blocks that are known; tampered and untouched ones weigh half each.

    So a small region counts as much as all that surrounds it. What is counted are the blocks of the batch,
    not of each picture: a picture with one tampered block would else outweigh one with a hundred.
    """

    def __init__(self) -> None:
        super().__init__(name="map", reduction="sum")

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return each picture's part (batch,); both (batch, rows, columns), 1 tampered, 0 not, -1 unknown."""
        tampered = ops.cast(y_true > 0.5, y_pred.dtype)
        untouched = ops.cast(y_true >= 0, y_pred.dtype) - tampered
        weights = sum(
            0.5 * blocks / (_in_whole_batch(ops.sum(blocks)) + 1.0)  # one more: a batch may have none
            for blocks in (tampered, untouched)
        )
        return ops.sum(weights * _cross_entropy(tampered, y_pred), axis=(1, 2))

    def get_config(self) -> dict[str, Any]:
        """Return no arguments."""
        return {}


def class_weights(settings: Train, targets: np.ndarray) -> tuple[float, float]:
    """Return the weights of genuine pictures and fakes in the label's loss.

    With `train.class_weights=balanced` both classes weigh alike, whatever their shares in what is drawn;
    a picture's weight is 1 on the average. `targets`, (n,), are those of the training table (1: fake).
    """
    fake = float(np.mean(targets == 1)) if settings.fake_fraction is None else settings.fake_fraction
    if settings.class_weights is None or fake in (0.0, 1.0):
        return 1.0, 1.0
    return 0.5 / (1.0 - fake), 0.5 / fake


def _cross_entropy(targets: Any, logits: Any) -> Any:
    return ops.softplus(logits) - targets * logits


def _in_whole_batch(count: Any) -> Any:
    replica = tf.distribute.get_replica_context()
    # There is none while Keras tries out shapes, before training.
    return count if replica is None else replica.all_reduce(tf.distribute.ReduceOp.SUM, count)


LAST_SHARE = 0.01  # of the learning rate, where a cosine ends

Rate: TypeAlias = float | LearningRateSchedule


@keras.saving.register_keras_serializable(package="fake_image_detection")
class Divided(LearningRateSchedule):
    """A schedule times a factor, which is 1 until it is set: for `train.schedule=plateau`.

    To be made within the scope of the strategy.
    """

    def __init__(self, schedule: LearningRateSchedule) -> None:
        super().__init__()
        self.schedule = schedule
        self.factor = keras.Variable(
            1.0, trainable=False, aggregation="only_first_replica", name="plateau_factor"
        )

    def __call__(self, step: Any) -> Any:
        """Return the rate at a step, counted from 0."""
        return self.schedule(step) * self.factor

    def get_config(self) -> dict[str, Any]:
        """Return what it was made with."""
        return {"schedule": keras.optimizers.schedules.serialize(self.schedule)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Divided":
        """Make it again, with a factor of 1."""
        return cls(keras.optimizers.schedules.deserialize(config["schedule"]))


def make_schedule(settings: Train, steps: int) -> Rate:
    """Return the learning rate for `steps` batches an epoch: one number where it never changes."""
    if settings.schedule == "constant" and settings.warmup == 0:
        return settings.learning_rate
    if settings.schedule == "cosine":
        return _warmed_up(settings, steps, LAST_SHARE)
    constant = _warmed_up(settings, steps, 1.0)
    return Divided(constant) if settings.schedule == "plateau" else constant


def _warmed_up(settings: Train, steps: int, last_share: float) -> CosineDecay:
    """Rise linearly from 0, then fall as a cosine does to a share of the rate; 1 is no fall at all."""
    rising = round(settings.warmup * steps)
    falling = max(1, settings.epochs * steps - rising)
    if not rising:
        return CosineDecay(settings.learning_rate, falling, alpha=last_share)
    return CosineDecay(
        0.0, falling, alpha=last_share, warmup_target=settings.learning_rate, warmup_steps=rising
    )


def make_optimizer(network: keras.Model, settings: Train, rate: Rate) -> keras.optimizers.Optimizer:
    """Return the optimizer of a network, with its state; within the scope of the network's strategy.

    Weight decay (adamw) takes kernels only, as is usual: a bias, the scale and shift of a normalisation and
    the scale and offset of a head have one axis or none and are left alone.
    """
    replicas = network.distribute_strategy.num_replicas_in_sync
    # Keras clips what each replica found before it adds them up; an equal share each keeps the sum below.
    clip_norm = None if settings.clip_norm is None else settings.clip_norm / replicas
    optimizer: keras.optimizers.Optimizer
    if settings.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(
            rate, weight_decay=settings.weight_decay, global_clipnorm=clip_norm
        )
        optimizer.exclude_from_weight_decay(
            var_list=[variable for variable in network.trainable_variables if len(variable.shape) < 2]
        )
    elif settings.optimizer == "adam":
        optimizer = keras.optimizers.Adam(rate, global_clipnorm=clip_norm)
    else:
        optimizer = keras.optimizers.SGD(rate, momentum=settings.momentum, global_clipnorm=clip_norm)
    optimizer.build(network.trainable_variables)
    return optimizer


def compile_for_training(network: keras.Model, settings: Train, steps: int, targets: np.ndarray) -> Rate:
    """Compile a network with its optimizer, its losses and a running accuracy (at probability 0.5).

    `steps` are the batches in an epoch, `targets`, (n,), those of the training table (1: fake). Returns the
    learning rate, which a plateau lowers; raises UserError where nothing is left to be made small.
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
