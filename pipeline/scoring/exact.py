"""Bounds for figures that are perfect, where a bootstrap would promise certainty.

Eighteen right answers out of eighteen do not prove 100 %. If each of n independent groups is right with
probability p, all n are with p^n; the p at which that is as unlikely as the tail of the interval is its
lower end (Clopper and Pearson, 1934, doi:10.1093/biomet/26.4.404).
"""

import numpy as np

Bounds = tuple[float | None, float | None]


def perfect_bounds(sums: np.ndarray, roc_auc: float, confidence: float) -> dict[str, Bounds]:
    """Give bounds for those figures that every group agrees on; the others are left out.

    A ROC AUC of 1 is bounded over pairs of one fake and one genuine group, of which as many are
    independent as the smaller class has groups. For the average precision no such bound is known to us.

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
    unanimous = (count > 0) & ((right == 0) | (right == count))
    bounds: dict[str, Bounds] = {}
    for place, metric in enumerate(["fake_accuracy", "genuine_accuracy"]):
        if unanimous[place]:
            bounds[metric] = _clopper_pearson(bool(right[place]), int(n_groups[place]), tail)
    if unanimous.all():  # half the tail each: the chance that either bound fails is then the tail at most
        ends = [_clopper_pearson(bool(right[place]), int(n_groups[place]), tail / 2) for place in (0, 1)]
        low, high = np.mean(ends, axis=0)
        bounds["balanced_accuracy"] = (float(low), float(high))
    if roc_auc in (0.0, 1.0):
        bounds["roc_auc"] = _clopper_pearson(roc_auc == 1.0, int(n_groups.min()), tail)
        bounds["average_precision"] = (None, None)
    return bounds


def _clopper_pearson(all_right: bool, n: int, tail: float) -> tuple[float, float]:
    """Bound a share of which all n trials were right, or none."""
    far = tail ** (1 / n)
    return (far, 1.0) if all_right else (0.0, 1 - far)
