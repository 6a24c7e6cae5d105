"""Figures of a detector on labelled pictures.

Fakes are the positive class. A fake accuracy alone says nothing (a detector that always says fake has
100 %), so the figures come together, each class with its count.
"""

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, roc_auc_score

from pipeline.manifests.tables import LABELS
from pipeline.scoring.answers import called_fake, check_scores

# In the order in which people are shown them.
METRICS = ["fake_accuracy", "genuine_accuracy", "balanced_accuracy", "roc_auc", "average_precision"]
PIXELS = "pixel_roc_auc"  # mean over the fakes that have a mask, see `pixels`

Figures = dict[str, float | int | None]


def score_predictions(predictions: pd.DataFrame, threshold: float) -> Figures:
    """Compute the figures of one set of pictures.

    Args:
        predictions: columns `target` (1 fake, 0 genuine), `logit` (ranks the pictures: it has no ties
            where the probability is rounded to 1) and `probability_fake` in [0, 1]; `pixel_roc_auc`, NaN
            where it is not known, may be left out.
        threshold: a picture is called fake from this probability on.

    Returns:
        `METRICS` and `PIXELS`, and `n_fake`, `n_genuine` and `n_masks`, the fakes that `PIXELS` is of. A
        figure that needs what is not there is None.

    Raises:
        UserError: an answer is not a number.
    """
    fake = (predictions["target"] == 1).to_numpy()
    logit = check_scores(predictions["logit"])
    right = called_fake(predictions["probability_fake"], threshold) == fake
    n_fake = int(fake.sum())
    n_genuine = len(fake) - n_fake
    fake_accuracy = float(right[fake].mean()) if n_fake else None
    genuine_accuracy = float(right[~fake].mean()) if n_genuine else None
    figures: Figures = dict.fromkeys(METRICS)
    figures |= {"fake_accuracy": fake_accuracy, "genuine_accuracy": genuine_accuracy}
    if fake_accuracy is not None and genuine_accuracy is not None:
        figures["balanced_accuracy"] = (fake_accuracy + genuine_accuracy) / 2
        figures["roc_auc"] = float(roc_auc_score(fake, logit))
        figures["average_precision"] = float(average_precision_score(fake, logit))
    pixels = predictions[PIXELS].dropna().to_numpy() if PIXELS in predictions else np.empty(0)
    figures[PIXELS] = float(np.mean(pixels)) if len(pixels) else None
    return figures | {"n_fake": n_fake, "n_genuine": n_genuine, "n_masks": len(pixels)}


def count_verdicts(predictions: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Count pictures by what they are and what they are called (the confusion matrix).

    Returns:
        2 × 2: rows `genuine` and `fake` as they are, columns `genuine` and `fake` as they are called.
    """
    fake = (predictions["target"] == 1).to_numpy()
    called = called_fake(predictions["probability_fake"], threshold)
    counts = [
        [int((~fake & ~called).sum()), int((~fake & called).sum())],
        [int((fake & ~called).sum()), int((fake & called).sum())],
    ]
    labels = list(LABELS)
    return pd.DataFrame(
        counts, index=pd.Index(labels, name="actual"), columns=pd.Index(labels, name="called")
    )
