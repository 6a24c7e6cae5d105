"""Pictures ranked by their logit that count more or less, for many weightings at once.

Whole-number weights give the figures of a table in which each picture stands as often as it weighs.
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
        """Sort the pictures.

        Args:
            logit: (n,) scores, higher is more fake.
            fake: (n,) bool.
            codes: (n,) number of each picture's group.
        """
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
        """Let each group count.

        Args:
            counts: (m, groups) how often, float64.
        """
        fake_weights = np.take(counts, self.fake_codes, axis=1)
        genuine_weights = np.take(counts, self.genuine_codes, axis=1)
        return Weighting(
            self, fake_weights, genuine_weights, running_sums(fake_weights), running_sums(genuine_weights)
        )

    def score(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score each weighting, as scikit-learn does with `sample_weight`, tied scores included.

        Args:
            counts: (m, groups) how often each group counts, float64.

        Returns:
            (m,) ROC AUC and (m,) average precision, NaN where a class has no weight.
        """
        weighting = self.weigh(counts)
        return roc_auc(weighting), average_precision(weighting)


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
        n_levels = len(self.ranking.fakes_above) - 1
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


def running_sums(values: np.ndarray) -> np.ndarray:
    """Sum the first 0, 1, 2, … values of each row: (m, n) -> (m, n + 1)."""
    sums = np.empty((values.shape[0], values.shape[1] + 1))
    sums[:, 0] = 0
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums
