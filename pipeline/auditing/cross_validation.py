"""Cross-validation by group, and ROC AUCs of out-of-fold scores with intervals that hold for many at once.

No picture is scored by a fit that has seen a relative of it. Scores of different folds come from different
fits and are not compared: a pair of a fake and a genuine picture counts where both were scored by one fit.
(Pooled scores would fall below 0.5 by themselves: a fold with more fakes than its share was scored by a fit
that has seen fewer.)

Whoever looks at the best of forty features looks at the luckiest. So intervals are made as everywhere in this
project (`evaluation.bootstrap`), but at a confidence high enough for all of them to hold together: that of
the largest distance of a draw from its value, in standard errors, over all scores (the maximal t of Westfall
and Young, Resampling-Based Multiple Testing, 1993). Of one score alone it is the interval of a detector.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.model_selection import StratifiedGroupKFold

from pipeline.auditing.shortcut_kinds import Learner
from pipeline.errors import counted
from pipeline.evaluation.bootstrap import (
    ALIKE,
    USABLE_SHARE,
    Bootstrap,
    Metric,
    clopper_pearson,
    standard_error,
)
from pipeline.evaluation.ranking import WeightedRanking, roc_auc

FEWEST_PICTURES = 8  # of each label; below that nothing can be learnt that would hold for others
FEWEST_GROUPS = 4  # of each label
_SCORED_PICTURES = 200  # small sets are assigned several times, because the assignment decides much there
_MOST_REPEATS = 3


def too_few(target: np.ndarray, groups: np.ndarray) -> str:
    """Return why a set of pictures is too small for a cross-validation; "" where it is not.

    >>> too_few(np.array([0] * 9 + [1] * 3), np.arange(12).astype(str))
    '3 fake pictures, fewer than 8'
    """
    for number, label in enumerate(("genuine", "fake")):
        of_label = target == number
        n_pictures, n_groups = int(of_label.sum()), len(np.unique(groups[of_label]))
        if n_pictures < FEWEST_PICTURES:
            return f"{counted(n_pictures, f'{label} picture')}, fewer than {FEWEST_PICTURES}"
        if n_groups < FEWEST_GROUPS:
            return f"{label} pictures of {counted(n_groups, 'group')}, fewer than {FEWEST_GROUPS}"
    return ""


def assign_folds(
    target: np.ndarray, groups: np.ndarray, strata: np.ndarray, folds: int, seed: int
) -> np.ndarray:
    """Assign pictures to folds, whole groups together, each stratum evenly; several times for a small set.

    Args:
        target: (n,) 1 fake, 0 genuine.
        groups: (n,) names of groups.
        strata: (n,) what is to be spread evenly besides the label, such as the collection; where one has
            fewer pictures of a label than there are folds, the label alone is.
        folds: at most; fewer where a class has fewer groups.
        seed: of the assignment.

    Returns:
        (repeats, n) number of the fold in which each picture is scored.
    """
    fewest = min(len(np.unique(groups[target == number])) for number in (0, 1))
    folds = max(2, min(folds, fewest))
    repeats = int(np.clip(-(-_SCORED_PICTURES // len(target)), 1, _MOST_REPEATS))
    codes, _ = pd.factorize(groups, sort=True)
    kinds, _ = pd.factorize(pd.MultiIndex.from_arrays([strata, target]), sort=True)
    if np.bincount(kinds).min() < folds:
        kinds = target
    assigned = np.empty((repeats, len(target)), dtype=np.intp)
    for repeat in range(repeats):
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed + repeat)
        for number, (_, scored) in enumerate(splitter.split(codes, kinds, codes)):
            assigned[repeat, scored] = number
    return assigned


def out_of_fold(rows: Any, target: np.ndarray, assigned: np.ndarray, learner: Learner) -> np.ndarray:
    """Score each picture by a fit on the folds that it is not in.

    Args:
        rows: (n, ...) table or array of features.
        target: (n,) 1 fake, 0 genuine.
        assigned: (repeats, n) as of `assign_folds`.
        learner: fits and scores.

    Returns:
        (repeats, n) scores.
    """
    scores = np.zeros(assigned.shape)
    for repeat, folds in enumerate(assigned):
        for number in np.unique(folds):
            scored = np.flatnonzero(folds == number)
            learnt = np.flatnonzero(folds != number)
            if len(np.unique(target[learnt])) == 2:
                scores[repeat, scored] = learner(_take(rows, learnt), target[learnt], _take(rows, scored))
    return scores


def _take(rows: Any, places: np.ndarray) -> Any:
    return rows.iloc[places] if isinstance(rows, pd.DataFrame) else rows[places]


class FoldedRanking:
    """Pictures ranked by their scores within folds, to be weighted by group again and again."""

    def __init__(self, scores: np.ndarray, fake: np.ndarray, codes: np.ndarray, folds: np.ndarray) -> None:
        """Sort n pictures by (repeats, n) out-of-fold scores, within (repeats, n) folds; codes as above."""
        self._rankings = [
            WeightedRanking(score[inside], fake[inside], codes[inside])
            for score, fold in zip(scores, folds, strict=True)
            for inside in (fold == number for number in np.unique(fold))
        ]

    def roc_auc(self, weights: np.ndarray) -> np.ndarray:
        """Compute the AUC of each weighting: (m, groups) -> (m,), NaN where no pair has weight."""
        won, pairs = np.zeros(len(weights)), np.zeros(len(weights))
        for ranking in self._rankings:
            weighting = ranking.weigh(weights)
            pairs_of_fold = weighting.n_fake * weighting.n_genuine
            won += np.nan_to_num(roc_auc(weighting)) * pairs_of_fold
            pairs += pairs_of_fold
        return np.divide(won, pairs, out=np.full(len(won), np.nan), where=pairs > 0)


def estimate_together(
    rankings: Sequence[FoldedRanking], fake: np.ndarray, codes: np.ndarray, bootstrap: Bootstrap
) -> list[Metric]:
    """Estimate the ROC AUC of several scores of the same pictures, with intervals that hold together.

    Args:
        rankings: one for each feature or model.
        fake: (n,) bool.
        codes: (n,) number of each picture's group.
        bootstrap: of the groups; without draws there are no intervals.

    Returns:
        one for each ranking; without a value where a class is missing, without an interval where groups are
        too few.
    """
    if not rankings:
        return []
    n_groups = int(codes.max()) + 1

    def values_of(weights: np.ndarray) -> np.ndarray:
        return np.stack([ranking.roc_auc(weights) for ranking in rankings], axis=1)

    values = values_of(np.ones((1, n_groups)))[0]
    if not np.isfinite(values).all():  # they all lack the same class
        return [Metric()] * len(values)
    fewest = min(len(np.unique(codes[fake])), len(np.unique(codes[~fake])))
    alone = [Metric(float(value)) for value in values]
    if not bootstrap.draws or fewest < 2:
        return alone
    drawn = bootstrap.draw(values_of, n_groups, len(fake))
    usable = drawn[np.isfinite(drawn).all(axis=1)]
    if len(usable) < max(2, USABLE_SHARE * len(drawn)):
        return alone
    together = replace(
        bootstrap, confidence=_confidence_together(values, usable, fewest, bootstrap.confidence)
    )
    return [
        _estimate(float(value), column, fewest, together)
        for value, column in zip(values, drawn.T, strict=True)
    ]


def _confidence_together(values: np.ndarray, drawn: np.ndarray, n_groups: int, confidence: float) -> float:
    """Compute the confidence of each interval at which all of them hold with `confidence`."""
    errors = [standard_error(column, n_groups) for column in drawn.T]
    # A score that is the same in all draws has no spread, and no say in how wide the others are.
    distances = [
        np.abs(column - value) / error
        for value, column, error in zip(values, drawn.T, errors, strict=True)
        if error > ALIKE
    ]
    if len(distances) < 2:
        return confidence
    farthest = np.quantile(np.max(distances, axis=0), confidence)
    return float(np.clip(2 * stats.norm.cdf(farthest) - 1, confidence, 1 - 1e-12))


def _estimate(value: float, drawn: np.ndarray, n_groups: int, bootstrap: Bootstrap) -> Metric:
    """Compute the interval of a value.

    Where all draws agree, it comes from the number of groups: of an AUC of 0 or 1 as everywhere in this
    project; of 0.5, because no group says anything, from how many others could for all that.
    """
    if value not in (0.0, 1.0) and np.nanstd(drawn) >= ALIKE:
        return Metric(value, *bootstrap.interval(value, drawn, n_groups))
    unseen = 1 - clopper_pearson(True, n_groups, bootstrap.confidence)[0]
    if value not in (0.0, 1.0):
        unseen /= 2
    return Metric(value, max(0.0, value - unseen), min(1.0, value + unseen))
