"""What a person sees while training runs: a bar with rate and remaining time, and a line for each epoch."""

import keras
from tqdm import tqdm

_COLUMNS = 79
_BAR = "{desc} {percentage:3.0f}%|{bar}| {rate_fmt}, {remaining} left"
_HEAD = "  epoch | train loss  accuracy | validation loss  accuracy  ROC AUC | images/s"


class Progress(keras.callbacks.Callback):
    """A bar over all epochs where there is a terminal, and a line after each epoch everywhere.

    Must stand behind whatever adds metrics to the logs of an epoch.

    Args:
        epochs: at most so many.
        images_per_epoch: training pictures that an epoch shows.
        steps: batches that an epoch has.
        epochs_done: of a training that goes on.
    """

    def __init__(self, epochs: int, images_per_epoch: int, steps: int, epochs_done: int = 0) -> None:
        super().__init__()
        self.epochs = epochs
        self.images_per_epoch = images_per_epoch
        self.steps = steps
        self.epochs_done = epochs_done
        self._bar: tqdm | None = None
        self._done = 0

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Open the bar."""
        # disable=None: no bar where the output is no terminal.
        self._bar = tqdm(
            total=self.epochs * self.images_per_epoch,
            initial=self.epochs_done * self.images_per_epoch,
            unit="image",
            bar_format=_BAR,
            ncols=_COLUMNS,
            leave=False,
            disable=None,
        )
        tqdm.write(_HEAD)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Name the epoch."""
        if self._bar is not None:
            self._bar.set_description_str(f"epoch {epoch + 1}/{self.epochs}", refresh=False)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Move the bar on."""
        if self._bar is not None:
            done = self.images_per_epoch * (batch + 1) // self.steps
            self._bar.update(done - self._done)
            self._done = done

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write the line of the epoch."""
        self._done = 0
        if logs is not None:
            tqdm.write(epoch_line(epoch + 1, self.epochs, logs))

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Close the bar."""
        self.close()

    def close(self) -> None:
        """Give the terminal line back, also when training was broken off."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def epoch_line(epoch: int, epochs: int, metrics: dict[str, float]) -> str:
    """Write an epoch's metrics below the head, within 80 columns."""
    return (
        f"{epoch:>3}/{epochs:<3} |"
        f"{metrics['train/loss']:11.4f}  {metrics['train/accuracy']:8.3f} |"
        f"{metrics['validation/loss']:16.4f}  {metrics['validation/accuracy']:8.3f}"
        f"  {metrics['validation/roc_auc']:7.3f} |{metrics['images_per_second']:9.0f}"
    )
