"""How well a map finds what was tampered with, by pixel."""

import numpy as np
from sklearn.metrics import roc_auc_score

from pipeline.inputs.cells import tampered_share


def pixel_roc_auc(cells: np.ndarray, mask: np.ndarray) -> float:
    """ROC AUC of the pixels of one fake: how often a tampered one has the higher logit than an untouched one.

    A pixel has the logit of its cell. The mask is neither inverted nor eroded.

    Args:
        cells: (height // 8, width // 8) logits of being tampered.
        mask: (height, width) bool; pixels at the border that fill no cell do not count.

    Returns:
        in [0, 1]; NaN where all pixels are tampered or none is, or the mask is of another picture's size.
    """
    share = tampered_share(mask)
    if share.shape != cells.shape or not 0 < share.mean() < 1:
        return float("nan")
    # Each cell twice: with its tampered pixels, and with the others.
    scores = np.concatenate([cells.ravel(), cells.ravel()])
    weights = np.concatenate([share.ravel(), 1 - share.ravel()])
    targets = np.repeat([1, 0], share.size)
    return float(roc_auc_score(targets, scores, sample_weight=weights))
