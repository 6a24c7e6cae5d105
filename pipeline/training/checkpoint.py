"""The state of a training after its last whole epoch, from which it goes on when it was interrupted."""

import hashlib
import json
import logging
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.storage import replacing

CHECKPOINTS = Path(".checkpoints")
LOG = logging.getLogger(__name__)
_FILE = "last_epoch.npz"

Rows = list[dict[str, float]]


def training_digest(config: Config, tables: Mapping[str, Any], precision: str, replicas: int) -> str:
    """Return a hash of all that the course of a training depends on, but for the code of this project.

    `tables` are path and SHA-256 of each; `replicas` are the devices that share its batches.
    """
    settings = config.for_training()
    # These change nothing in it.
    del settings["train"]["resume"], settings["train"]["save_h5"]
    machine = [precision, replicas, keras.__version__, tf.__version__]
    content = {**settings, "tables": dict(tables), "machine": machine}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class State:
    """What is kept of a training."""

    rows: Rows = field(default_factory=list)  # its history, a row an epoch
    network: Sequence[np.ndarray] = ()  # all variables: weights, moving averages, what dropout draws from
    optimizer: Sequence[np.ndarray] = ()  # all variables
    best: Sequence[np.ndarray] = ()  # the weights of the best epoch; empty where they are not needed


class Checkpoint:
    """One file in `.checkpoints/<digest of the training>`. Every number comes back as it was."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, network: keras.Model, rows: Rows, best: Sequence[np.ndarray]) -> None:
        """Replace the last state by that of a compiled network, with its history and best weights."""
        parts = {
            "network": [variable.numpy() for variable in network.variables],
            "optimizer": [variable.numpy() for variable in network.optimizer.variables],
            "best": best,
        }
        arrays = {
            f"{part}/{number}": value for part, values in parts.items() for number, value in enumerate(values)
        }
        with replacing(self.folder / _FILE) as partial:
            np.savez(partial, allow_pickle=False, history=np.array(json.dumps(rows)), **arrays)

    def read(self, network: keras.Model) -> State:
        """Return what is kept for a network, an empty state where nothing is.

        A file that is not whole, or that holds another network, is logged and not used.
        """
        path = self.folder / _FILE
        if not path.is_file():
            return State()
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                arrays = {name: kept[name] for name in kept.files}
            rows = json.loads(str(arrays.pop("history")))
            parts: dict[str, list[np.ndarray]] = {"network": [], "optimizer": [], "best": []}
            for name, value in arrays.items():  # in the order in which they were saved
                parts[name.partition("/")[0]].append(value)
            if _shapes(parts["network"]) != _shapes(network.variables):
                raise ValueError("it holds a network of another shape")
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            LOG.warning("%s cannot be used (%s); training starts anew", path, str(error).splitlines()[0])
            return State()
        return State(rows, **parts)

    def restore(self, network: keras.Model, state: State) -> None:
        """Set a compiled network and its optimizer to a state from `read`.

        Raises UserError where it is of another optimizer, which a change of the code alone can bring about.
        """
        variables = [*network.variables, *network.optimizer.variables]
        values = [*state.network, *state.optimizer]
        if _shapes(variables) != _shapes(values):
            raise UserError(
                f"{self.folder / _FILE} was written by another version of this program and does not fit; "
                f"delete {self.folder}, or set train.resume=false"
            )
        with network.distribute_strategy.scope():
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)

    def remove(self) -> None:
        """Remove the folder; to be called once its results are in their place."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _shapes(variables: Sequence[keras.Variable | np.ndarray]) -> list[tuple[int, ...]]:
    return [tuple(variable.shape) for variable in variables]
