"""Points of the curves, for files that other tools draw and for our own pictures."""

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

MOST_POINTS = 1_000  # more cannot be told apart in a picture, and a page that holds them is slow


def roc_points(predictions: pd.DataFrame) -> pd.DataFrame:
    """Compute the ROC curve.

    Args:
        predictions: columns `target`, `logit` and `probability_fake`.

    Returns:
        `false_positive_rate` (share of the genuine pictures called fake), `true_positive_rate` (share of the
        fakes called fake) and `probability_fake` from which on a picture is called fake; from the corner
        where nothing is (its probability is empty) to the one where all are. Empty where a class is missing.
    """
    columns = ["false_positive_rate", "true_positive_rate", "probability_fake"]
    if predictions["target"].nunique() < 2:
        return pd.DataFrame(columns=columns, dtype=float)
    false_positive, true_positive, logit = roc_curve(predictions["target"], predictions["logit"])
    points = [false_positive, true_positive, _probability_at(logit, predictions)]
    return _thin(pd.DataFrame(dict(zip(columns, points, strict=True))))


def precision_recall_points(predictions: pd.DataFrame) -> pd.DataFrame:
    """Compute the precision-recall curve of the fakes.

    Returns:
        `recall` (share of the fakes called fake), `precision` (share of fakes among what is called fake) and
        `probability_fake`, from the lowest threshold to the highest. Empty where a class is missing.
    """
    columns = ["recall", "precision", "probability_fake"]
    if predictions["target"].nunique() < 2:
        return pd.DataFrame(columns=columns, dtype=float)
    precision, recall, logit = precision_recall_curve(predictions["target"], predictions["logit"])
    points = [recall, precision, _probability_at(np.append(logit, np.inf), predictions)]
    return _thin(pd.DataFrame(dict(zip(columns, points, strict=True))))


def _probability_at(logit: np.ndarray, predictions: pd.DataFrame) -> np.ndarray:
    """Give the probability beside each threshold on the logit; NaN above all of them."""
    ranked = predictions[["logit", "probability_fake"]].sort_values("logit")
    place = np.searchsorted(ranked["logit"].to_numpy(), logit).clip(max=len(ranked) - 1)
    return np.where(np.isfinite(logit), ranked["probability_fake"].to_numpy()[place], np.nan)


def _thin(points: pd.DataFrame) -> pd.DataFrame:
    """Keep the ends and evenly many points between them."""
    if len(points) <= MOST_POINTS:
        return points
    return points.iloc[np.linspace(0, len(points) - 1, MOST_POINTS).round().astype(int)]
