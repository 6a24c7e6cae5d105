"""ROC AUC of out-of-fold scores, with intervals that hold for many features at once.

Scores of different folds come from different fits and are not compared: a pair of a fake and a genuine
picture counts where both were scored by one fit. (Pooled scores would fall below 0.5 by themselves: a fold
with more fakes than its share was scored by a fit that has seen fewer.)

Whoever looks at the best of forty features looks at the luckiest. So the intervals are simultaneous: whole
groups are drawn with replacement, the same ones for all features, and each interval is as wide as it must
be for all of them to hold together (the maximal t of Westfall and Young, Resampling-Based Multiple Testing,
1993). Distances are taken on the scale of the arcsine of the root, on which a share varies alike wherever it
lies, and Student's t stands in for the normal, which promises too much of the few groups of a small set.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse, stats

from pipeline.evaluation.bootstrap import clopper_pearson

CELLS_AT_ONCE = 4_000_000  # draws x distinct scores held in memory: 32 MB an array
USABLE_SHARE = 0.5  # of the draws; where more lack a class an interval would say too little


class Estimate(NamedTuple):
    """A ROC AUC and its interval; None where a class is missing or groups are too few."""

    roc_auc: float | None
    low: float | None
    high: float | None


class FoldedRanking:
    """Pictures ranked by their scores within folds, to be weighted by group again and again."""

    def __init__(self, scores: np.ndarray, fake: np.ndarray, codes: np.ndarray, folds: np.ndarray) -> None:
        """Sort the pictures.

        Args:
            scores: (repeats, n) out-of-fold, higher is more fake.
            fake: (n,) bool.
            codes: (n,) number of each picture's group, 0 to groups - 1.
            folds: (repeats, n) number of the fold in which each picture was scored.
        """
        n_groups = int(codes.max()) + 1
        self.counts: list[tuple[sparse.csr_array, sparse.csr_array]] = []
        for score, fold in zip(scores, folds, strict=True):
            for number in np.unique(fold):
                inside = fold == number
                _, places = np.unique(score[inside], return_inverse=True)
                shape = (n_groups, int(places.max()) + 1)
                of_label = []
                for wanted in (fake[inside], ~fake[inside]):
                    ones = np.ones(int(wanted.sum()))
                    of_label.append(
                        sparse.csr_array((ones, (codes[inside][wanted], places[wanted])), shape=shape)
                    )
                self.counts.append((of_label[0], of_label[1]))

    def roc_auc(self, weights: np.ndarray) -> np.ndarray:
        """Compute the AUC of each weighting: (m, groups) -> (m,), NaN where no pair has weight."""
        won = np.zeros(len(weights))
        pairs = np.zeros(len(weights))
        for fakes, genuine in self.counts:
            at_once = max(1, CELLS_AT_ONCE // fakes.shape[1])
            for start in range(0, len(weights), at_once):
                block = slice(start, start + at_once)
                fake_at, genuine_at = weights[block] @ fakes, weights[block] @ genuine
                below = np.cumsum(genuine_at, axis=1)
                # A fake wins against each genuine picture below it, half against one beside it.
                won[block] += np.einsum("ij,ij->i", fake_at, below - genuine_at / 2)
                pairs[block] += fake_at.sum(axis=1) * below[:, -1]
        return np.divide(won, pairs, out=np.full(len(won), np.nan), where=pairs > 0)


def estimate_together(
    rankings: Sequence[FoldedRanking],
    fake: np.ndarray,
    codes: np.ndarray,
    draws: int,
    confidence: float,
    seed: int,
) -> list[Estimate]:
    """Estimate the AUC of several scores of the same pictures.

    Args:
        rankings: one for each feature or model; an empty sequence gives no estimate.
        fake: (n,) bool.
        codes: (n,) number of each picture's group.
        draws: of groups behind the intervals; 0 for none.
        confidence: with which all intervals hold together.
        seed: of the draws.
    """
    if not rankings:
        return []
    n_groups = int(codes.max()) + 1
    found = np.array([ranking.roc_auc(np.ones((1, n_groups)))[0] for ranking in rankings])
    if not draws:
        return [Estimate(float(auc) if np.isfinite(auc) else None, None, None) for auc in found]
    drawn = np.concatenate(
        [
            np.stack([ranking.roc_auc(block) for ranking in rankings], axis=1)
            for block in _draw_groups(n_groups, draws, seed)
        ]
    )
    fewest = min(len(np.unique(codes[fake])), len(np.unique(codes[~fake])))
    lows, highs = _simultaneous(found, drawn, fewest, confidence)
    return [
        _bounded(*values, codes=codes, fake=fake, confidence=confidence)
        for values in zip(found, lows, highs, strict=True)
    ]


def _draw_groups(n_groups: int, draws: int, seed: int) -> list[np.ndarray]:
    """Draw all groups anew, `draws` times, as (draws, groups) counts in blocks of bounded size."""
    random = np.random.default_rng(seed)
    rows = max(1, CELLS_AT_ONCE // n_groups)
    blocks = []
    for start in range(0, draws, rows):
        drawn = random.integers(n_groups, size=(min(rows, draws - start), n_groups))
        drawn += n_groups * np.arange(len(drawn))[:, None]
        counts = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
        blocks.append(counts.astype(np.float32))
    return blocks


def _simultaneous(
    found: np.ndarray, drawn: np.ndarray, n_groups: int, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """Give the ends of the intervals, NaN where there is none."""
    none = np.full(len(found), np.nan)
    if n_groups < 2:
        return none, none
    usable = np.isfinite(drawn).all(axis=1)
    if usable.mean() < USABLE_SHARE or not np.isfinite(found).all():
        return none, none
    centre, values = np.arcsin(np.sqrt(found)), np.arcsin(np.sqrt(drawn[usable]))
    spread = values.std(axis=0, ddof=1) * np.sqrt(n_groups / (n_groups - 1))
    # A score that is the same in all draws has no spread, and no say in how wide the others are.
    distance = np.divide(np.abs(values - centre), spread, out=np.zeros_like(values), where=spread > 0)
    tail = (1 + confidence) / 2
    alone = float(stats.norm.ppf(tail))
    together = max(float(np.quantile(distance.max(axis=1), confidence)), alone)
    reach = together * stats.t.ppf(tail, n_groups - 1) / alone * spread
    ends = (np.clip(centre + sign * reach, 0, np.pi / 2) for sign in (-1, 1))
    low, high = (np.sin(end) ** 2 for end in ends)
    return low, high


def _bounded(
    found: float, low: float, high: float, codes: np.ndarray, fake: np.ndarray, confidence: float
) -> Estimate:
    """Put an estimate into plain numbers.

    Where all draws agree, bounds come from the number of groups: of an AUC of 0 or 1 as everywhere in this
    project; of 0.5, because no group says anything, from how many others could for all that.
    """
    if not np.isfinite(found):
        return Estimate(None, None, None)
    if not np.isfinite(low):
        return Estimate(float(found), None, None)
    if np.isclose(low, high, atol=1e-9) or found in (0.0, 1.0):
        n_groups = min(len(np.unique(codes[of_class])) for of_class in (fake, ~fake))
        unseen = 1.0 - clopper_pearson(True, n_groups, confidence)[0]
        if found in (0.0, 1.0):
            return Estimate(float(found), max(0.0, found - unseen), min(1.0, found + unseen))
        return Estimate(float(found), max(0.0, found - unseen / 2), min(1.0, found + unseen / 2))
    return Estimate(float(found), float(low), float(high))
