"""Bounds for figures that are perfect, where a bootstrap would promise certainty.

Eighteen right answers out of eighteen do not prove 100 %. If each of n independent groups is right with
probability p, all n are with p^n; the p at which that is as unlikely as the tail of the interval is its
lower end (Clopper and Pearson, 1934, doi:10.1093/biomet/26.4.404).
"""

import numpy as np

from pipeline.scoring.rates import figures_at_threshold

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
