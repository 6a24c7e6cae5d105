"""One reason to believe the figures of a detector, or not to, and what all such reasons are made with."""

from math import hypot
from typing import NamedTuple

from pipeline.reports.content import ReportContent
from pipeline.reports.numbers import Figure, look_up

SHORTCUTS, LEAK, CONTROL, FRAGILE = "shortcuts", "leak", "control", "fragile"
FILES, CONTENT, ALTERED, SKILL = "files", "content", "altered", "skill"
NUMBER, ELSEWHERE = "number", "elsewhere"


class Finding(NamedTuple):
    """One reason to believe the figures, or not to.

    Attributes:
        about: what it is about: `SHORTCUTS`, `LEAK`, `CONTROL`, …
        level: `GOOD`, `WARNING` or `BAD`.
        title: a clause that starts with a small letter where grammar lets it.
        text: the evidence.
    """

    about: str
    level: str
    title: str
    text: str


def pairs(figure: Figure) -> str:
    """Say a ROC AUC in whole pairs out of a hundred; what is not perfect is never rounded up to it."""
    value = figure.value or 0.0
    return f"{100 if value == 1 else min(round(100 * value), 99)} of 100"


def surely_above(first: Figure, second: Figure) -> bool:
    """Tell whether a figure is above another with the whole interval of their difference.

    The interval is put together from those of the two (Zou and Donner, 2008, doi:10.1002/sim.3095) as if
    they were independent; on the same pictures they go up and down together, so that this errs towards no.
    """
    if None in (first.value, first.low, second.value):
        return False
    upwards = 0.0 if second.high is None else second.high - second.value  # type: ignore[operator]
    return first.value - second.value > hypot(first.value - first.low, upwards)  # type: ignore[operator]


def on_test(content: ReportContent, metric: str) -> Figure:
    """Give a figure of the test split."""
    return look_up(content.intervals, "test", metric)
