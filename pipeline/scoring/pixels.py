"""How well a map finds what was tampered with, by pixel; neither map nor mask is inverted or eroded."""

import numpy as np
from sklearn.metrics import roc_auc_score

from pipeline.inputs.cells import tampered_share


def pixel_roc_auc(cells: np.ndarray, mask: np.ndarray) -> float:
    """ROC AUC of the pixels of one fake: how often a tampered one has the higher logit than an untouched one.

    A pixel has the logit of its cell.

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


def pixel_f1(cells: np.ndarray, mask: np.ndarray) -> float:
    """F1 of the pixels of one fake that are called tampered, at probability 0.5.

    Args:
        cells: as of `pixel_roc_auc`.
        mask: likewise.

    Returns:
        in [0, 1]; NaN where no pixel is tampered, or the mask is of another picture's size.
    """
    found, wrong, missed = _counts(cells, mask)
    return 2 * found / (2 * found + wrong + missed)


def pixel_iou(cells: np.ndarray, mask: np.ndarray) -> float:
    """Intersection over union (Jaccard index) of what is called tampered and what is; see `pixel_f1`."""
    found, wrong, missed = _counts(cells, mask)
    return found / (found + wrong + missed)


def pixel_false_positive_rate(cells: np.ndarray) -> float:
    """Share of the pixels of one genuine picture that are called tampered, at probability 0.5: in [0, 1]."""
    return float(_called(cells).mean())


def _called(cells: np.ndarray) -> np.ndarray:
    called: np.ndarray = cells >= 0  # as a logit
    return called


def _counts(cells: np.ndarray, mask: np.ndarray) -> tuple[float, float, float]:
    """Count pixels, in cells: tampered and called so, untouched and called so, tampered and missed."""
    share = tampered_share(mask)
    if share.shape != cells.shape or not share.any():
        return float("nan"), float("nan"), float("nan")
    called = _called(cells)
    return float(share[called].sum()), float((1 - share[called]).sum()), float(share[~called].sum())
