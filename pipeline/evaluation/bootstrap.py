"""How far figures could have been otherwise: bootstrap intervals by group.

Pictures of one group are alike, so drawing single pictures anew would make intervals too narrow. Whole
groups are drawn with replacement, as many as there are (cluster bootstrap: Field and Welsh, 2007,
doi:10.1111/j.1467-9868.2007.00593.x); how much the figures vary between draws tells how wide an interval must
be (see `spread`).
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from scipy import special, stats

from pipeline import config
from pipeline.datasets.groups import count_drawn, draw_groups
from pipeline.evaluation.metrics import METRICS, WeightedFigures, figures_at_threshold
from pipeline.parallel import available_cores

# Bounds for figures that are perfect, where a bootstrap would promise certainty.
#
# Eighteen right answers out of eighteen do not prove 100 %. If each of n independent groups is right with
# probability p, all n are with p^n; the p at which that is as unlikely as the tail of the interval is its
# lower end (Clopper and Pearson, 1934, doi:10.1093/biomet/26.4.404).
#

Bounds = tuple[float | None, float | None]

CLASSES = ["fake_accuracy", "genuine_accuracy"]


def perfect_bounds(sums: np.ndarray, roc_auc: float, confidence: float) -> dict[str, Bounds]:
    """Give bounds for the accuracies of classes and the ROC AUC that every group agrees on, for no others.

    A ROC AUC of 1 is bounded over pairs of one fake and one genuine group, of which as many are
    independent as the smaller class has groups.

    Args:
        sums: (groups, 4) right fakes, fakes, right genuine pictures, genuine pictures.
        roc_auc: of all groups; NaN where a class is missing.
        confidence: share inside the interval, in (0, 1).

    Returns:
        metric -> (low, high).
    """
    tail = (1 - confidence) / 2
    right, count = sums[:, [0, 2]].sum(axis=0), sums[:, [1, 3]].sum(axis=0)
    n_groups = (sums[:, [1, 3]] > 0).sum(axis=0)
    bounds: dict[str, Bounds] = {}
    for place, metric in enumerate(CLASSES):
        if count[place] and right[place] in (0, count[place]):
            bounds[metric] = _clopper_pearson(bool(right[place]), int(n_groups[place]), tail)
    if roc_auc in (0.0, 1.0):
        bounds["roc_auc"] = _clopper_pearson(roc_auc == 1.0, int(n_groups.min()), tail)
    return bounds


def bounds_at_threshold(sums: np.ndarray, drawn: dict[str, Bounds], confidence: float) -> dict[str, Bounds]:
    """Give bounds for what follows from both accuracies, where every group of a class agrees.

    Draws then vary in the other class alone, and a precision not at all. Each figure grows with either
    accuracy, so its ends are those where both have theirs; half of the tail goes to each, and the chance that
    either fails is the tail at most (Bonferroni).

    Args:
        sums: as of `perfect_bounds`.
        drawn: accuracy of a class -> interval that leaves out half of the tails, for a class that does not
            agree.
        confidence: share inside the interval, in (0, 1).

    Returns:
        metric -> (low, high), for all of `figures_at_threshold`; nothing where neither class agrees.
    """
    exact = perfect_bounds(sums, np.nan, (1 + confidence) / 2)
    if not exact:
        return {}
    ends = np.array([(drawn | exact).get(metric, (None, None)) for metric in CLASSES], np.float64)
    figures = figures_at_threshold(ends[0], ends[1], sums[:, 1].sum(), sums[:, 3].sum())
    return {
        metric: (None, None) if np.isnan(both).any() else (float(both[0]), float(both[1]))
        for metric, both in figures.items()
    }


def _clopper_pearson(all_right: bool, n: int, tail: float) -> tuple[float, float]:
    """Bound a share of which all n trials were right, or none."""
    far = tail ** (1 / n)
    return (far, 1.0) if all_right else (0.0, 1 - far)


# An interval round a figure, from how much it varies between draws of its groups.
#
# Percentiles of draws hold the truth too seldom where figures lie near their end: a test set that happens
# to be easy also seems to be sure. Of 1,000 simulated sets of 160 groups they held the ROC AUC in 93.2 %,
# of 500 sets of 50 groups in 89 % instead of 95. So the standard deviation of the draws is laid off on the
# logit scale, on which figures vary alike wherever they lie (for the ROC AUC: Pepe, The Statistical
# Evaluation of Medical Tests, 2003), as often as Student's t says for the number of groups: 95.5 % and
# 95 %. tests/evaluation/test_coverage.py simulates it; only the share of fakes found at 1 % of false alarms
# rests on too few pictures for any such interval (92 %).
#

Interval = tuple[float | None, float | None]
NONE: Interval = (None, None)

USABLE_SHARE = 0.5  # of the draws; where more lack a class an interval would say too little
ALIKE = 1e-9  # draws whose standard deviation is smaller are the same
_RANGES: Mapping[str, tuple[float, float]] = {"mcc": (-1, 1), "log_loss": (0, np.inf)}  # others: (0, 1)
# Distances that are summed: chance makes them larger, in the pictures as in the draws from them. So the lower
# end is moved down by as much as the draws lie too high.
_TOO_HIGH = ("ece",)


def interval_round(
    metric: str, value: float, draws: np.ndarray, n_groups: int, confidence: float
) -> Interval:
    """Lay off how much a figure varies to both sides of it.

    Args:
        metric: its name; those that are not known are shares in [0, 1].
        value: of all groups.
        draws: (draws,) of drawn groups, NaN where a draw has no figure.
        n_groups: how many groups it rests on.
        confidence: share inside.

    Returns:
        (low, high), with the value between them; percentiles of the draws where it is as low or as high as it
        can be. `NONE` where there are fewer than two groups, most draws have no figure, or all agree: that
        would promise certainty.
    """
    usable = draws[np.isfinite(draws)]
    if n_groups < 2 or len(usable) < max(2, USABLE_SHARE * len(draws)) or usable.std() < ALIKE:
        return NONE
    start, end = _RANGES.get(metric, (0, 1))
    if not start < value < end:
        low, high = np.quantile(usable, [(1 - confidence) / 2, (1 + confidence) / 2])
        return min(float(low), value), max(float(high), value)
    spread = usable.std(ddof=1) * np.sqrt(n_groups / (n_groups - 1))
    reach = stats.t.ppf((1 + confidence) / 2, n_groups - 1) * spread
    excess = max(0.0, usable.mean() - value) if metric in _TOO_HIGH else 0.0
    low, high = (_moved(value, distance, start, end) for distance in (-excess - reach, reach))
    return min(low, value), max(high, value)  # back and forth it may lose a last digit


def _moved(value: float, distance: float, start: float, end: float) -> float:
    """Move a value on the logit scale of its range, by what would be that distance if it were small."""
    if np.isinf(end):  # its logarithm
        return float(start + (value - start) * np.exp(distance / (value - start)))
    slope = (value - start) * (end - value) / (end - start)
    logit = np.log((value - start) / (end - value)) + distance / slope
    return float(start + (end - start) * special.expit(logit))


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
