"""What each figure is worth to somebody who never looks at a picture.

Calls are those of the majority class, probabilities the share of fakes. A detector that is no better has
learnt nothing.
"""

from math import log


def without_looking(metric: str, n_fake: int, n_genuine: int) -> float | None:
    """Give a figure that needs no detector.

    Args:
        metric: as in `metrics.json`.
        n_fake: tested fakes.
        n_genuine: tested genuine pictures.

    Returns:
        None where it has no meaning, or a class is missing. The calibration error has none: one probability
        for all, the share of fakes, is never wrong on the whole.
    """
    if not n_fake or not n_genuine:
        return None
    share = n_fake / (n_fake + n_genuine)
    calls_fake = float(n_fake >= n_genuine)
    return {
        "fake_accuracy": calls_fake,
        "genuine_accuracy": 1 - calls_fake,
        "balanced_accuracy": 0.5,
        "roc_auc": 0.5,
        "average_precision": share,
        "f1": calls_fake * 2 * share / (1 + share),
        "mcc": 0.0,
        "eer": 0.5,
        "tpr_at_1_percent_fpr": 0.01,
        "tpr_at_5_percent_fpr": 0.05,
        "precision_at_1_percent": 0.01,
        "precision_at_10_percent": 0.10,
        "brier": share * (1 - share),
        "log_loss": -share * log(share) - (1 - share) * log(1 - share),
        "pixel_roc_auc": 0.5,
    }.get(metric)
