"""All figures of a detector on pictures that count more or less, for many weightings at once."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from pipeline.scoring.answers import called_fake, check_scores
from pipeline.scoring.operating import equal_error_rate, true_positive_rate_at
from pipeline.scoring.probabilities import (
    brier_terms,
    expected_calibration_error,
    log_loss_terms,
    surplus_by_class,
)
from pipeline.scoring.ranking import WeightedRanking, Weighting, average_precision, roc_auc
from pipeline.scoring.rates import PREVALENCES, figures_at_threshold

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
