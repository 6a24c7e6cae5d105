"""Each figure of an evaluation in plain words."""

from typing import NamedTuple


class MetricWords(NamedTuple):
    """What people are told of a figure.

    Attributes:
        title: its name in the field.
        meaning: for whoever has never heard it.
        is_share: written in percent, else as a decimal.
        at_threshold: whether it changes with the threshold.
        is_good: where it is best, "high" or "low".
        caution: what to bear in mind about its interval.
    """

    title: str
    meaning: str
    is_share: bool
    at_threshold: bool
    is_good: str = "high"
    caution: str = ""


WORDS = {
    "fake_accuracy": MetricWords("fake accuracy", "of the fakes, called fake", True, True),
    "genuine_accuracy": MetricWords(
        "genuine accuracy", "of the genuine pictures, called genuine", True, True
    ),
    "balanced_accuracy": MetricWords("balanced accuracy", "the mean of the two above", True, True),
    "roc_auc": MetricWords(
        "ROC AUC", "how often a fake scores above a genuine picture; 0.5 is a coin", False, False
    ),
    "average_precision": MetricWords(
        "average precision",
        "how pure the most suspicious pictures are, over all lengths of the list",
        False,
        False,
    ),
    "f1": MetricWords("F1", "balance of fakes found and of being right when it says fake", False, True),
    "mcc": MetricWords("MCC", "agreement of calls and truth; 0 is chance, 1 perfect", False, True),
    "eer": MetricWords(
        "EER", "error rate where both kinds of error are equally frequent", True, False, "low"
    ),
    "tpr_at_1_percent_fpr": MetricWords(
        "TPR at 1 % FPR",
        "of the fakes, found if only 1 % of the genuine may be accused",
        True,
        False,
        # docs/decisions/0018-intervals-of-figures.md
        caution="rests on one or two genuine pictures: a 95 % interval of it holds the truth in some 92 % of "
        "cases, with 50 groups in 79 %",
    ),
    "tpr_at_5_percent_fpr": MetricWords(
        "TPR at 5 % FPR", "of the fakes, found if 5 % of the genuine may be accused", True, False
    ),
    "precision_at_1_percent": MetricWords(
        "precision at 1 % fakes", "of what it calls fake, really fake, if 1 picture in 100 is", True, True
    ),
    "precision_at_10_percent": MetricWords(
        "precision at 10 % fakes", "of what it calls fake, really fake, if 10 pictures in 100 are", True, True
    ),
    "brier": MetricWords("Brier score", "mean squared error of the probabilities", False, False, "low"),
    "log_loss": MetricWords(
        "log loss", "how much its probabilities are surprised by the truth", False, False, "low"
    ),
    "ece": MetricWords("ECE", "mean gap between probability and how often it is true", False, False, "low"),
    "pixel_roc_auc": MetricWords(
        "pixel ROC AUC", "within a fake: how often a tampered pixel scores above another", False, False
    ),
    "pixel_f1": MetricWords(
        "pixel F1", "overlap of what it marks with the mask; threshold 0.5", False, False
    ),
    "pixel_iou": MetricWords("pixel IoU", "the same, as intersection over union", False, False),
    "pixel_false_positive_rate": MetricWords(
        "pixel false-positive rate",
        "of the pixels of genuine pictures, marked as tampered",
        True,
        False,
        "low",
    ),
}
