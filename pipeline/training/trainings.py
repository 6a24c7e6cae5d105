"""A training of any kind of detector: what it starts with, fits and leaves behind."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from pipeline.config import Config
from pipeline.models.build import build
from pipeline.models.files import save_detector, save_h5
from pipeline.models.forest import Forest
from pipeline.models.forest_file import save_forest
from pipeline.training.checkpoint import CHECKPOINTS, Checkpoint, training_digest
from pipeline.training.fit import fit
from pipeline.training.forest import fit_forest
from pipeline.training.machine import prepare_machine, training_seed
from pipeline.training.strategy import choose_strategy

OnEpoch = Callable[[int, Mapping[str, float]], None]


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
        model = build(config.model, config.preprocess.height, config.preprocess.width)
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
