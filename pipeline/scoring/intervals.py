"""How far figures could have been otherwise: bootstrap intervals by group.

Pictures of one group are alike, so drawing single pictures anew would make intervals too narrow. Whole
groups are drawn with replacement, as many as there are (cluster bootstrap: Field and Welsh, 2007,
doi:10.1111/j.1467-9868.2007.00593.x), and percentiles of the figures are taken (Efron and Tibshirani,
An Introduction to the Bootstrap, 1993, chapter 13).
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pipeline import config
from pipeline.scoring.answers import called_fake, check_scores
from pipeline.scoring.exact import perfect_bounds
from pipeline.scoring.metrics import METRICS
from pipeline.scoring.ranking import WeightedRanking

Interval = tuple[float | None, float | None]

WEIGHTS_AT_ONCE = 2_000_000  # pictures × draws in memory: 16 MB an array, and some ten of them
USABLE_SHARE = 0.5  # of the draws; where more lack a class an interval would say too little


def bootstrap_intervals(
    predictions: pd.DataFrame, threshold: float, settings: config.Evaluate, seed: int
) -> dict[str, Interval]:
    """Compute an interval for each of `METRICS`.

    Where every group is judged right (or every one wrong), all draws agree and percentiles would promise
    certainty; bounds from the number of groups are given instead (see `exact`).

    Args:
        predictions: columns `target`, `logit`, `probability_fake` and `group`.
        threshold: a picture is called fake from this probability on.
        settings: number of draws and share of them inside the interval.
        seed: of the draws; the same seed gives the same intervals.

    Returns:
        metric -> (low, high); (None, None) where fewer than two groups hold what the figure needs, or
        most draws lack a class.
    """
    fake = (predictions["target"] == 1).to_numpy()
    codes, names = pd.factorize(predictions["group"], sort=True)  # sorted: the order of rows changes nothing
    sums = _sums_by_group(
        codes, len(names), fake, called_fake(predictions["probability_fake"], threshold) == fake
    )
    ranking = WeightedRanking(check_scores(predictions["logit"]), fake, codes)
    at_once = max(1, WEIGHTS_AT_ONCE // max(1, len(fake)))
    blocks = [
        _figures(counts, sums, ranking)
        for counts in draw_groups(len(names), settings.bootstrap, at_once, seed)
    ]
    found = percentiles(np.concatenate(blocks), settings.confidence)
    intervals = dict(zip(METRICS, found, strict=True))
    intervals |= perfect_bounds(sums, ranking.score(np.ones((1, len(names))))[0][0], settings.confidence)
    n_groups_fake, n_groups_genuine = (int((sums[:, column] > 0).sum()) for column in (1, 3))
    needed = {"fake_accuracy": n_groups_fake, "genuine_accuracy": n_groups_genuine}
    fewest = min(n_groups_fake, n_groups_genuine)
    return {
        metric: interval if needed.get(metric, fewest) > 1 else (None, None)
        for metric, interval in intervals.items()
    }


def mean_interval(values: pd.Series, groups: pd.Series, settings: config.Evaluate, seed: int) -> Interval:
    """Compute an interval for the mean of numbers that belong to pictures.

    Args:
        values: (n,); NaN is left out.
        groups: (n,) names of groups.
        settings: as of `bootstrap_intervals`.
        seed: likewise.

    Returns:
        (low, high); (None, None) where fewer than two groups have a number.
    """
    known = values.notna().to_numpy()
    codes, names = pd.factorize(groups[known], sort=True)
    if len(names) < 2:
        return None, None
    sums = np.bincount(codes, weights=values[known], minlength=len(names))
    counts = np.bincount(codes, minlength=len(names))
    at_once = max(1, WEIGHTS_AT_ONCE // len(names))
    means = [
        (drawn @ sums) / (drawn @ counts)
        for drawn in draw_groups(len(names), settings.bootstrap, at_once, seed)
    ]
    return percentiles(np.concatenate(means)[:, None], settings.confidence)[0]


def _figures(counts: np.ndarray, sums: np.ndarray, ranking: WeightedRanking) -> np.ndarray:
    """Compute `METRICS` of drawn groups: (draws, groups) counts -> (draws, metrics), NaN without a class."""
    right_fake, n_fake, right_genuine, n_genuine = (counts @ sums).T
    with np.errstate(invalid="ignore"):  # 0 / 0 where a draw lacks a class
        fake_accuracy, genuine_accuracy = right_fake / n_fake, right_genuine / n_genuine
    balanced = (fake_accuracy + genuine_accuracy) / 2
    return np.stack([fake_accuracy, genuine_accuracy, balanced, *ranking.score(counts)], axis=1)


def draw_groups(n_groups: int, draws: int, at_once: int, seed: int) -> Iterator[np.ndarray]:
    """Draw all groups anew, `draws` times: blocks of (up to `at_once`, n_groups) counts.

    Each draw has its own generator, so that the size of a block changes nothing.
    """
    for start in range(0, draws, at_once):
        counts = np.empty((min(at_once, draws - start), n_groups))
        for row in range(len(counts)):
            drawn = np.random.default_rng([seed, start + row]).integers(n_groups, size=n_groups)
            counts[row] = np.bincount(drawn, minlength=n_groups)
        yield counts


def _sums_by_group(codes: np.ndarray, n_groups: int, fake: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Sum by group: (n_groups, 4) of right fakes, fakes, right genuine pictures, genuine pictures."""
    columns = [fake & right, fake, ~fake & right, ~fake]
    return np.stack([np.bincount(codes, weights=column, minlength=n_groups) for column in columns], axis=1)


def percentiles(figures: np.ndarray, confidence: float) -> list[Interval]:
    """Give the interval of each column of (draws, metrics); (None, None) where most draws have no figure."""
    tail = (1 - confidence) / 2
    intervals: list[Interval] = []
    for column in figures.T:
        usable = column[np.isfinite(column)]
        if len(usable) < USABLE_SHARE * len(column):
            intervals.append((None, None))
        else:
            low, high = np.quantile(usable, [tail, 1 - tail])
            intervals.append((float(low), float(high)))
    return intervals
