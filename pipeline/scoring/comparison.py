"""Whether one detector is better than another on the same pictures: paired bootstrap by group.

Both are drawn the same groups, so that what makes a draw easy or hard for both does not widen the interval of
their difference (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline import config
from pipeline.errors import UserError
from pipeline.scoring.draws import draw_groups
from pipeline.scoring.intervals import percentiles
from pipeline.scoring.ranking import WeightedRanking

COMPARED = ("roc_auc", "balanced_accuracy")
COLUMNS = ["part", "metric", "first", "second", "difference", "low", "high", "n_fake", "n_genuine"]


def compare(
    first: Sequence[pd.DataFrame], second: Sequence[pd.DataFrame], settings: config.Evaluate, seed: int
) -> pd.DataFrame:
    """Compare two detectors on all pictures and by collection.

    Args:
        first: predictions of one detector; of several trainings of it (seeds) their figures are averaged.
        second: of the other, on the same pictures.
        settings: draws and confidence of the intervals.
        seed: of the draws.

    Returns:
        `COLUMNS`, a row a part and metric; the difference is first minus second.

    Raises:
        UserError: the pictures are not the same.
    """
    tables = [each.sort_values("path", ignore_index=True) for each in (*first, *second)]
    for each in tables[1:]:
        if not each["path"].equals(tables[0]["path"]) or not each["target"].equals(tables[0]["target"]):
            raise UserError(
                f"the runs were tested on different pictures ({len(tables[0])} and {len(each)}); compare "
                "runs whose tables and test collections are the same"
            )
    parts = {"all": np.arange(len(tables[0]))}
    for name, part in tables[0].groupby("collection", sort=True):
        parts[str(name)] = part.index.to_numpy()
    rows: list[dict[str, Any]] = []
    for name, places in parts.items():
        cut = [each.iloc[places] for each in tables]
        if cut[0]["target"].nunique() == 2:
            rows += _rows(name, cut[: len(first)], cut[len(first) :], settings, seed)
    return pd.DataFrame(rows, columns=COLUMNS)


def _rows(
    part: str,
    first: Sequence[pd.DataFrame],
    second: Sequence[pd.DataFrame],
    settings: config.Evaluate,
    seed: int,
) -> list[dict[str, Any]]:
    codes, names = pd.factorize(first[0]["group"], sort=True)
    fake = (first[0]["target"] == 1).to_numpy()
    drawn = np.concatenate(list(draw_groups(len(names), settings.bootstrap, settings.bootstrap, seed)))
    weights = np.concatenate([np.ones((1, len(names))), drawn])  # the first are the figures themselves
    one, other = (
        np.mean([_figures(each, fake, codes, weights) for each in group], axis=0) for group in (first, second)
    )
    found = []
    for column, metric in enumerate(COMPARED):
        difference = one[:, column] - other[:, column]
        low, high = percentiles(difference[1:, None], settings.confidence)[0]
        values = (one[0, column], other[0, column], difference[0], low, high)
        counts = (int(fake.sum()), int((~fake).sum()))
        found.append(dict(zip(COLUMNS, (part, metric, *values, *counts), strict=True)))
    return found


def _figures(
    predictions: pd.DataFrame, fake: np.ndarray, codes: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Compute `COMPARED` for each weighting of groups: (draws, 2)."""
    roc_auc, _ = WeightedRanking(predictions["logit"].to_numpy(), fake, codes).score(weights)
    right = (predictions["called"] == "fake").to_numpy() == fake
    by_picture = weights[:, codes]
    with np.errstate(invalid="ignore"):  # 0 / 0 where a draw lacks a class
        shares = [
            (by_picture * (right & of_class)).sum(axis=1) / (by_picture * of_class).sum(axis=1)
            for of_class in (fake, ~fake)
        ]
    return np.stack([roc_auc, np.mean(shares, axis=0)], axis=1)
