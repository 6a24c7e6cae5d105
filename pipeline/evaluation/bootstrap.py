"""How far a metric could have been otherwise: a bootstrap of groups, and intervals on the logit scale.

Pictures of one group are alike, so drawing single pictures anew would make intervals too narrow. Whole
groups are drawn with replacement, as many as there are (cluster bootstrap: Field and Welsh, 2007,
doi:10.1111/j.1467-9868.2007.00593.x).

Percentiles of draws hold the truth too seldom where metrics lie near their end: a test set that happens to be
easy also seems to be sure. Of 1,000 simulated sets of 160 groups they held the ROC AUC in 93.2 %, of 500 sets
of 50 groups in 89 % instead of 95. So the standard deviation of the draws is laid off on the logit scale, on
which metrics vary alike wherever they lie (for the ROC AUC: Pepe, The Statistical Evaluation of Medical
Tests, 2003), as often as Student's t says for the number of groups: 95.5 % and 95 %.
tests/evaluation/test_bootstrap.py simulates it.

>>> import numpy as np
>>> right, codes = np.array([1, 1, 0, 1, 1, 0.0]), np.array([0, 0, 1, 2, 2, 3])
>>> sums, counts = np.bincount(codes, right), np.bincount(codes)  # by group
>>> bootstrap = Bootstrap(draws=200, confidence=0.9, seed=0)
>>> drawn = bootstrap.draw(lambda weights: (weights @ sums) / (weights @ counts), n_groups=4, n_items=6)
>>> low, high = bootstrap.interval(right.mean(), drawn, n_groups=4)
>>> 0 < low < right.mean() < high < 1
True
"""

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline import config
from pipeline.parallel import available_cores

Interval = tuple[float | None, float | None]
NONE: Interval = (None, None)

USABLE_SHARE = 0.5  # of the draws; where more lack a class an interval would say too little
ALIKE = 1e-9  # draws whose standard deviation is smaller are the same
WEIGHTS_AT_ONCE = 250_000  # pictures × draws that are worked on at once: 2 MB an array, near the processor
MOST_THREADS = 4  # each holds some ten arrays of the size of the table


class Metric(NamedTuple):
    """A number with its interval; None where there is none."""

    value: float | None = None
    low: float | None = None
    high: float | None = None

    def lies_within(self, band: tuple[float, float]) -> bool:
        """Return whether the whole interval lies inside a band; not where there is none.

        An interval at 95 % inside the band is more than two one-sided tests at 5 % ask for (Schuirmann, 1987,
        doi:10.1007/BF01068419): not to have found a difference shows none to be small, this does.

        >>> Metric(0.5, 0.42, 0.58).lies_within((0.35, 0.65)), Metric(0.5, 0.1, 0.9).lies_within((0.35, 0.65))
        (True, False)
        """
        return None not in (self.low, self.high) and band[0] <= self.low and self.high <= band[1]  # type: ignore[operator]


@dataclass(frozen=True)
class Bootstrap:
    """How groups are drawn anew, and which intervals are made of the draws.

    Attributes:
        draws: how many.
        confidence: share inside each interval, in (0, 1).
        seed: of the draws; the same seed gives the same intervals, whatever the memory and the cores.
    """

    draws: int
    confidence: float
    seed: int

    @classmethod
    def of(cls, settings: config.Evaluate, seed: int) -> "Bootstrap":
        """Take draws and confidence from the configuration."""
        return cls(settings.bootstrap, settings.confidence, seed)

    def draw(self, statistic: Callable[[np.ndarray], np.ndarray], n_groups: int, n_items: int) -> np.ndarray:
        """Compute a statistic of drawn groups, a thread a core.

        Args:
            statistic: (m, groups) float64, how often each group counts -> (m,) or (m, k), NaN where it has no
                value.
            n_groups: to draw, and to draw from.
            n_items: of the arrays that the statistic makes for one draw; it decides how many draws it is
                given at once, which must not change what it gives.

        Returns:
            (draws,) or (draws, k).
        """
        at_once = max(1, WEIGHTS_AT_ONCE // max(1, n_items))
        blocks = [range(start, min(start + at_once, self.draws)) for start in range(0, self.draws, at_once)]
        with ThreadPoolExecutor(min(available_cores(), MOST_THREADS)) as threads:
            drawn = threads.map(lambda block: statistic(_count_drawn(self.seed, n_groups, block)), blocks)
            return np.concatenate(list(drawn))

    def interval(
        self,
        value: float,
        drawn: np.ndarray,
        n_groups: int,
        limits: tuple[float, float] = (0.0, 1.0),
        *,
        is_distance: bool = False,
    ) -> Interval:
        """Compute how far a metric may lie to both sides of its value (bootstrap-t on the logit scale).

        Args:
            value: of all groups.
            drawn: (draws,) of drawn groups, NaN where a draw has no value.
            n_groups: how many groups it rests on.
            limits: between which it always lies; the upper one may be infinite.
            is_distance: whether it sums distances. Chance makes them larger, in the pictures as in the draws
                from them, so the lower end is moved down by as much as the draws lie too high.

        Returns:
            (low, high), with the value between them; percentiles of the draws where it is as low or as high
            as it can be. `NONE` where there are fewer than two groups, most draws have no value, or all
            agree: that would promise certainty.
        """
        usable = drawn[np.isfinite(drawn)]
        if n_groups < 2 or len(usable) < max(2, USABLE_SHARE * len(drawn)) or usable.std() < ALIKE:
            return NONE
        if not limits[0] < value < limits[1]:
            low, high = self._percentiles(usable)
        else:
            reach = _student(self.confidence, n_groups) * standard_error(usable, n_groups)
            excess = max(0.0, usable.mean() - value) if is_distance else 0.0
            low, high = (move(value, distance, limits) for distance in (-excess - reach, reach))
        return min(low, value), max(high, value)  # back and forth it may lose a last digit

    def difference(self, value: float, drawn: np.ndarray, n_groups: int) -> Interval:
        """Compute how far the difference of two metrics of the same groups may lie to both sides of it.

        It has no scale of its own, so it has percentiles of its draws, moved outwards as far as Student's t
        lies outside the normal (expanded percentiles: Hesterberg, What Teachers Should Know about the
        Bootstrap, 2015, doi:10.1080/00031305.2015.1089789). Where all draws agree, groups that nobody has
        seen may change by all the same, as many as `clopper_pearson` says.

        Args:
            value: of all groups, in [-1, 1].
            drawn: (draws,) of drawn groups, NaN where a draw has no value.
            n_groups: of the class that is in fewer.
        """
        usable = drawn[np.isfinite(drawn)]
        if n_groups < 2 or len(usable) < max(2, USABLE_SHARE * len(drawn)):
            return NONE
        if usable.std() < ALIKE:
            unseen = 1 - clopper_pearson(True, n_groups, self.confidence)[0]
            return max(value - unseen, -1.0), min(value + unseen, 1.0)
        from scipy import stats

        reach = _student(self.confidence, n_groups) * np.sqrt(n_groups / (n_groups - 1))
        expanded = replace(self, confidence=float(2 * stats.norm.cdf(reach) - 1))
        low, high = expanded._percentiles(usable)
        return min(low, value), max(high, value)

    def mean(self, values: pd.Series, groups: pd.Series) -> Metric:
        """Compute the mean of shares that belong to pictures.

        Args:
            values: (n,) in [0, 1]; NaN is left out.
            groups: (n,) names of groups.
        """
        known = values.notna().to_numpy()
        if not known.any():
            return Metric()
        codes, names = pd.factorize(groups[known], sort=True)
        sums = np.bincount(codes, weights=values[known], minlength=len(names))
        counts = np.bincount(codes, minlength=len(names))
        drawn = self.draw(lambda weights: (weights @ sums) / (weights @ counts), len(names), len(names))
        value = float(values[known].mean())
        return Metric(value, *self.interval(value, drawn, len(names)))

    def _percentiles(self, usable: np.ndarray) -> tuple[float, float]:
        low, high = np.quantile(usable, [(1 - self.confidence) / 2, (1 + self.confidence) / 2])
        return float(low), float(high)


@functools.lru_cache(maxsize=8)
def _count_drawn(seed: int, n_groups: int, draws: range) -> np.ndarray:
    """Count how often each group is in these draws, each with a generator of its own: (m, n_groups).

    The last ones are kept: many figures are of the same groups, and their draws take longer than they do.
    """
    counts = np.empty((len(draws), n_groups))
    for row, draw in enumerate(draws):
        drawn = np.random.default_rng([seed, draw]).integers(n_groups, size=n_groups)
        counts[row] = np.bincount(drawn, minlength=n_groups)
    counts.flags.writeable = False
    return counts


def standard_error(drawn: np.ndarray, n_groups: int) -> float:
    """Compute how much a metric of so many groups varies, from usable draws of it."""
    return float(drawn.std(ddof=1) * np.sqrt(n_groups / (n_groups - 1)))


def _student(confidence: float, n_groups: int) -> float:
    """Return how many standard errors an interval reaches to each side."""
    from scipy import stats  # not with the module: pages of what predicts are drawn without SciPy

    return float(stats.t.ppf((1 + confidence) / 2, n_groups - 1))


def move(value: float, distance: float, limits: tuple[float, float] = (0.0, 1.0)) -> float:
    """Move a value on the logit scale of its limits, by what would be that distance if it were small.

    Where the upper limit is infinite, the scale is that of the logarithm.
    """
    start, end = limits
    if np.isinf(end):
        return float(start + (value - start) * np.exp(distance / (value - start)))
    from scipy import special

    slope = (value - start) * (end - value) / (end - start)
    logit = np.log((value - start) / (end - value)) + distance / slope
    return float(start + (end - start) * special.expit(logit))


def clopper_pearson(all_right: bool, n: int, confidence: float) -> tuple[float, float]:
    """Compute the interval of a share of which all n trials were right, or none.

    Eighteen right answers out of eighteen do not prove 100 %, and draws from them always agree. If each of n
    independent groups is right with probability p, all are with p^n; the p at which that is as unlikely as
    the tail of the interval is its lower end (Clopper and Pearson, 1934, doi:10.1093/biomet/26.4.404).

    >>> round(clopper_pearson(True, 18, 0.95)[0], 4)
    0.8147
    """
    far = ((1 - confidence) / 2) ** (1 / n)
    return (far, 1.0) if all_right else (0.0, 1 - far)
