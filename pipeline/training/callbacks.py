"""What happens after each epoch: history, best weights, learning rate, checkpoint, and whether to go on."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from pipeline.config import Train
from pipeline.errors import UserError
from pipeline.inputs.batches import Batches
from pipeline.training.checkpoint import Checkpoint, State
from pipeline.training.optimizer import Divided, Rate

LOG = logging.getLogger(__name__)
OnEpoch = Callable[[int, Mapping[str, float]], None]

# What follows takes the values of `train.monitor` alone, one an epoch: nothing else has to be remembered when
# a training is interrupted.
HIGHER_IS_BETTER = {"validation/loss": False, "validation/roc_auc": True}


def best_epoch(values: Sequence[float], monitor: str) -> int:
    """Return the index of the best value; of equal ones the first.

    >>> best_epoch([0.7, 0.9, 0.9, 0.8], "validation/roc_auc")
    1
    """
    best = max if HIGHER_IS_BETTER[monitor] else min
    return best(range(len(values)), key=lambda index: values[index])


def is_over(values: Sequence[float], settings: Train) -> bool:
    """Return whether training ends after these epochs."""
    if len(values) >= settings.epochs:
        return True
    if settings.patience is None or not values:
        return False
    return len(values) - 1 - best_epoch(values, settings.monitor) >= settings.patience


def rate_factor(values: Sequence[float], settings: Train) -> float:
    """Return what the learning rate is multiplied by in the next epoch; 1 without a plateau.

    The rate is divided once so many epochs have brought nothing better, and again after as many more.
    """
    if settings.schedule != "plateau":
        return 1.0
    divisions, waited = 0, 0
    for epoch in range(len(values)):
        is_best = best_epoch(values[: epoch + 1], settings.monitor) == epoch
        waited = 0 if is_best else waited + 1
        if waited == settings.plateau.wait:
            divisions, waited = divisions + 1, 0
    return settings.plateau.divide_by**-divisions


class Monitor(keras.callbacks.Callback):
    """Keeps history (`rows`), best weights and checkpoint of a training, lowers its rate and ends it.

    Must stand behind whatever adds metrics to the logs of an epoch. `state` is of the epochs that were
    trained before, with which the network has been brought in step.
    """

    def __init__(
        self,
        settings: Train,
        rate: Rate,
        checkpoint: Checkpoint | None,
        state: State,
        on_epoch: OnEpoch | None,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.rate = rate
        self.checkpoint = checkpoint
        self.on_epoch = on_epoch
        self.rows = list(state.rows)
        self._best: list[np.ndarray] = list(state.best)
        self._kept = len(self.rows)  # epochs in the checkpoint
        if self.rows and checkpoint is not None:
            LOG.info(
                "training goes on after epoch %d of %d, from %s (train.resume=false starts anew)",
                len(self.rows), settings.epochs, checkpoint.folder,
            )  # fmt: skip

    @property
    def is_over(self) -> bool:
        """Whether no epoch is left to be trained."""
        return is_over(self._monitored(), self.settings)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Lower the rate as earlier epochs have."""
        self._lower_rate()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keep what the epoch has brought; write the checkpoint before `on_epoch` is called."""
        assert logs is not None
        self.rows.append({"epoch": epoch + 1, **logs})
        values = self._monitored()
        if self.settings.patience is not None and best_epoch(values, self.settings.monitor) == epoch:
            self._best = self.model.get_weights()
        self._lower_rate()
        self.model.stop_training = self.is_over
        if self.checkpoint is not None:
            self.checkpoint.save(self.model, self.rows, self._best)
            self._kept = len(self.rows)
        if self.on_epoch is not None:
            self.on_epoch(epoch + 1, dict(logs))

    def leave_best_weights(self, network: keras.Model) -> None:
        """Set the network to the weights of its best epoch, where `train.patience` asks for them."""
        if self._best:
            with network.distribute_strategy.scope():
                network.set_weights(self._best)

    @contextlib.contextmanager
    def telling_where_it_goes_on(self) -> Iterator[None]:
        """Add to Ctrl-C, for whoever reports it, after which epoch the next run goes on."""
        try:
            yield
        except KeyboardInterrupt as interrupt:
            if self._kept and self.checkpoint is not None and self.settings.resume:
                interrupt.add_note(
                    f"the next run goes on after epoch {self._kept} of {self.settings.epochs} "
                    f"(from {self.checkpoint.folder})"
                )
            raise

    def _lower_rate(self) -> None:
        if isinstance(self.rate, Divided):
            self.rate.factor.assign(rate_factor(self._monitored(), self.settings))

    def _monitored(self) -> list[float]:
        return [row[self.settings.monitor] for row in self.rows]


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

    Batches for validation are ordered and may be of several sizes. Raises UserError where training diverges.
    """

    def __init__(self, validation: Batches, images_per_epoch: int) -> None:
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
        """Score the validation pictures, and put all metrics into `logs`."""
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
        metrics = {
            "train/loss": float(logs["loss"]),
            # Keras names it after the answer where there are several.
            "train/accuracy": float(logs.get("accuracy", logs.get("logit_accuracy", np.nan))),
            **score_epoch(logits, self.validation.targets),
            "images_per_second": self.images_per_epoch / seconds,
        }
        logs.clear()
        logs.update(metrics)


def score_epoch(logits: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Compute the metrics of an epoch from (n,) finite logits of being fake and (n,) targets (1: fake).

    `validation/loss` is the mean binary cross-entropy, `validation/accuracy` at probability 0.5,
    `validation/roc_auc` NaN where a class is missing.
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


_COLUMNS = 79
_BAR = "{desc} {percentage:3.0f}%|{bar}| {rate_fmt}, {remaining} left"
_HEAD = "  epoch | train loss  accuracy | validation loss  accuracy  ROC AUC | images/s"


class ProgressBar(keras.callbacks.Callback):
    """A bar over all epochs where there is a terminal, and a line after each epoch everywhere.

    Must stand behind whatever adds metrics to the logs of an epoch, and be closed in the end.
    """

    def __init__(self, epochs: int, images_per_epoch: int, steps: int, epochs_done: int = 0) -> None:
        super().__init__()
        self.epochs = epochs
        self.images_per_epoch = images_per_epoch
        self.steps = steps
        self._done = 0
        # disable=None: no bar where the output is no terminal.
        self._bar = tqdm(
            total=epochs * images_per_epoch,
            initial=epochs_done * images_per_epoch,
            unit="image",
            bar_format=_BAR,
            ncols=_COLUMNS,
            leave=False,
            disable=None,
        )
        self.close = self._bar.close  # frees the line of the terminal, also when training was broken off

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Write the head of the lines."""
        tqdm.write(_HEAD)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Name the epoch."""
        self._bar.set_description_str(f"epoch {epoch + 1}/{self.epochs}", refresh=False)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Move the bar on."""
        done = self.images_per_epoch * (batch + 1) // self.steps
        self._bar.update(done - self._done)
        self._done = done

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write the line of the epoch."""
        self._done = 0
        if logs is not None:
            tqdm.write(epoch_line(epoch + 1, self.epochs, logs))


def epoch_line(epoch: int, epochs: int, metrics: dict[str, float]) -> str:
    """Return an epoch's metrics as the line below the head, within 80 columns."""
    return (
        f"{epoch:>3}/{epochs:<3} |"
        f"{metrics['train/loss']:11.4f}  {metrics['train/accuracy']:8.3f} |"
        f"{metrics['validation/loss']:16.4f}  {metrics['validation/accuracy']:8.3f}"
        f"  {metrics['validation/roc_auc']:7.3f} |{metrics['images_per_second']:9.0f}"
    )


class AverageReplicas(keras.callbacks.Callback):
    """Brings all replicas to one state after each epoch; must stand before what reads it.

    Weights are equal by themselves. Means and variances of a batch normalisation are not: each replica
    keeps those of its own parts of the batches. All take their average, which a checkpoint can hold.
    """

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Average what differs among the variables that are no trained weights."""
        strategy = self.model.distribute_strategy
        if strategy.num_replicas_in_sync == 1:
            return
        with strategy.scope():
            for variable in self.model.non_trainable_variables:
                values = [local.numpy() for local in strategy.experimental_local_results(variable.value)]
                if any(not np.array_equal(values[0], value) for value in values[1:]):
                    variable.assign(np.mean(values, axis=0))
