"""Fits a forest to the training table, in the place of `pipeline.training.fit`."""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.config import Compute, Config
from pipeline.errors import UserError
from pipeline.images.content_features import N_HISTORY, history_features
from pipeline.images.read import read
from pipeline.models.forest import Forest
from pipeline.parallel import map_chunks, worker_count
from pipeline.training.callbacks import COLUMNS, OnEpoch, score_epoch

_ALONE = 100  # up to this many, other processes would only just have started


def measure_pictures(paths: Sequence[Path], compute: Compute, known_whole: bool = False) -> np.ndarray:
    """Return the compression history of each picture, (n, `N_HISTORY`) float32, measured where the files are.

    `known_whole`: see `pipeline.images.read.read`. Raises UserError where a picture cannot be read.
    """
    absolute = [path.absolute() for path in paths]  # a worker may have started elsewhere
    measured = np.empty((len(paths), N_HISTORY), np.float32)
    work = partial(_measure, known_whole=known_whole)
    for index, features in map_chunks(work, absolute, compute, "measure", alone=_ALONE):
        measured[index] = features
    return measured


def _measure(path: Path, known_whole: bool) -> np.ndarray:
    return history_features(read(path, known_whole=known_whole).pixels_on_grid)


def fit_forest(
    forest: Forest,
    train: pd.DataFrame,
    validation: pd.DataFrame,
    config: Config,
    on_epoch: OnEpoch | None = None,
) -> pd.DataFrame:
    """Measure all pictures and grow the trees.

    Its one epoch is scored like a network's. `train/loss` and `train/accuracy` are of the pictures that
    the trees have grown on, which trees know by heart: they say nothing of others.

    The hashes of the files have been checked. Returns one row as of `pipeline.training.fit.fit`, with the
    images per second of measuring, which nearly all the time goes into. Raises UserError where a picture
    cannot be read, or a class is missing.
    """
    if validation.empty:
        raise UserError("the validation table is empty; raise split.shares.validation or add pictures")
    paths = [Path(path) for table in (train, validation) for path in table["path"]]
    began = time.perf_counter()
    features = measure_pictures(paths, config.compute, known_whole=True)
    rate = len(paths) / (time.perf_counter() - began)
    learnt, held_out = np.split(features, [len(train)])
    workers = worker_count(config.compute)
    forest.fit(learnt, train["target"].to_numpy(), seed=config.training_seed, workers=workers)
    scored = score_epoch(forest.logits(learnt), train["target"].to_numpy())
    metrics = {
        "train/loss": scored["validation/loss"],
        "train/accuracy": scored["validation/accuracy"],
        **score_epoch(forest.logits(held_out), validation["target"].to_numpy()),
        "images_per_second": rate,
    }
    if on_epoch is not None:
        on_epoch(1, dict(metrics))
    return pd.DataFrame([{"epoch": 1, **metrics}], columns=["epoch", *COLUMNS])
