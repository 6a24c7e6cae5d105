"""What an evaluation leaves on disk: tables, points of curves, and charts."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from pipeline.datasets.tables import LABELS
from pipeline.evaluation.ranking import n_bins
from pipeline.evaluation.results import Results
from pipeline.evaluation.scoring import count_calls
from pipeline.reports.metric_charts import plot_robustness, plot_slices, plot_subsets
from pipeline.reports.plots import (
    FEWEST_BINS,
    plot_confusion,
    plot_precision_recall,
    plot_reliability,
    plot_risk_coverage,
    plot_roc,
    plot_scores,
    plot_training,
    precision_recall_points,
    reliability_points,
    risk_coverage_points,
    roc_points,
)
from pipeline.reports.rendering import draw
from pipeline.storage import write_csv, write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_points(folder: Path, results: Results) -> None:
    """Write what charts and `dvc plots` are made of; all but `confusion.csv` of the test split alone."""
    first = next(iter(results.pooled().values()))
    probability, target = first["probability_fake"].to_numpy(), first["target"].to_numpy()
    tables = {
        "confusion.csv": _confusion_table(results),
        "calls.csv": first[["label", "called"]],
        "roc.csv": roc_points(first),
        "precision_recall.csv": precision_recall_points(first),
        "reliability.csv": reliability_points(probability, target),
    }
    if "verdict" in first:
        tables["risk_coverage.csv"] = risk_coverage_points(first, results.threshold)
    for name, table in tables.items():
        write_csv(folder / name, table)


def _confusion_table(results: Results) -> pd.DataFrame:
    rows = []
    for subset, predictions in results.by_subset().items():
        counts = count_calls(predictions, results.threshold)
        rows += [(subset, label, called, counts.loc[label, called]) for label in LABELS for called in LABELS]
    return pd.DataFrame(rows, columns=["part", "actual", "called", "count"])


class Chart(NamedTuple):
    """A chart as SVG, with what it says to a reader who has never seen one like it."""

    svg: str
    says: str


_CHARTS: dict[str, tuple[Callable[[Results], "Figure"], str]] = {
    "scores": (
        plot_scores,
        "What it answers for each class. Hatched: called wrongly. The further apart the two, the better.",
    ),
    "confusion": (plot_confusion, "Rows: what pictures are. Columns: what they were called."),
    "roc": (
        plot_roc,
        "Fakes found against genuine pictures accused, at all thresholds. The dashed line is a coin.",
    ),
    "precision_recall": (
        plot_precision_recall,
        "The more fakes it must find, the more of what it suspects is genuine.",
    ),
    "reliability": (
        plot_reliability,
        "On the dashed line, what is called fake with 70 % is fake in 70 of 100 cases.",
    ),
    "risk_coverage": (
        plot_risk_coverage,
        "Right end: all answers; further left only the surer ones. A dot below its line: the verdicts leave "
        "out what is wrong better than closeness to the threshold does.",
    ),
    "figures": (
        plot_subsets,
        "The same metrics on pictures like those it was trained on, and on collections only tested.",
    ),
    "training": (
        plot_training,
        "How training went. An accuracy on validation that stays far below that of training means learning "
        "by heart.",
    ),
    "slices": (plot_slices, "The same metrics by kind of picture."),
    "robustness": (
        plot_robustness,
        "Both classes are changed alike; the threshold stays. fragile: the ROC AUC surely falls, by more "
        "than 0.05. ◆ shortcut: it rises, or the content alone tells the classes, where 0.5 is right, so it "
        "reads something else than forgeries.",
    ),
}


def evaluation_charts(results: Results) -> dict[str, Chart]:
    """Plot an evaluation: name of each chart, which its file has -> chart; of what was recorded."""
    optional = {"training": results.history, "robustness": results.robustness}
    absent = {name for name, table in optional.items() if not len(table)}
    if n_bins(len(next(iter(results.pooled().values())))) < FEWEST_BINS:
        absent.add("reliability")
    if "verdict" not in results.predictions:
        absent.add("risk_coverage")
    plotted = {name: chart for name, chart in _CHARTS.items() if name not in absent}
    return {name: Chart(draw(plot(results)), says) for name, (plot, says) in plotted.items()}


def write_charts(folder: Path, charts: Mapping[str, Chart]) -> None:
    """Write each chart as `<name>.svg`."""
    for name, chart in charts.items():
        write_text(folder / f"{name}.svg", chart.svg)
