"""Whether one detector is better than another on the same pictures: paired bootstrap by group.

Both are drawn the same groups, so that what makes a draw easy or hard for both does not widen the interval of
their difference (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).
"""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline import config
from pipeline.datasets.groups import draw_groups
from pipeline.detector.decision import check_scores
from pipeline.errors import UserError
from pipeline.evaluation.bootstrap import ALIKE, NONE, WEIGHTS_AT_ONCE, percentiles
from pipeline.evaluation.ranking import WeightedRanking

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
        `COLUMNS`, a row a part and metric; the difference is first minus second. It has no interval where a
        class is in fewer than two groups, or where all draws agree, which would promise certainty.

    Raises:
        UserError: the pictures or their groups are not the same, or an answer is not a number.
    """
    tables = [each.sort_values("path", ignore_index=True) for each in (*first, *second)]
    for each in tables[1:]:
        if not each["path"].equals(tables[0]["path"]) or not each["target"].equals(tables[0]["target"]):
            raise UserError(
                f"the runs were tested on different pictures ({len(tables[0])} and {len(each)}); compare "
                "runs whose tables and test collections are the same"
            )
        if not each["group"].equals(tables[0]["group"]):
            raise UserError(
                "the runs grouped the same pictures differently; compare runs of one manifest (data, split)"
            )
    for each in tables:
        check_scores(each["logit"])
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
    at_once = max(1, WEIGHTS_AT_ONCE // len(fake))
    drawn = draw_groups(len(names), settings.bootstrap, at_once, seed)
    # The first weights are those of the figures themselves.
    blocks = itertools.chain([np.ones((1, len(names)))], drawn)
    both = [[_mean_figures(group, fake, codes, block) for group in (first, second)] for block in blocks]
    one, other = (np.concatenate(figures) for figures in zip(*both, strict=True))
    n_groups = min(len(np.unique(codes[of_class])) for of_class in (fake, ~fake))
    found = []
    for column, metric in enumerate(COMPARED):
        difference = one[:, column] - other[:, column]
        certain = n_groups < 2 or np.nanstd(difference[1:]) < ALIKE
        interval = NONE if certain else percentiles(difference[1:, None], settings.confidence)[0]
        values = (one[0, column], other[0, column], difference[0], *interval)
        counts = (int(fake.sum()), int((~fake).sum()))
        found.append(dict(zip(COLUMNS, (part, metric, *values, *counts), strict=True)))
    return found


def _mean_figures(
    trainings: Sequence[pd.DataFrame], fake: np.ndarray, codes: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    figures: np.ndarray = np.mean([_figures(each, fake, codes, weights) for each in trainings], axis=0)
    return figures


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
