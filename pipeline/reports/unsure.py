"""The band in which the verdict is "unsure": how many pictures it takes, and how good the rest is."""

from typing import NamedTuple

import pandas as pd

from pipeline.config import Evaluate
from pipeline.reports.content import ReportContent
from pipeline.reports.numbers import COLLECTION, Figure, elsewhere_parts
from pipeline.scoring.decision import UNSURE
from pipeline.scoring.intervals import mean_interval

_DRAWS, _SEED = 1_000, 0  # of groups, behind the intervals


class BandRow(NamedTuple):
    """The band on the pictures of one part.

    Attributes:
        title: of the part.
        n: pictures.
        unsure: share of them within the band.
        fake_accuracy: of the fakes outside, those called fake.
        genuine_accuracy: of the genuine pictures outside, those called genuine.
        n_fake: fakes outside.
        n_genuine: genuine pictures outside.
    """

    title: str
    n: int
    unsure: Figure
    fake_accuracy: Figure
    genuine_accuracy: Figure
    n_fake: int
    n_genuine: int


def band_rows(content: ReportContent) -> list[BandRow]:
    """Give a row for the test pictures and one for those from elsewhere; none without a band or verdicts."""
    low, high = (content.decision or {}).get("unsure") or (0.0, 0.0)
    table = content.predictions
    if table is None or "verdict" not in table or low >= high:
        return []
    away = [part.removeprefix(COLLECTION) for part in elsewhere_parts(content.intervals)]
    outside = table["collection"].isin(away)
    parts = {"pictures like these": table[~outside], "pictures from elsewhere": table[outside]}
    return [_row(title, part, content.confidence) for title, part in parts.items() if len(part)]


def _row(title: str, part: pd.DataFrame, confidence: float) -> BandRow:
    unsure = part["verdict"] == UNSURE
    decided = part[~unsure]
    right = (decided["called"] == decided["label"]).astype(float)
    of_label = {label: decided["label"] == label for label in ("fake", "genuine")}
    figures = {
        label: _share(right[rows].rename(f"{label}_accuracy"), decided.loc[rows, "group"], confidence)
        for label, rows in of_label.items()
    }
    return BandRow(
        title,
        len(part),
        _share(unsure.astype(float).rename("unsure"), part["group"], confidence),
        figures["fake"],
        figures["genuine"],
        int(of_label["fake"].sum()),
        int(of_label["genuine"].sum()),
    )


def _share(values: pd.Series, groups: pd.Series, confidence: float) -> Figure:
    if values.empty:
        return Figure(None, None, None)
    settings = Evaluate(bootstrap=_DRAWS, confidence=confidence, robustness=None)
    return Figure(float(values.mean()), *mean_interval(values, groups, settings, _SEED))
