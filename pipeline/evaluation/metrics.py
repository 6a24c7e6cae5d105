"""The metrics of a detector: each is one entry of `METRICS` that says how it is computed and shown.

Fakes are the positive class. A fake accuracy alone says nothing (a detector that always says fake has
100 %), so metrics come together, each class with its count.

>>> METRICS["roc_auc"].title, METRICS["roc_auc"].by_guessing(n_fake=10, n_genuine=30)
('ROC AUC', 0.5)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.evaluation.ranking import (
    Weighting,
    average_precision,
    equal_error_rate,
    expected_calibration_error,
    roc_auc,
    true_positive_rate_at,
)


@dataclass(frozen=True)
class Calls:
    """How pictures are called at a threshold, for m weightings of them: (m,) each."""

    fake_accuracy: np.ndarray  # share of the fakes that are called fake (the true positive rate)
    genuine_accuracy: np.ndarray  # share of the genuine pictures that are called genuine
    n_fake: np.ndarray  # weight of all fakes
    n_genuine: np.ndarray

    @property
    def false_alarms(self) -> np.ndarray:
        """Share of the genuine pictures that are called fake."""
        return 1 - self.genuine_accuracy

    @property
    def called_fake(self) -> np.ndarray:
        """Weight of what is called fake."""
        return self.fake_accuracy * self.n_fake + self.false_alarms * self.n_genuine

    def mcc(self) -> np.ndarray:
        """Matthews' correlation; 0 where all pictures are called alike."""
        called = self.called_fake
        left = self.n_fake + self.n_genuine - called
        mcc = (self.fake_accuracy - self.false_alarms) * np.sqrt(
            self.n_fake * self.n_genuine / (called * left)
        )
        return np.where((called <= 0) | (left <= 0), 0.0, mcc)

    def precision(self, prevalence: float) -> np.ndarray:
        """Share of fakes among what would be called fake, if that share of all pictures were fake (Bayes)."""
        found = prevalence * self.fake_accuracy
        return found / (found + (1 - prevalence) * self.false_alarms)


@dataclass(frozen=True)
class Answers(Calls):
    """What else is known of answers, for m weightings."""

    weighting: Weighting  # of the pictures by logit
    surplus: tuple[np.ndarray, np.ndarray]  # of each probability over the truth, see `surplus_by_class`
    brier: np.ndarray  # (m,) mean of `brier_terms`
    log_loss: np.ndarray  # (m,) mean of `log_loss_terms`


CALLS, RANKING = "Calls, at the threshold", "Ranking, at no threshold"
RARE, PROBABILITIES = "Out there, where fakes are rare", "Probabilities"
PLACES = "Places, by pixel"  # there are none of a detector that answers for whole pictures only
GROUPS = (CALLS, RANKING, RARE, PROBABILITIES, PLACES)
BOTH = ("fake", "genuine")


@dataclass(frozen=True)
class MetricDefinition:
    """All that is to be known of a metric, but for the name that it has in `METRICS`.

    Attributes:
        function: `Answers` -> (m,); for a metric at a threshold `Calls` must do, and it must grow with both
            accuracies. None for `PLACES`: `detector.validation.map_metrics` computes them of each picture,
            and their mean is taken.
        chance: share of fakes -> what is reached by somebody who never looks at a picture: who calls all by
            the larger class, gives each the share of fakes as its probability, and ranks at random. None
            where that has no meaning.
    """

    title: str  # its name in the field
    meaning: str  # for whoever has never heard it
    group: str  # of `GROUPS`, under which it is shown
    function: Callable[..., Any] | None
    chance: Callable[[float], float] | None = None
    is_share: bool = False  # written in percent, else as a decimal
    at_threshold: bool = False  # whether it changes with the threshold
    best: str = "high"  # or "low"
    limits: tuple[float, float] = (0.0, 1.0)  # between which it lies
    classes: tuple[str, ...] = BOTH  # of which it needs pictures; where one has none it has no value
    is_distance: bool = False  # whether chance makes it larger, see `Bootstrap.interval`
    caution: str = ""  # what to bear in mind about its interval

    def __call__(self, answers: Calls) -> np.ndarray:
        """Compute it for m weightings: (m,)."""
        if self.function is None:
            raise TypeError(f"{self.title} is not one of answers for whole pictures")
        values: np.ndarray = self.function(answers)
        return values

    def by_guessing(self, n_fake: int, n_genuine: int) -> float | None:
        """Compute the chance level on so many pictures; None where it has no meaning or a class is missing.

        >>> METRICS["average_precision"].by_guessing(n_fake=10, n_genuine=30)
        0.25
        """
        if self.chance is None or not n_fake or not n_genuine:
            return None
        return float(self.chance(n_fake / (n_fake + n_genuine)))


# In the order in which people are shown them.
# fmt: off
METRICS: dict[str, MetricDefinition] = {
    "fake_accuracy": MetricDefinition(
        "fake accuracy", "of the fakes, called fake", CALLS, lambda calls: calls.fake_accuracy,
        chance=lambda share: share >= 0.5, is_share=True, at_threshold=True, classes=("fake",)),
    "genuine_accuracy": MetricDefinition(
        "genuine accuracy", "of the genuine pictures, called genuine", CALLS,
        lambda calls: calls.genuine_accuracy,
        chance=lambda share: share < 0.5, is_share=True, at_threshold=True, classes=("genuine",)),
    "balanced_accuracy": MetricDefinition(
        "balanced accuracy", "the mean of the two above", CALLS,
        lambda calls: (calls.fake_accuracy + 1 - calls.false_alarms) / 2,
        chance=lambda _: 0.5, is_share=True, at_threshold=True),
    "roc_auc": MetricDefinition(
        "ROC AUC", "how often a fake scores above a genuine picture; 0.5 is a coin", RANKING,
        lambda answers: roc_auc(answers.weighting),
        chance=lambda _: 0.5),
    "average_precision": MetricDefinition(
        "average precision", "how pure the most suspicious pictures are, over all lengths of the list",
        RANKING, lambda answers: average_precision(answers.weighting),
        chance=lambda share: share),
    "f1": MetricDefinition(
        "F1", "balance of fakes found and of being right when it says fake", CALLS,
        lambda calls: 2 * calls.fake_accuracy * calls.n_fake / (calls.called_fake + calls.n_fake),
        chance=lambda share: (share >= 0.5) * 2 * share / (1 + share), at_threshold=True),
    "mcc": MetricDefinition(
        "MCC", "agreement of calls and truth; 0 is chance, 1 perfect", CALLS, Calls.mcc,
        chance=lambda _: 0.0, at_threshold=True, limits=(-1.0, 1.0)),
    "eer": MetricDefinition(
        "EER", "error rate where both kinds of error are equally frequent", RANKING,
        lambda answers: equal_error_rate(answers.weighting),
        chance=lambda _: 0.5, is_share=True, best="low"),
    "tpr_at_1_percent_fpr": MetricDefinition(
        "TPR at 1 % FPR", "of the fakes, found if only 1 % of the genuine may be accused", RANKING,
        lambda answers: true_positive_rate_at(answers.weighting, 1),
        chance=lambda _: 0.01, is_share=True,
        # docs/decisions/0018-intervals-of-figures.md
        caution="rests on one or two genuine pictures: a 95 % interval of it holds the truth in some 92 % of "
        "cases, with 50 groups in 79 %"),
    "tpr_at_5_percent_fpr": MetricDefinition(
        "TPR at 5 % FPR", "of the fakes, found if 5 % of the genuine may be accused", RANKING,
        lambda answers: true_positive_rate_at(answers.weighting, 5),
        chance=lambda _: 0.05, is_share=True),
    "precision_at_1_percent": MetricDefinition(
        "precision at 1 % fakes", "of what it calls fake, really fake, if 1 picture in 100 is", RARE,
        lambda calls: calls.precision(0.01),
        chance=lambda _: 0.01, is_share=True, at_threshold=True),
    "precision_at_10_percent": MetricDefinition(
        "precision at 10 % fakes", "of what it calls fake, really fake, if 10 pictures in 100 are", RARE,
        lambda calls: calls.precision(0.1),
        chance=lambda _: 0.1, is_share=True, at_threshold=True),
    "brier": MetricDefinition(
        "Brier score", "mean squared error of the probabilities", PROBABILITIES,
        lambda answers: answers.brier,
        chance=lambda share: share * (1 - share), best="low"),
    "log_loss": MetricDefinition(
        "log loss", "how much its probabilities are surprised by the truth", PROBABILITIES,
        lambda answers: answers.log_loss,
        chance=lambda share: -share * np.log(share) - (1 - share) * np.log(1 - share),
        best="low", limits=(0.0, np.inf)),
    # One probability for all, the share of fakes, is never wrong on the whole: no chance level.
    "ece": MetricDefinition(
        "ECE", "mean gap between probability and how often it is true", PROBABILITIES,
        lambda answers: expected_calibration_error(answers.weighting, answers.surplus),
        best="low", is_distance=True),
    "pixel_roc_auc": MetricDefinition(
        "pixel ROC AUC", "within a fake: how often a tampered pixel scores above another", PLACES, None,
        chance=lambda _: 0.5),
    "pixel_f1": MetricDefinition(
        "pixel F1", "overlap of what it marks with the mask; threshold 0.5", PLACES, None),
    "pixel_iou": MetricDefinition("pixel IoU", "the same, as intersection over union", PLACES, None),
    "pixel_false_positive_rate": MetricDefinition(
        "pixel false-positive rate", "of the pixels of genuine pictures, marked as tampered", PLACES, None,
        is_share=True, best="low"),
}
# fmt: on
# A ROC AUC is no better than a coin where its whole interval lies in here: at the ends one of two pictures is
# told right in two of three pairs, which nobody would build on. Wider intervals are of too few pictures.
NEAR_A_COIN = (0.35, 0.65)
FOUND_AT = ("tpr_at_1_percent_fpr", "tpr_at_5_percent_fpr")  # shares of the fakes found
PIXELS = "pixel_roc_auc"  # mean over the fakes that have a mask


def of_answers() -> list[str]:
    """List the metrics of answers for whole pictures."""
    return [name for name, metric in METRICS.items() if metric.function is not None]


def of_maps() -> list[str]:
    """List the metrics of maps, means over pictures; predictions have a column for each."""
    return [name for name, metric in METRICS.items() if metric.function is None]
