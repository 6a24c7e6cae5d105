"""In-domain × elsewhere: the figures of each collection in one row, for people and for spreadsheets."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pipeline.datasets.build_manifest import RELATED
from pipeline.datasets.splits import ON_SEVERAL_SIDES
from pipeline.detector.decision import UNSURE
from pipeline.evaluation.bootstrap import Bootstrap, Metric
from pipeline.evaluation.metrics import GROUPS, METRICS, MetricDefinition
from pipeline.evaluation.results import SHORTCUT
from pipeline.reports.numbers import (
    COLLECTION,
    as_decimal,
    elsewhere_parts,
    in_percent,
    look_up,
    shortcut_figure,
)
from pipeline.reports.report_content import ReportContent, trained_on
from pipeline.storage import write_csv

FILE = "summary.csv"
HISTORY = "history_roc_auc"
LARGER_CLASS = ("larger_class_fake_accuracy", "larger_class_genuine_accuracy")
HERE, ELSEWHERE = "in-domain", "elsewhere"
_ENDS = ("", "_low", "_high")


def write_summary_table(folder: Path, content: ReportContent) -> None:
    """Write `summary.csv`."""
    write_csv(folder / FILE, summary_table(content))


def summary_table(content: ReportContent) -> pd.DataFrame:
    """Give one row a part: all of a role first, then its collections.

    Returns:
        `collection` ("all" for the whole of a role), `role` (`HERE`: trained on other pictures of it, or
        `ELSEWHERE`), `trained_on`, `n_fake`, `n_genuine`, `n_groups`, `left_out_for_overlap` (pictures that
        were not tested because training has a relative of them; empty where it is not known), then each
        figure with `_low` and `_high`, `best_shortcut_roc_auc` likewise, `best_shortcut`, what it is,
        `history_roc_auc` of the compression history likewise, and what calling all by the larger class gives:
        `larger_class_fake_accuracy` and `larger_class_genuine_accuracy` (its ROC AUC is 0.5).
    """
    return pd.DataFrame(summary_rows(content))


def summary_rows(content: ReportContent) -> list[dict[str, Any]]:
    """Give the same as `summary_table` row by row, None where a figure is not known."""
    return list(_rows(content))


def figure_of(row: Mapping[str, Any], metric: str) -> Metric:
    """Take a figure out of a row of `summary_rows`."""
    return Metric(*(row.get(f"{metric}{end}") for end in _ENDS))


def _rows(content: ReportContent) -> Iterator[dict[str, Any]]:
    intervals = content.intervals
    away = elsewhere_parts(intervals)
    parts = [part for part in intervals["part"].unique() if part != "test_at_half"]
    for part in parts:
        first = intervals[intervals["part"] == part].iloc[0]
        name = part.removeprefix(COLLECTION) if part.startswith(COLLECTION) else "all"
        row: dict[str, Any] = {
            "collection": name,
            "role": ELSEWHERE if part in away else HERE,
            "trained_on": " ".join(trained_on(content)),
            "n_fake": int(first["n_fake"]),
            "n_genuine": int(first["n_genuine"]),
            "n_groups": int(first["n_groups"]),
            "left_out_for_overlap": _left_out(content, part, part in away),
        }
        for metric in (*METRICS, SHORTCUT):
            if (intervals["metric"] == metric).any():
                figure = look_up(intervals, part, metric)
                row |= {f"{metric}{end}": value for end, value in zip(_ENDS, figure, strict=True)}
        beside = _beside(content, part)
        history = zip(_ENDS, shortcut_figure(beside, "history_"), strict=True)
        yield {
            **row,
            "best_shortcut": beside.get("words", ""),
            **{f"{HISTORY}{end}": value for end, value in history},
            **{
                f"larger_class_{name}": METRICS[name].by_guessing(row["n_fake"], row["n_genuine"])
                for name in ("fake_accuracy", "genuine_accuracy")
            },
        }


def _left_out(content: ReportContent, part: str, is_away: bool) -> int | None:
    """Count what was not tested because a relative of it is trained on or lies on another side."""
    if content.left_out is None:
        return None
    rows = content.left_out[content.left_out["reason"].isin([RELATED, ON_SEVERAL_SIDES])]
    if part.startswith(COLLECTION):
        return int((rows["collection"] == part.removeprefix(COLLECTION)).sum())
    away = [each.removeprefix(COLLECTION) for each in elsewhere_parts(content.intervals)]
    return int((rows["collection"].isin(away) == is_away).sum())


def _beside(content: ReportContent, part: str) -> Mapping[Any, Any]:
    """Give the row of `shortcuts.csv` of a part, empty where there is none."""
    table = content.shortcuts
    rows = [] if table is None else table[table["part"] == part].to_dict("records")
    return rows[0] if rows else {}


# The band in which the verdict is "unsure": how many pictures it takes, and how good the rest is.
#

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
    unsure: Metric
    fake_accuracy: Metric
    genuine_accuracy: Metric
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


def _share(values: pd.Series, groups: pd.Series, confidence: float) -> Metric:
    return Bootstrap(_DRAWS, confidence, _SEED).mean(values, groups)


# The table of all metrics of a subset: each with its interval, its meaning, and what guessing gives.


class MetricRow(NamedTuple):
    """One figure, written.

    Attributes:
        definition: what it means.
        value: with its interval.
        at_half: the same at the threshold 0.5; "" where a threshold changes nothing, or nobody measured it.
        guess: of somebody who never looks at a picture.
    """

    definition: MetricDefinition
    value: str
    at_half: str
    guess: str


def metric_rows(content: ReportContent, part: str = "test") -> dict[str, list[MetricRow]]:
    """List the metrics of a subset by `metrics.GROUPS`; what was not measured is left out."""
    first = content.intervals[content.intervals["part"] == part].iloc[0]
    groups: dict[str, list[MetricRow]] = {group: [] for group in GROUPS}
    for name, definition in METRICS.items():
        found = look_up(content.intervals, part, name)
        if found.value is None:
            continue
        at_half = look_up(content.intervals, f"{part}_at_half", name)
        guess = definition.by_guessing(int(first["n_fake"]), int(first["n_genuine"]))
        groups[definition.group].append(
            MetricRow(
                definition,
                written(name, found),
                written(name, at_half) if definition.at_threshold and at_half.value is not None else "",
                written(name, Metric(guess)),
            )
        )
    return {group: rows for group, rows in groups.items() if rows}


def written(metric: str, figure: Metric) -> str:
    """Write a figure as its metric is written; what may lie below 0 or above 1 in full."""
    if METRICS[metric].is_share:
        return in_percent(figure)
    ends = [end for end in figure if end is not None]
    if figure.value is None or all(0 <= end <= 1 for end in ends):
        return as_decimal(figure)
    if figure.low is None or figure.high is None:
        return f"{figure.value:.2f}"
    return f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})"
