"""Figures of a detector on labelled pictures.

Fakes are the positive class. A fake accuracy alone says nothing (a detector that always says fake has
100 %), so the figures come together, each class with its count.
"""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from pipeline.datasets.tables import LABELS
from pipeline.detector.decision import called_fake, check_scores
from pipeline.evaluation.ranking import WeightedRanking, Weighting, average_precision, roc_auc

# Whether probabilities mean what they say: Brier score, log loss, and the expected calibration error.
#

BINS = 15
_CERTAIN = np.finfo(np.float64).eps  # as scikit-learn clips; one sure and wrong answer costs 36


def brier_terms(fake: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Squared distance of each probability from what the picture is; their mean is the Brier score (1950)."""
    terms: np.ndarray = (probability - fake) ** 2
    return terms


def log_loss_terms(fake: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Negative natural logarithm of what was given to the truth; probabilities are clipped by 2.2e-16."""
    of_truth = np.where(fake, probability, 1 - probability)
    terms: np.ndarray = -np.log(np.clip(of_truth, _CERTAIN, 1 - _CERTAIN))
    return terms


def surplus_by_class(ranking: WeightedRanking, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give by how much each probability exceeds the truth (1 for a fake), for fakes and genuine as ranked."""
    return probability[ranking.fakes] - 1, probability[ranking.genuine]


def expected_calibration_error(weighting: Weighting, surplus: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Mean distance between the mean probability and the share of fakes in `BINS` bins of equal mass.

    The pictures are sorted by logit and cut into bins of equal weight (Nixon et al., Measuring calibration
    in deep learning, 2019). Pictures with the same logit stay together, in the bin that the middle of their
    run falls into.

    Args:
        weighting: of n ranked pictures.
        surplus: of the probabilities, see `surplus_by_class`.

    Returns:
        (m,) in [0, 1]; NaN where a class has no weight.
    """
    total = (weighting.n_fake + weighting.n_genuine)[:, None]
    cuts = np.arange(1, BINS)  # bins that lie above each cut

    def crossed(levels: np.ndarray) -> np.ndarray:
        """Whether the middle of the last of these levels lies below the cut."""
        return BINS * (sum(weighting.above(levels - 1)) + sum(weighting.above(levels))) > 2 * cuts * total

    ranking = weighting.ranking
    n_levels = len(ranking.fakes_above) - 1
    inner = (
        weighting.first_level(crossed, BINS - 1) - 1 if n_levels else np.zeros((len(total), BINS - 1), int)
    )
    edges = np.pad(inner, ((0, 0), (1, 1)), constant_values=((0, 0), (0, n_levels)))
    by_bin = _sums_between(weighting.fake_weights, surplus[0], ranking.fakes_above[edges])
    by_bin += _sums_between(weighting.genuine_weights, surplus[1], ranking.genuine_above[edges])
    with np.errstate(invalid="ignore"):  # 0 / 0 where there is no weight
        error: np.ndarray = np.abs(by_bin).sum(axis=1) / total[:, 0]
    return np.where((weighting.n_fake > 0) & (weighting.n_genuine > 0), error, np.nan)


def equal_mass_bins(logit: np.ndarray) -> np.ndarray:
    """Number the bin of `expected_calibration_error` in which each picture lies: (n,) -> (n,), from 0."""
    _, level, counts = np.unique(logit, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    bins: np.ndarray = (BINS * (2 * ends - counts) // (2 * max(len(logit), 1)))[level]
    return bins


def _sums_between(weights: np.ndarray, values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Sum weighted values between neighbouring edges: (m, n), (n,), (m, k + 1) -> (m, k)."""
    sums = np.empty((len(edges), edges.shape[1] - 1))
    for row, ends in enumerate(edges.tolist()):  # products of slices: no array of the size of the weights
        sums[row] = [
            np.einsum("i,i->", weights[row, start:end], values[start:end])
            for start, end in itertools.pairwise(ends)
        ]
    return sums


# Points on the ROC curve: the equal error rate, and the fakes found at a given rate of false alarms.
#


def equal_error_rate(weighting: Weighting) -> np.ndarray:
    """Rate at which as large a share of the genuine pictures is called fake as of the fakes genuine.

    Between the points of the ROC curve (one for each distinct score, ties together) straight lines are drawn.

    Returns:
        (m,) in [0, 1]; NaN where a class has no weight.
    """
    n_fake, n_genuine = weighting.n_fake[:, None], weighting.n_genuine[:, None]

    def surplus(levels: np.ndarray) -> np.ndarray:
        """False positive rate minus false negative rate; in counts, so that equal ones compare as equal."""
        fakes, genuine = weighting.above(levels)
        return genuine * n_fake + fakes * n_genuine - n_fake * n_genuine

    after = np.minimum(weighting.first_level(lambda levels: surplus(levels) >= 0, 1), _last(weighting))
    before = np.maximum(after - 1, 0)
    start, end = surplus(before), surplus(after)
    with np.errstate(invalid="ignore"):  # 0 / 0 where a class has no weight
        way = -start / (end - start)
        rates = [weighting.above(levels)[1] / n_genuine for levels in (before, after)]
        rate: np.ndarray = (rates[0] + way * (rates[1] - rates[0]))[:, 0]
    return rate


def true_positive_rate_at(weighting: Weighting, percent: int) -> np.ndarray:
    """Largest share of fakes found while at most `percent` % of the genuine pictures are called fake.

    Nothing is interpolated: it is a point that a threshold reaches, tied scores falling to one side together.

    Returns:
        (m,) in [0, 1]; NaN where a class has no weight.
    """
    allowed = percent * weighting.n_genuine[:, None]
    beyond = weighting.first_level(lambda levels: 100 * weighting.above(levels)[1] > allowed, 1)
    with np.errstate(invalid="ignore"):
        rate = weighting.above(np.minimum(beyond - 1, _last(weighting)))[0][:, 0] / weighting.n_fake
    return np.where(weighting.n_genuine > 0, rate, np.nan)


def _last(weighting: Weighting) -> int:
    return len(weighting.ranking.fakes_above) - 1


# Figures at a threshold, from the share of each class that is judged right.
#

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


# All figures of a detector on pictures that count more or less, for many weightings at once.
#

# In the order in which people are shown them.
METRICS = [
    "fake_accuracy",
    "genuine_accuracy",
    "balanced_accuracy",
    "roc_auc",
    "average_precision",
    "f1",
    "mcc",
    "eer",
    "tpr_at_1_percent_fpr",
    "tpr_at_5_percent_fpr",
    *PREVALENCES,
    "brier",
    "log_loss",
    "ece",
]
_OF_RANKING: dict[str, Callable[[Weighting], np.ndarray]] = {
    "roc_auc": roc_auc,
    "average_precision": average_precision,
    "eer": equal_error_rate,
    "tpr_at_1_percent_fpr": lambda weighting: true_positive_rate_at(weighting, 1),
    "tpr_at_5_percent_fpr": lambda weighting: true_positive_rate_at(weighting, 5),
}


class WeightedFigures:
    """Labelled answers, prepared once, to be weighted by group again and again.

    Attributes:
        sums: (6, groups) right fakes, fakes, right genuine pictures, genuine pictures, and the terms of Brier
            score and log loss, each summed over the pictures of a group.
        ranking: the pictures by logit.
    """

    def __init__(self, predictions: pd.DataFrame, threshold: float, codes: np.ndarray, n_groups: int) -> None:
        """Prepare.

        Args:
            predictions: columns `target`, `logit` and `probability_fake`.
            threshold: a picture is called fake from this probability on.
            codes: (n,) number of each picture's group.
            n_groups: how many numbers there are.

        Raises:
            UserError: an answer is not a number.
        """
        fake = (predictions["target"] == 1).to_numpy()
        probability = check_scores(predictions["probability_fake"])
        right = called_fake(probability, threshold) == fake
        terms = (brier_terms(fake, probability), log_loss_terms(fake, probability))
        columns = (fake & right, fake, ~fake & right, ~fake, *terms)
        self.sums = np.stack([np.bincount(codes, weights=each, minlength=n_groups) for each in columns])
        self.ranking = WeightedRanking(check_scores(predictions["logit"]), fake, codes)
        self._surplus = surplus_by_class(self.ranking, probability)

    def score(self, counts: np.ndarray) -> np.ndarray:
        """Compute the figures of each weighting.

        Args:
            counts: (m, groups) how often each group counts, float64.

        Returns:
            (m, metrics) in the order of `METRICS`; NaN where a figure needs a class that has no weight.
        """
        # Row by row, so that each sum is the same however many rows there are; and without BLAS, whose
        # threads get into the way of those that call this.
        totals = np.stack([np.einsum("kg,g->k", self.sums, row) for row in counts], axis=1)
        right_fake, n_fake, right_genuine, n_genuine, brier, log_loss = totals
        with np.errstate(invalid="ignore"):  # 0 / 0 where a class has no weight
            fake_accuracy, genuine_accuracy = right_fake / n_fake, right_genuine / n_genuine
        weighting = self.ranking.weigh(counts)
        both = np.where((n_fake > 0) & (n_genuine > 0), n_fake + n_genuine, np.nan)
        figures = {
            "fake_accuracy": fake_accuracy,
            "genuine_accuracy": genuine_accuracy,
            **figures_at_threshold(fake_accuracy, genuine_accuracy, n_fake, n_genuine),
            **{name: of_ranking(weighting) for name, of_ranking in _OF_RANKING.items()},
            "brier": brier / both,
            "log_loss": log_loss / both,
            "ece": expected_calibration_error(weighting, self._surplus),
        }
        return np.stack([figures[metric] for metric in METRICS], axis=1)


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
