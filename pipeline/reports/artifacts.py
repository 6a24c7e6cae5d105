"""What an evaluation leaves on disk: tables, points of curves, and charts."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from pipeline.datasets.tables import LABELS
from pipeline.evaluation.results import Results
from pipeline.evaluation.scoring import count_calls
from pipeline.reports.metric_charts import plot_robustness, plot_slices, plot_subsets
from pipeline.reports.plots import (
    plot_confusion,
    plot_precision_recall,
    plot_reliability,
    plot_roc,
    plot_scores,
    plot_training,
    precision_recall_points,
    reliability_points,
    roc_points,
)
from pipeline.reports.rendering import write_chart
from pipeline.storage import write_csv

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_points(folder: Path, results: Results) -> None:
    """Write what charts are made of, some of which `dvc plots` shows.

    It is `confusion.csv`, and of the test split `calls.csv`, `roc.csv`, `precision_recall.csv` and
    `reliability.csv`.
    """
    first = next(iter(results.pooled().values()))
    probability, target = first["probability_fake"].to_numpy(), first["target"].to_numpy()
    tables = {
        "confusion.csv": _confusion_table(results.by_subset(), results.threshold),
        "calls.csv": first[["label", "called"]],
        "roc.csv": roc_points(first),
        "precision_recall.csv": precision_recall_points(first),
        "reliability.csv": reliability_points(probability, target),
    }
    for name, table in tables.items():
        write_csv(folder / name, table)


def _confusion_table(parts: dict[str, pd.DataFrame], threshold: float) -> pd.DataFrame:
    rows = []
    for part, predictions in parts.items():
        counts = count_calls(predictions, threshold)
        rows += [(part, actual, called, counts.loc[actual, called]) for actual in LABELS for called in LABELS]
    return pd.DataFrame(rows, columns=["part", "actual", "called", "count"])


# All charts of an evaluation, each plotted once: written as PNG and shown within the report.


class Chart(NamedTuple):
    """A chart with what it says to a reader who has never seen one like it."""

    figure: "Figure"
    says: str


def evaluation_charts(results: Results) -> dict[str, Chart]:
    """Plot an evaluation: name of each chart, which its file has -> chart; of what is there."""
    threshold, confidence, intervals = results.threshold, results.confidence, results.intervals
    parts = results.pooled()
    charts = {
        "scores": Chart(
            plot_scores(parts, threshold),
            "What it answers for each class. Hatched: called wrongly. The further apart the two, the better.",
        ),
        "confusion": Chart(
            plot_confusion(parts, threshold), "Rows: what pictures are. Columns: what they were called."
        ),
        "roc": Chart(
            plot_roc(parts, intervals, threshold, confidence),
            "Fakes found against genuine pictures accused, at all thresholds. The dashed line is a coin.",
        ),
        "precision_recall": Chart(
            plot_precision_recall(parts, intervals, threshold),
            "The more fakes it must find, the more of what it suspects is genuine.",
        ),
        "reliability": Chart(
            plot_reliability(next(iter(parts.values())), results.decision.get("temperature")),
            "On the dashed line, what is called fake with 70 % is fake in 70 of 100 cases.",
        ),
        "figures": Chart(
            plot_subsets(intervals, confidence),
            "The same metrics on pictures like those it was trained on, and on collections only tested.",
        ),
    }
    if len(results.history):
        charts["training"] = Chart(
            plot_training(results.history),
            "How training went. An accuracy on validation that stays far below that of training means "
            "learning by heart.",
        )
    charts["slices"] = Chart(plot_slices(results.slices, confidence), "The same metrics by kind of picture.")
    if len(results.robustness):
        charts["robustness"] = Chart(
            plot_robustness(results.robustness, confidence),
            "Both classes are changed alike; the threshold stays. fragile: the ROC AUC surely falls, by more "
            "than 0.05. ◆ shortcut: it rises, or the content alone tells the classes, where 0.5 is right, so "
            "it reads something else than forgeries.",
        )
    return charts


def write_charts(folder: Path, charts: Mapping[str, Chart]) -> None:
    """Write each chart as `<name>.png`."""
    for name, chart in charts.items():
        write_chart(folder / f"{name}.png", chart.figure)
