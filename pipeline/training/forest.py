"""Fits a forest to the training table, in the place of `pipeline.training.fit`."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.compute import worker_count
from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.inputs.statistics import measure_pictures
from pipeline.models.forest import Forest
from pipeline.training.machine import training_seed
from pipeline.training.validation import COLUMNS, validation_metrics


def fit_forest(
    forest: Forest,
    train: pd.DataFrame,
    validation: pd.DataFrame,
    config: Config,
    on_epoch: Callable[[int, Mapping[str, float]], None] | None = None,
) -> pd.DataFrame:
    """Measure all pictures and grow the trees.

    Its one epoch is scored like a network's. `train/loss` and `train/accuracy` are of the pictures that
    the trees have grown on, which trees know by heart: they say nothing of others.

    Args:
        forest: from `pipeline.models.forest`; fitted in place.
        train: columns `path` and `target`; the hashes of the files have been checked.
        validation: the same.
        config: the parts seed and compute are used.
        on_epoch: called once, with 1 and the metrics.

    Returns:
        one row: `epoch` (1) and the metrics of `pipeline.training.validation.COLUMNS`, where
        `images_per_second` is of measuring, which nearly all the time goes into.

    Raises:
        UserError: a picture cannot be read, or a class is missing.
    """
    if validation.empty:
        raise UserError("the validation table is empty; raise split.shares.validation or add pictures")
    paths = [Path(each) for table in (train, validation) for each in table["path"]]
    began = time.perf_counter()
    features = measure_pictures(paths, config.compute, known_whole=True)
    rate = len(paths) / (time.perf_counter() - began)
    learnt, held_out = np.split(features, [len(train)])
    workers = worker_count(config.compute)
    forest.fit(learnt, train["target"].to_numpy(), seed=training_seed(config), workers=workers)
    scored = validation_metrics(forest.logits(learnt), train["target"].to_numpy())
    metrics = {
        "train/loss": scored["validation/loss"],
        "train/accuracy": scored["validation/accuracy"],
        **validation_metrics(forest.logits(held_out), validation["target"].to_numpy()),
        "images_per_second": rate,
    }
    if on_epoch is not None:
        on_epoch(1, dict(metrics))
    return pd.DataFrame([{"epoch": 1, **metrics}], columns=["epoch", *COLUMNS])
