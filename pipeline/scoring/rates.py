"""Figures at a threshold, from the share of each class that is judged right."""

from typing import Any

import numpy as np

PREVALENCES = {"precision_at_1_percent": 0.01, "precision_at_10_percent": 0.1}


def figures_at_threshold(
    fake_accuracy: Any, genuine_accuracy: Any, n_fake: Any, n_genuine: Any
) -> dict[str, np.ndarray]:
    """Compute what follows from the accuracies of both classes; each grows with either of them.

    Args:
        fake_accuracy: shares of the fakes that are called fake (the true positive rate), in [0, 1].
        genuine_accuracy: shares of the genuine pictures that are called genuine, likewise.
        n_fake: how many fakes there are.
        n_genuine: how many genuine pictures.

    Returns:
        `balanced_accuracy`; `f1`, of the fakes; `mcc`, Matthews' correlation, 0 where all pictures are
        called alike; and for each of `PREVALENCES` the share of fakes among what would be called fake, if
        that share of all pictures were fake (Bayes). NaN where a class is missing, and the precisions where
        nothing is called fake.
    """
    found, n_fake, n_genuine = (np.asarray(each, np.float64) for each in (fake_accuracy, n_fake, n_genuine))
    alarms = 1 - np.asarray(genuine_accuracy, np.float64)
    called = found * n_fake + alarms * n_genuine
    left = n_fake + n_genuine - called
    with np.errstate(invalid="ignore", divide="ignore"):
        mcc = (found - alarms) * np.sqrt(n_fake * n_genuine / (called * left))
        figures = {
            "balanced_accuracy": (found + 1 - alarms) / 2,
            "f1": 2 * found * n_fake / (called + n_fake),
            "mcc": np.where((called <= 0) | (left <= 0), 0.0, mcc),
        }
        for name, share in PREVALENCES.items():
            figures[name] = share * found / (share * found + (1 - share) * alarms)
        missing = np.isnan(found) | np.isnan(alarms)
        return {name: np.where(missing, np.nan, figure) for name, figure in figures.items()}
