"""What happens after each epoch: history, best weights, learning rate, checkpoint, and whether to go on."""

import logging
from collections.abc import Callable, Mapping

import keras
import numpy as np

from pipeline.config import Train
from pipeline.training.checkpoint import Checkpoint, State
from pipeline.training.monitor import best_epoch, is_over, rate_factor
from pipeline.training.schedules import Divided, Rate

LOG = logging.getLogger(__name__)

OnEpoch = Callable[[int, Mapping[str, float]], None]


class Course(keras.callbacks.Callback):
    """The course of one training, from its first epoch or from where it was interrupted.

    Must stand behind whatever adds metrics to the logs of an epoch.

    Args:
        settings: when it ends, and what becomes of the rate.
        rate: the learning rate of the optimizer.
        checkpoint: where its state is kept; None: nowhere.
        state: of the epochs that were trained before, with which the network has been brought in step.
        on_epoch: called after each epoch with its number, from 1, and its metrics.

    Attributes:
        rows: the history, a row an epoch.
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
        """Keep what the epoch has brought; the checkpoint before anybody is told."""
        assert logs is not None
        self.rows.append({"epoch": epoch + 1, **logs})
        values = self._monitored()
        if self.settings.patience is not None and best_epoch(values, self.settings.monitor) == epoch:
            self._best = self.model.get_weights()
        self._lower_rate()
        self.model.stop_training = self.is_over
        if self.checkpoint is not None:
            self.checkpoint.save(self.model, self.rows, self._best)
        if self.on_epoch is not None:
            self.on_epoch(epoch + 1, dict(logs))

    def leave_best_weights(self, network: keras.Model) -> None:
        """Give the network the weights of its best epoch, where `train.patience` asks for them."""
        if self._best:
            with network.distribute_strategy.scope():
                network.set_weights(self._best)

    def _lower_rate(self) -> None:
        if isinstance(self.rate, Divided):
            self.rate.factor.assign(rate_factor(self._monitored(), self.settings))

    def _monitored(self) -> list[float]:
        return [row[self.settings.monitor] for row in self.rows]
