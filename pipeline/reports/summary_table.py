"""In-domain × elsewhere: the figures of each collection in one row, for people and for spreadsheets."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.manifests.build import RELATED
from pipeline.manifests.by_source import ON_SEVERAL_SIDES
from pipeline.reports.content import ReportContent
from pipeline.reports.metric_words import WORDS
from pipeline.reports.numbers import COLLECTION, Figure, elsewhere_parts, look_up, shortcut_figure
from pipeline.reports.roles import trained_on
from pipeline.reports.without_looking import without_looking
from pipeline.scoring.evaluation import SHORTCUT
from pipeline.storage.atomic import write_csv

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


def figure_of(row: Mapping[str, Any], metric: str) -> Figure:
    """Take a figure out of a row of `summary_rows`."""
    return Figure(*(row.get(f"{metric}{end}") for end in _ENDS))


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
        for metric in (*WORDS, SHORTCUT):
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
                name: without_looking(name.removeprefix("larger_class_"), row["n_fake"], row["n_genuine"])
                for name in LARGER_CLASS
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
