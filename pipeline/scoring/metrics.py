"""Figures of a detector on labelled pictures.

Fakes are the positive class. A fake accuracy alone says nothing (a detector that always says fake has
100 %), so the figures come together, each class with its count.
"""

import numpy as np
import pandas as pd

from pipeline.manifests.tables import LABELS
from pipeline.scoring.answers import called_fake
from pipeline.scoring.weighted import METRICS as METRICS
from pipeline.scoring.weighted import WeightedFigures

PIXELS = "pixel_roc_auc"  # mean over the fakes that have a mask, see `pixels`
PIXEL_METRICS = [PIXELS, "pixel_f1", "pixel_iou", "pixel_false_positive_rate"]  # means over pictures

Figures = dict[str, float | int | None]


def score_predictions(predictions: pd.DataFrame, threshold: float) -> Figures:
    """Compute the figures of one set of pictures.

    Args:
        predictions: columns `target` (1 fake, 0 genuine), `logit` (ranks the pictures: it has no ties
            where the probability is rounded to 1) and `probability_fake` in [0, 1]; `PIXEL_METRICS`, NaN
            where they are not known, may be left out.
        threshold: a picture is called fake from this probability on.

    Returns:
        `METRICS` and `PIXEL_METRICS`, and `n_fake`, `n_genuine` and `n_masks`, the fakes that `PIXELS` is
        of. A figure that needs what is not there is None: all but the accuracies of the classes need both.

    Raises:
        UserError: an answer is not a number.
    """
    whole = WeightedFigures(predictions, threshold, np.zeros(len(predictions), np.intp), 1)
    values = whole.score(np.ones((1, 1)))[0]
    figures: Figures = {
        metric: float(value) if np.isfinite(value) else None
        for metric, value in zip(METRICS, values, strict=True)
    }
    for metric in PIXEL_METRICS:
        known = predictions[metric].dropna() if metric in predictions else pd.Series(dtype=float)
        figures[metric] = float(known.mean()) if len(known) else None
    n_masks = int(predictions[PIXELS].notna().sum()) if PIXELS in predictions else 0
    n_fake = int((predictions["target"] == 1).sum())
    return figures | {"n_fake": n_fake, "n_genuine": len(predictions) - n_fake, "n_masks": n_masks}


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
