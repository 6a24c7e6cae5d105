"""What an evaluation leaves on disk: tables, points of curves, and charts."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from pipeline.datasets.tables import LABELS
from pipeline.evaluation.results import Evaluation, cut_parts
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

PREDICTIONS = "predictions.csv"
INTERVALS = "intervals.csv"
SHORTCUTS = "shortcuts.csv"  # what the best shortcut of each part is
CROPS = "crops.csv"  # of the control: each crop with its logit
SLICES = "slices.csv"  # figures by kind of picture
ROBUSTNESS = "robustness.csv"  # and in changed forms
GALLERY = "gallery"


class Tables(NamedTuple):
    """What was measured beside the figures of the parts; None where it was not.

    Attributes:
        slices: of `scoring.slices.score_slices`.
        crops: of the control, `scoring.examination`.
        shortcuts: of `auditing.beside`.
        robustness: of `scoring.robustness.measure_robustness`.
    """

    slices: pd.DataFrame
    crops: pd.DataFrame
    shortcuts: pd.DataFrame | None = None
    robustness: pd.DataFrame | None = None


def write_evaluation(folder: Path, predictions: pd.DataFrame, evaluation: Evaluation, tables: Tables) -> None:
    """Write the tables of an evaluation.

    They are `predictions.csv`, `intervals.csv` (each metric of each part), `confusion.csv`, those of
    `tables`, and of the test split `calls.csv`, `roc.csv`, `precision_recall.csv` and `reliability.csv`,
    which `dvc plots` shows.

    Args:
        folder: to write to.
        predictions: as of `evaluation.predictions.predict_table`.
        evaluation: of these predictions.
        tables: what else was measured.
    """
    parts = cut_parts(predictions, evaluation.elsewhere)
    first = next(iter(pooled_parts(parts).values()))
    written = {
        PREDICTIONS: predictions,
        INTERVALS: evaluation.intervals,
        "confusion.csv": _confusion_table(parts, evaluation.metrics["threshold"]),
        "calls.csv": first[["label", "called"]],
        "roc.csv": roc_points(first),
        "precision_recall.csv": precision_recall_points(first),
        "reliability.csv": reliability_points(
            first["probability_fake"].to_numpy(), first["target"].to_numpy()
        ),
        SLICES: tables.slices,
        CROPS: tables.crops,
        SHORTCUTS: tables.shortcuts,
        ROBUSTNESS: tables.robustness,
    }
    for name, table in written.items():
        if table is not None:
            write_csv(folder / name, table)


def pooled_parts(parts: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Keep the test split and what was only tested, without the one that has no pictures."""
    names = [name for name in ("test", "elsewhere") if name in parts and len(parts[name])]
    return {name: parts[name] for name in names or ["test"]}


def _confusion_table(parts: dict[str, pd.DataFrame], threshold: float) -> pd.DataFrame:
    """List counts: part, actual, called, count."""
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


def evaluation_charts(
    predictions: pd.DataFrame,
    evaluation: Evaluation,
    tables: Tables,
    temperature: float | None,
    history: pd.DataFrame | None = None,
) -> dict[str, Chart]:
    """Plot an evaluation: name of each chart, which its file has -> chart; of what is there.

    Args:
        predictions: as of `evaluation.predictions.predict_table`.
        evaluation: of these predictions.
        tables: what else was measured.
        temperature: that the logits were divided by; None: by nothing.
        history: `history.csv` of the training.
    """
    threshold, confidence = evaluation.metrics["threshold"], evaluation.confidence
    intervals, parts = evaluation.intervals, pooled_parts(cut_parts(predictions, evaluation.elsewhere))
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
            plot_reliability(next(iter(parts.values())), temperature),
            "On the dashed line, what is called fake with 70 % is fake in 70 of 100 cases.",
        ),
        "figures": Chart(
            plot_subsets(intervals, confidence),
            "The same metrics on pictures like those it was trained on, and on collections only tested.",
        ),
    }
    if history is not None and len(history):
        charts["training"] = Chart(
            plot_training(history),
            "How training went. An accuracy on validation that stays far below that of training means "
            "learning by heart.",
        )
    charts["slices"] = Chart(plot_slices(tables.slices, confidence), "The same metrics by kind of picture.")
    if tables.robustness is not None:
        charts["robustness"] = Chart(
            plot_robustness(tables.robustness, confidence),
            "Both classes are changed alike; the threshold stays. fragile: the ROC AUC surely falls, by more "
            "than 0.05. ◆ shortcut: it rises, or the content alone tells the classes, where 0.5 is right, so "
            "it reads something else than forgeries.",
        )
    return charts


def write_charts(folder: Path, charts: Mapping[str, Chart]) -> None:
    """Write each chart as `<name>.png`."""
    for name, chart in charts.items():
        write_chart(folder / f"{name}.png", chart.figure)
