"""What an evaluation leaves on disk: tables, points of curves, and pictures."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from pipeline.datasets.tables import LABELS
from pipeline.evaluation.results import Evaluation, cut_parts
from pipeline.evaluation.scoring import count_calls
from pipeline.reports.charts import draw_robustness, draw_slices
from pipeline.reports.plots import (
    draw_confusion,
    draw_figures,
    draw_precision_recall,
    draw_reliability,
    draw_roc,
    draw_scores,
    draw_training,
    precision_recall_points,
    reliability_points,
    roc_points,
)
from pipeline.storage import write_csv

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
        history: of the training, one row an epoch.
    """

    slices: pd.DataFrame
    crops: pd.DataFrame
    shortcuts: pd.DataFrame | None = None
    robustness: pd.DataFrame | None = None
    history: pd.DataFrame | None = None


def write_evaluation(
    folder: Path,
    predictions: pd.DataFrame,
    evaluation: Evaluation,
    tables: Tables,
    temperature: float,
) -> None:
    """Write tables and pictures of an evaluation.

    Tables: `predictions.csv`, `intervals.csv` (each figure of each part), `confusion.csv`, those of `tables`,
    and of the test split `calls.csv`, `roc.csv`, `precision_recall.csv` and `reliability.csv`, which
    `dvc plots` shows. Pictures: `figures.png`, `roc.png`, `precision_recall.png`, `reliability.png`,
    `confusion.png`, `scores.png`, `slices.png`, and `robustness.png` and `training.png` where there are
    such tables.

    Args:
        folder: to write to.
        predictions: as of `scoring.detector.predict_table`.
        evaluation: of these predictions.
        tables: what else was measured.
        temperature: that the logits were divided by.
    """
    threshold, confidence = evaluation.metrics["threshold"], evaluation.confidence
    parts = cut_parts(predictions, evaluation.elsewhere)
    pooled = pooled_parts(parts)
    first = next(iter(pooled.values()))
    written = {
        PREDICTIONS: predictions,
        INTERVALS: evaluation.intervals,
        "confusion.csv": _confusion_table(parts, threshold),
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
    draw_roc(folder / "roc.png", pooled, evaluation.intervals, threshold, confidence)
    draw_precision_recall(folder / "precision_recall.png", pooled, evaluation.intervals, threshold)
    draw_reliability(folder / "reliability.png", first, temperature)
    draw_confusion(folder / "confusion.png", pooled, threshold)
    draw_scores(folder / "scores.png", pooled, threshold)
    draw_figures(folder / "figures.png", evaluation.intervals, confidence)
    draw_slices(folder / "slices.png", tables.slices, confidence)
    if tables.robustness is not None:
        draw_robustness(folder / "robustness.png", tables.robustness)
    if tables.history is not None:
        draw_training(folder / "training.png", tables.history)


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
