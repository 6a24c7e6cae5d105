"""The table of all figures of a part: each with its interval, its meaning, and what guessing gives."""

from collections.abc import Iterator
from typing import NamedTuple

from pipeline.reports.content import ReportContent
from pipeline.reports.metric_words import WORDS, MetricWords
from pipeline.reports.numbers import NOTHING, Figure, as_decimal, in_percent, look_up
from pipeline.reports.without_looking import without_looking

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
