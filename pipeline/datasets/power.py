"""How sure the figures of a test can be at best: known as soon as pictures are dealt out, before training.

An interval comes from what differs between groups, so however good a detector is, a test on few groups leaves
its figures rough. Whoever reads that beforehand can add pictures, instead of training for an hour to be told.
What is said holds for figures of one set; the audit's intervals hold for forty properties at once, and those
of a difference have two sides, so both take more.
"""

from collections.abc import Mapping
from functools import cache
from itertools import count

import numpy as np
import pandas as pd
from scipy import special  # scipy.stats takes half a second to import

from pipeline.datasets.tables import LABELS
from pipeline.errors import counted

# Half of the width of an interval: up to which it says enough, and from which on nothing, because then 0.7
# may be a coin, or an excellent detector.
ENOUGH, NOTHING_SAID = 0.1, 0.2


def groups_by_label(tested: pd.DataFrame) -> dict[str, int]:
    """Count the groups of each label among the tested pictures, columns `label` and `group`."""
    return {label: int(tested.loc[tested["label"] == label, "group"].nunique()) for label in LABELS}


def roc_auc_reach(n_fake: int, n_genuine: int, roc_auc: float = 0.5) -> float:
    """Compute half of the width of the 95 % interval of a ROC AUC from so many groups of each class.

    The standard error is that of Hanley and McNeil (1982, doi:10.1148/radiology.143.1.7063747), largest at
    0.5; a group counts as one picture, because its pictures are alike.

    >>> round(roc_auc_reach(20, 20), 2), round(roc_auc_reach(200, 200), 2)
    (0.18, 0.06)
    """
    if not (n_fake and n_genuine):
        return np.inf
    won_twice, beaten_twice = roc_auc / (2 - roc_auc), 2 * roc_auc**2 / (1 + roc_auc)
    variance = roc_auc * (1 - roc_auc)
    variance += (n_fake - 1) * (won_twice - roc_auc**2) + (n_genuine - 1) * (beaten_twice - roc_auc**2)
    return float(special.ndtri(0.975) * np.sqrt(variance / (n_fake * n_genuine)))


def says_nothing(groups: Mapping[str, int]) -> bool:
    """Return whether a test on these groups of each label is too small for its figures to say anything.

    >>> says_nothing({"genuine": 7, "fake": 4}), says_nothing({"genuine": 30, "fake": 30})
    (True, False)
    """
    return roc_auc_reach(groups["fake"], groups["genuine"]) > NOTHING_SAID


def accuracy_reach(n: int) -> float:
    """Compute half of the width of the 95 % interval of an accuracy of 0.5 on n groups (Clopper, Pearson).

    >>> round(accuracy_reach(100), 2)
    0.1
    """
    right = n // 2
    low = special.betaincinv(right, n - right + 1, 0.025) if right else 0.0
    return float(special.betaincinv(right + 1, n - right, 0.975) - low) / 2


@cache
def what_it_takes() -> str:
    """Return how many groups the intervals take that say something, in a sentence."""
    groups = next(n for n in count(2) if roc_auc_reach(n, n) <= ENOUGH)
    for_accuracy = next(n for n in count(groups) if accuracy_reach(n) <= ENOUGH)
    return (
        f"An interval of ± {ENOUGH:g} takes some {groups} groups of each class for a ROC AUC, some "
        f"{for_accuracy} for an accuracy."
    )


def rough_test(groups: Mapping[str, int]) -> str:
    """Return how rough the figures of a test on these groups of each label will be; "" where they will not.

    >>> rough_test({"genuine": 20, "fake": 1})[:80]
    'Only 1 group of fakes and 20 groups of genuine pictures to test on: a ROC AUC wi'
    """
    reach = roc_auc_reach(groups["fake"], groups["genuine"])
    if reach <= ENOUGH:
        return ""
    known = f"will be known to ± {min(reach, 0.5):.2f} at best" if np.isfinite(reach) else "has no value"
    return (
        f"Only {counted(groups['fake'], 'group')} of fakes and {counted(groups['genuine'], 'group')} of "
        f"genuine pictures to test on: a ROC AUC {known}. {what_it_takes()}"
    )
