"""How far figures could have been otherwise: bootstrap intervals by group.

Pictures of one group are alike, so drawing single pictures anew would make intervals too narrow. Whole
groups are drawn with replacement, as many as there are (cluster bootstrap: Field and Welsh, 2007,
doi:10.1111/j.1467-9868.2007.00593.x); how much the figures vary between draws tells how wide an interval must
be (see `spread`).
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from pipeline import config
from pipeline.processes import available_cores
from pipeline.scoring.draws import count_drawn, draw_groups
from pipeline.scoring.exact import CLASSES, bounds_at_threshold, perfect_bounds
from pipeline.scoring.metrics import METRICS
from pipeline.scoring.spread import NONE, USABLE_SHARE, Interval, interval_round
from pipeline.scoring.weighted import WeightedFigures

WEIGHTS_AT_ONCE = 250_000  # pictures × draws that are worked on at once: 2 MB an array, near the processor
MOST_THREADS = 4  # each holds some ten arrays of the size of the table


def bootstrap_intervals(
    predictions: pd.DataFrame, threshold: float, settings: config.Evaluate, seed: int
) -> dict[str, Interval]:
    """Compute an interval for each of `METRICS`.

    Where every group of a class is judged right (or every one wrong), draws agree and would promise
    certainty; bounds from the number of groups are given instead (see `exact`).

    Args:
        predictions: columns `target`, `logit`, `probability_fake` and `group`.
        threshold: a picture is called fake from this probability on.
        settings: number of draws and share of them inside the interval.
        seed: of the draws; the same seed gives the same intervals.

    Returns:
        metric -> (low, high); (None, None) where fewer than two groups hold what the figure needs, most
        draws lack a class, or all draws agree and no bound is known.
    """
    codes, names = pd.factorize(predictions["group"], sort=True)  # sorted: the order of rows changes nothing
    figures = WeightedFigures(predictions, threshold, codes, len(names))
    drawn = _draw_figures(figures, len(predictions), len(names), settings.bootstrap, seed)
    sums = figures.sums[:4].T
    return _intervals(figures.score(np.ones((1, len(names))))[0], drawn, sums, settings.confidence)


def mean_interval(values: pd.Series, groups: pd.Series, settings: config.Evaluate, seed: int) -> Interval:
    """Compute an interval for the mean of shares that belong to pictures.

    Args:
        values: (n,) in [0, 1]; NaN is left out.
        groups: (n,) names of groups.
        settings: as of `bootstrap_intervals`.
        seed: likewise.

    Returns:
        (low, high); (None, None) where fewer than two groups have a number, or all draws agree.
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
    mean = float(sums.sum() / counts.sum())
    return interval_round(str(values.name), mean, np.concatenate(means), len(names), settings.confidence)


def percentiles(figures: np.ndarray, confidence: float) -> list[Interval]:
    """Give the interval of each column of (draws, differences); `NONE` where most draws have none.

    For what has no scale of its own; figures have better ones, see `spread`.
    """
    tail = (1 - confidence) / 2
    intervals: list[Interval] = []
    for column in figures.T:
        usable = column[np.isfinite(column)]
        if len(usable) < USABLE_SHARE * len(column):
            intervals.append(NONE)
        else:
            low, high = np.quantile(usable, [tail, 1 - tail])
            intervals.append((float(low), float(high)))
    return intervals


def _draw_figures(
    figures: WeightedFigures, n_pictures: int, n_groups: int, draws: int, seed: int
) -> np.ndarray:
    """Compute `METRICS` of drawn groups, a thread a core: (draws, metrics), NaN without a class."""
    at_once = max(1, WEIGHTS_AT_ONCE // max(1, n_pictures))
    blocks = [range(start, min(start + at_once, draws)) for start in range(0, draws, at_once)]
    with ThreadPoolExecutor(min(available_cores(), MOST_THREADS)) as threads:
        found = threads.map(lambda block: figures.score(count_drawn(n_groups, block, seed)), blocks)
        return np.concatenate(list(found))


def _intervals(
    values: np.ndarray, drawn: np.ndarray, sums: np.ndarray, confidence: float
) -> dict[str, Interval]:
    """Put draws of `METRICS` and exact bounds together.

    Args:
        values: (metrics,) of all groups, NaN where there is none.
        drawn: (draws, metrics).
        sums: (groups, 4) as of `perfect_bounds`.
        confidence: share inside.
    """
    value = dict(zip(METRICS, values.tolist(), strict=True))
    column = dict(zip(METRICS, drawn.T, strict=True))
    n_groups_fake, n_groups_genuine = (int((sums[:, place] > 0).sum()) for place in (1, 3))
    needed = dict.fromkeys(METRICS, min(n_groups_fake, n_groups_genuine))
    needed |= {"fake_accuracy": n_groups_fake, "genuine_accuracy": n_groups_genuine}

    def interval(metric: str, inside: float) -> Interval:
        return interval_round(metric, value[metric], column[metric], needed[metric], inside)

    intervals = {metric: interval(metric, confidence) for metric in METRICS}
    half = {metric: interval(metric, (1 + confidence) / 2) for metric in CLASSES}
    intervals |= bounds_at_threshold(sums, half, confidence)
    intervals |= perfect_bounds(sums, value["roc_auc"], confidence)
    return {metric: intervals[metric] if n > 1 else NONE for metric, n in needed.items()}
