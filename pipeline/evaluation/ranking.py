"""What a ranking of pictures by their logit is worth, for many weightings of the pictures at once.

Whole-number weights give the metrics of a table in which each picture stands as often as it weighs; the bins
of the calibration error stay as many as the pictures themselves have.

>>> import numpy as np
>>> logit, fake = np.array([2.0, 1.0, 0.0]), np.array([True, False, True])
>>> ranking = WeightedRanking(logit, fake, codes=np.arange(3))  # each picture is a group of its own
>>> roc_auc(ranking.weigh(np.array([[1.0, 1.0, 1.0], [2.0, 1.0, 1.0]]))).round(3).tolist()
[0.5, 0.667]
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class WeightedRanking:
    """Pictures sorted once by their score, to be weighted by group again and again.

    Fakes and genuine pictures lie apart, the highest score first. A level is a run of equal scores.

    Attributes:
        fakes: which rows are fake, in falling order of their scores.
        genuine: which rows are genuine, likewise.
        fakes_above: (levels + 1,) how many fakes the first 0, 1, 2, … levels hold.
        genuine_above: (levels + 1,) how many genuine pictures they hold.
    """

    def __init__(self, logit: np.ndarray, fake: np.ndarray, codes: np.ndarray) -> None:
        """Sort n pictures by their scores, higher is more fake; codes number their groups: (n,) each."""
        order = np.argsort(-logit, kind="stable")
        is_fake = fake[order]
        self.fakes, self.genuine = order[is_fake], order[~is_fake]
        self.fake_codes, self.genuine_codes = codes[self.fakes], codes[self.genuine]
        is_last = np.append(np.diff(logit[order]) != 0, np.ones(min(len(order), 1), bool))  # of its level
        ends = np.concatenate([[0], np.flatnonzero(is_last) + 1])
        self.fakes_above = np.concatenate([[0], np.cumsum(is_fake)])[ends]
        self.genuine_above = ends - self.fakes_above
        level = np.cumsum(is_last) - is_last  # of each picture, from 0
        fake_level, genuine_level = level[is_fake], level[~is_fake]
        # Where the sums of the other class are to be read for each picture: with its own level, and without.
        self.fakes_with = self.fakes_above[fake_level + 1]
        self.genuine_with = self.genuine_above[fake_level + 1]
        self.beaten_by = self.fakes_above[genuine_level]
        self.beaten_or_met_by = self.fakes_above[genuine_level + 1]
        self.has_ties = not np.array_equal(self.beaten_by, self.beaten_or_met_by)

    def weigh(self, counts: np.ndarray) -> "Weighting":
        """Let each group count so often: (m, groups) float64."""
        fake_weights = np.take(counts, self.fake_codes, axis=1)
        genuine_weights = np.take(counts, self.genuine_codes, axis=1)
        return Weighting(
            self, fake_weights, genuine_weights, running_sums(fake_weights), running_sums(genuine_weights)
        )


class Weighting(NamedTuple):
    """Ranked pictures with m sets of weights.

    Attributes:
        ranking: the pictures.
        fake_weights: (m, fakes) in the order of `ranking.fakes`.
        genuine_weights: (m, genuine).
        fakes: (m, fakes + 1) weight of the first 0, 1, 2, … fakes.
        genuine: (m, genuine + 1) likewise.
    """

    ranking: WeightedRanking
    fake_weights: np.ndarray
    genuine_weights: np.ndarray
    fakes: np.ndarray
    genuine: np.ndarray

    @property
    def n_fake(self) -> np.ndarray:
        """(m,) weight of all fakes."""
        return self.fakes[:, -1]

    @property
    def n_genuine(self) -> np.ndarray:
        """(m,) weight of all genuine pictures."""
        return self.genuine[:, -1]

    @property
    def n_levels(self) -> int:
        """How many distinct scores there are."""
        return len(self.ranking.fakes_above) - 1

    def above(self, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weight of the fakes and of the genuine pictures in the first levels: (m, k) -> (m, k) each."""
        return (
            np.take_along_axis(self.fakes, self.ranking.fakes_above[levels], axis=1),
            np.take_along_axis(self.genuine, self.ranking.genuine_above[levels], axis=1),
        )

    def first_level(self, reached: Callable[[np.ndarray], np.ndarray], width: int) -> np.ndarray:
        """Find by bisection how many levels must be taken until something is reached.

        Args:
            reached: (m, width) numbers of levels, from 1 -> (m, width) bool; once true it stays so.
            width: how many things are looked for at once.

        Returns:
            (m, width) the smallest number for which it is true, levels + 1 where there is none.
        """
        n_levels = self.n_levels
        low = np.ones((len(self.fakes), width), np.intp)
        high = np.full_like(low, n_levels + 1)
        while (low < high).any():
            middle = (low + high) // 2
            there = reached(np.minimum(middle, n_levels)) | (middle > n_levels)
            high = np.where(there, middle, high)
            low = np.where(there, low, np.minimum(middle + 1, high))
        return low


def roc_auc(weighting: Weighting) -> np.ndarray:
    """Area under the ROC curve: (m,), NaN where a class has no weight."""
    ranking = weighting.ranking
    # A genuine picture is ranked right against each fake above it, half right against one beside it.
    lost = np.take(weighting.fakes, ranking.beaten_or_met_by, axis=1)
    won = np.einsum("ij,ij->i", weighting.genuine_weights, lost)
    if ranking.has_ties:
        won += np.einsum(
            "ij,ij->i", weighting.genuine_weights, np.take(weighting.fakes, ranking.beaten_by, axis=1)
        )
        won /= 2
    with np.errstate(invalid="ignore"):  # 0 / 0 where a class has no weight
        area: np.ndarray = won / (weighting.n_fake * weighting.n_genuine)
    return area


def average_precision(weighting: Weighting) -> np.ndarray:
    """Mean precision over the fakes, without interpolation: (m,), NaN where a class has no weight."""
    ranking = weighting.ranking
    fakes = np.take(weighting.fakes, ranking.fakes_with, axis=1)
    seen = np.take(weighting.genuine, ranking.genuine_with, axis=1)
    seen += fakes
    precision = np.divide(fakes, seen, out=fakes, where=seen > 0)  # where nothing is seen, fakes is 0
    total = np.einsum("ij,ij->i", weighting.fake_weights, precision)
    with np.errstate(invalid="ignore"):
        return np.where(weighting.n_genuine > 0, total / weighting.n_fake, np.nan)


def equal_error_rate(weighting: Weighting) -> np.ndarray:
    """Rate at which as large a share of the genuine pictures is called fake as of the fakes genuine.

    Between the points of the ROC curve (one for each distinct score, ties together) straight lines are drawn.

    Returns:
        (m,) in [0, 1]; NaN where a class has no weight.
    """
    n_fake, n_genuine = weighting.n_fake[:, None], weighting.n_genuine[:, None]

    def surplus(levels: np.ndarray) -> np.ndarray:
        """False positive rate minus false negative rate; in counts, so that equal ones compare as equal."""
        fakes, genuine = weighting.above(levels)
        return genuine * n_fake + fakes * n_genuine - n_fake * n_genuine

    after = np.minimum(weighting.first_level(lambda levels: surplus(levels) >= 0, 1), weighting.n_levels)
    before = np.maximum(after - 1, 0)
    start, end = surplus(before), surplus(after)
    with np.errstate(invalid="ignore"):  # 0 / 0 where a class has no weight
        way = -start / (end - start)
        rates = [weighting.above(levels)[1] / n_genuine for levels in (before, after)]
        rate: np.ndarray = (rates[0] + way * (rates[1] - rates[0]))[:, 0]
    return rate


def true_positive_rate_at(weighting: Weighting, percent: int) -> np.ndarray:
    """Largest share of fakes found while at most `percent` % of the genuine pictures are called fake.

    Nothing is interpolated: it is a point that a threshold reaches, tied scores falling to one side together.

    Returns:
        (m,) in [0, 1]; NaN where a class has no weight.
    """
    allowed = percent * weighting.n_genuine[:, None]
    beyond = weighting.first_level(lambda levels: 100 * weighting.above(levels)[1] > allowed, 1)
    with np.errstate(invalid="ignore"):
        rate = weighting.above(np.minimum(beyond - 1, weighting.n_levels))[0][:, 0] / weighting.n_fake
    return np.where(weighting.n_genuine > 0, rate, np.nan)


BINS = 15  # of equal mass, of the calibration error, at most
IN_A_BIN = 20  # pictures at least: of fewer the share of fakes is known to ± 0.2 at best


def n_bins(n_pictures: int) -> int:
    """Return in how many bins so many pictures are put, for their reliability.

    In a bin of one picture the share of fakes is 0 or 1 whatever the detector says: its gap is no error.

    >>> n_bins(10), n_bins(40), n_bins(10_000)
    (1, 2, 15)
    """
    return int(np.clip(n_pictures // IN_A_BIN, 1, BINS))


def surplus_by_class(ranking: WeightedRanking, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return by how much each probability exceeds the truth (1 for a fake), by class as ranked."""
    return probability[ranking.fakes] - 1, probability[ranking.genuine]


def expected_calibration_error(weighting: Weighting, surplus: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Mean distance between the mean probability and the share of fakes in bins of equal mass.

    There are as many bins as `n_bins` says of the n pictures, however they are weighted. The pictures are
    sorted by logit and cut into bins of equal weight (Nixon et al., Measuring calibration in deep learning,
    2019). Pictures with the same logit stay together, in the bin that the middle of their run falls into.

    Args:
        weighting: of n ranked pictures.
        surplus: of the probabilities, see `surplus_by_class`.

    Returns:
        (m,) in [0, 1]; NaN where a class has no weight.
    """
    ranking, n_levels = weighting.ranking, weighting.n_levels
    total = (weighting.n_fake + weighting.n_genuine)[:, None]
    bins = n_bins(len(ranking.fakes) + len(ranking.genuine))
    cuts = np.arange(1, bins)  # bins that lie above each cut

    def crossed(levels: np.ndarray) -> np.ndarray:
        """Whether the middle of the last of these levels lies below the cut."""
        return bins * (sum(weighting.above(levels - 1)) + sum(weighting.above(levels))) > 2 * cuts * total

    inner = (
        weighting.first_level(crossed, bins - 1) - 1 if n_levels else np.zeros((len(total), bins - 1), int)
    )
    edges = np.pad(inner, ((0, 0), (1, 1)), constant_values=((0, 0), (0, n_levels)))
    by_bin = _sums_between(weighting.fake_weights, surplus[0], ranking.fakes_above[edges])
    by_bin += _sums_between(weighting.genuine_weights, surplus[1], ranking.genuine_above[edges])
    with np.errstate(invalid="ignore"):  # 0 / 0 where there is no weight
        error: np.ndarray = np.abs(by_bin).sum(axis=1) / total[:, 0]
    return np.where((weighting.n_fake > 0) & (weighting.n_genuine > 0), error, np.nan)


def equal_mass_bins(logit: np.ndarray) -> np.ndarray:
    """Number the bin of `expected_calibration_error` in which each picture lies: (n,) -> (n,), from 0."""
    _, level, counts = np.unique(logit, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    bins: np.ndarray = (n_bins(len(logit)) * (2 * ends - counts) // (2 * max(len(logit), 1)))[level]
    return bins


def _sums_between(weights: np.ndarray, values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Sum weighted values between neighbouring edges: (m, n), (n,), (m, k + 1) -> (m, k)."""
    return np.diff(np.take_along_axis(running_sums(weights * values), edges, axis=1), axis=1)


def running_sums(values: np.ndarray) -> np.ndarray:
    """Sum the first 0, 1, 2, … values of each row: (m, n) -> (m, n + 1)."""
    sums = np.empty((values.shape[0], values.shape[1] + 1))
    sums[:, 0] = 0
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums
