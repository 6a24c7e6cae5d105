"""The table of all figures of a part: each with its interval, its meaning, and what guessing gives."""

from collections.abc import Iterator
from math import log
from typing import NamedTuple

from pipeline.reports.numbers import NOTHING, Figure, as_decimal, in_percent, look_up
from pipeline.reports.report_content import ReportContent

# Each figure of an evaluation in plain words.
#


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


# What each figure is worth to somebody who never looks at a picture.
#
# Calls are those of the majority class, probabilities the share of fakes. A detector that is no better has
# learnt nothing.
#


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


PLACES = "Places, by pixel"  # there are none of a detector that answers for whole pictures only
GROUPS = {
    "Calls, at the threshold": (
        "fake_accuracy",
        "genuine_accuracy",
        "balanced_accuracy",
        "f1",
        "mcc",
    ),
    "Ranking, at no threshold": (
        "roc_auc",
        "average_precision",
        "eer",
        "tpr_at_1_percent_fpr",
        "tpr_at_5_percent_fpr",
    ),
    "Out there, where fakes are rare": ("precision_at_1_percent", "precision_at_10_percent"),
    "Probabilities": ("brier", "log_loss", "ece"),
    PLACES: ("pixel_roc_auc", "pixel_f1", "pixel_iou", "pixel_false_positive_rate"),
}


class MetricRow(NamedTuple):
    """One figure, written.

    Attributes:
        words: what it means.
        value: with its interval.
        at_half: the same at the threshold 0.5; "" where a threshold changes nothing, or nobody measured it.
        guess: of somebody who never looks at a picture.
    """

    words: MetricWords
    value: str
    at_half: str
    guess: str


def metric_rows(content: ReportContent, part: str = "test") -> dict[str, list[MetricRow]]:
    """Lay the figures of a part out in `GROUPS`; what was not measured is left out."""
    groups = {name: list(_rows(content, part, metrics)) for name, metrics in GROUPS.items()}
    return {name: rows for name, rows in groups.items() if rows}


def written(metric: str, figure: Figure) -> str:
    """Write a figure as its metric is written; what may lie below 0 or above 1 in full."""
    if WORDS[metric].is_share:
        return in_percent(figure)
    ends = [end for end in figure if end is not None]
    if figure.value is None or all(0 <= end <= 1 for end in ends):
        return as_decimal(figure)
    if figure.low is None or figure.high is None:
        return f"{figure.value:.2f}"
    return f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})"


def _rows(content: ReportContent, part: str, metrics: tuple[str, ...]) -> Iterator[MetricRow]:
    first = content.intervals[content.intervals["part"] == part].iloc[0]
    for metric in metrics:
        found = look_up(content.intervals, part, metric)
        if found.value is None:
            continue
        at_half = look_up(content.intervals, f"{part}_at_half", metric)
        guess = without_looking(metric, int(first["n_fake"]), int(first["n_genuine"]))
        yield MetricRow(
            WORDS[metric],
            written(metric, found),
            written(metric, at_half) if WORDS[metric].at_threshold and at_half.value is not None else "",
            NOTHING if guess is None else written(metric, Figure(guess, None, None)),
        )
