"""Cross-validation by group: no picture is scored by a fit that has seen a relative of it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

# Fits on rows with targets (1 fake, 0 genuine) and scores other rows: higher is more fake.
Learner = Callable[[Any, np.ndarray, Any], np.ndarray]

FEWEST_PICTURES = 8  # of each label; below that nothing can be learnt that would hold for others
FEWEST_GROUPS = 4  # of each label
_SCORED_PICTURES = 200  # small sets are dealt out several times, because the deal decides much there
_MOST_REPEATS = 3


def too_few(target: np.ndarray, groups: np.ndarray) -> str:
    """Say why a set of pictures is too small for a cross-validation; nothing where it is not."""
    for number, label in enumerate(("genuine", "fake")):
        of_label = target == number
        n_pictures, n_groups = int(of_label.sum()), len(np.unique(groups[of_label]))
        if n_pictures < FEWEST_PICTURES:
            return f"{n_pictures} {label} pictures, fewer than {FEWEST_PICTURES}"
        if n_groups < FEWEST_GROUPS:
            return f"{label} pictures of {n_groups} groups, fewer than {FEWEST_GROUPS}"
    return ""


def deal_folds(
    target: np.ndarray, groups: np.ndarray, strata: np.ndarray, folds: int, seed: int
) -> np.ndarray:
    """Deal pictures to folds, whole groups together, each stratum evenly; several times for a small set.

    Args:
        target: (n,) 1 fake, 0 genuine.
        groups: (n,) names of groups.
        strata: (n,) what is to be spread evenly besides the label, such as the collection.
        folds: at most; fewer where a class has fewer groups.
        seed: of the deal.

    Returns:
        (repeats, n) number of the fold in which each picture is scored.
    """
    fewest = min(len(np.unique(groups[target == number])) for number in (0, 1))
    folds = max(2, min(folds, fewest))
    repeats = int(np.clip(-(-_SCORED_PICTURES // len(target)), 1, _MOST_REPEATS))
    codes, _ = pd.factorize(groups, sort=True)
    kinds = _strata(target, strata, folds)
    dealt = np.empty((repeats, len(target)), dtype=np.intp)
    for repeat in range(repeats):
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed + repeat)
        for number, (_, scored) in enumerate(splitter.split(codes, kinds, codes)):
            dealt[repeat, scored] = number
    return dealt


def out_of_fold(rows: Any, target: np.ndarray, dealt: np.ndarray, learner: Learner) -> np.ndarray:
    """Score each picture by a fit on the folds that it is not in.

    Args:
        rows: (n, ...) table or array of features.
        target: (n,) 1 fake, 0 genuine.
        dealt: (repeats, n) as of `deal_folds`.
        learner: fits and scores.

    Returns:
        (repeats, n) scores.
    """
    scores = np.zeros(dealt.shape)
    for repeat, folds in enumerate(dealt):
        for number in np.unique(folds):
            scored = np.flatnonzero(folds == number)
            learnt = np.flatnonzero(folds != number)
            if len(np.unique(target[learnt])) == 2:
                scores[repeat, scored] = learner(_take(rows, learnt), target[learnt], _take(rows, scored))
    return scores


def _strata(target: np.ndarray, strata: np.ndarray, folds: int) -> np.ndarray:
    """Number each stratum with its label; where one has fewer pictures than folds, the label alone."""
    kinds, _ = pd.factorize(pd.MultiIndex.from_arrays([strata, target]), sort=True)
    return target if np.bincount(kinds).min() < folds else kinds


def _take(rows: Any, places: np.ndarray) -> Any:
    return rows.iloc[places] if isinstance(rows, pd.DataFrame) else rows[places]
