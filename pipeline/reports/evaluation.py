"""What an evaluation leaves on disk: tables, points of curves, and pictures."""

from pathlib import Path

import pandas as pd

from pipeline.manifests.tables import LABELS
from pipeline.reports.figures import draw_confusion, draw_figures, draw_roc, draw_scores, draw_training
from pipeline.reports.points import precision_recall_points, roc_points
from pipeline.scoring.evaluation import Evaluation, cut_parts
from pipeline.scoring.metrics import count_verdicts
from pipeline.storage.atomic import write_csv

PREDICTIONS = "predictions.csv"
INTERVALS = "intervals.csv"
SHORTCUTS = "shortcuts.csv"  # what the best shortcut of each part is
CROPS = "crops.csv"  # of the control: each crop with its logit


def write_evaluation(
    folder: Path, predictions: pd.DataFrame, evaluation: Evaluation, history: pd.DataFrame | None = None
) -> None:
    """Write tables and pictures of an evaluation.

    Tables: `predictions.csv`, `intervals.csv` (each figure of each part), `confusion.csv`, and of the test
    split `roc.csv` and `precision_recall.csv`. Pictures: `figures.png`, `roc.png`, `confusion.png`,
    `scores.png`, and `training.png` where there is a history.

    Args:
        folder: to write to.
        predictions: `path`, `label`, `target`, `group`, `collection`, `subset`, `logit`, `probability_fake`
            and `verdict` of each picture.
        evaluation: of these predictions.
        history: of the training, one row an epoch.
    """
    threshold = evaluation.metrics["threshold"]
    parts = cut_parts(predictions, evaluation.elsewhere)
    pooled = pooled_parts(parts)
    write_csv(folder / PREDICTIONS, predictions)
    write_csv(folder / INTERVALS, evaluation.intervals)
    write_csv(folder / "confusion.csv", _confusion_table(parts, threshold))
    first = next(iter(pooled.values()))
    write_csv(folder / "roc.csv", roc_points(first))
    write_csv(folder / "precision_recall.csv", precision_recall_points(first))
    draw_roc(folder / "roc.png", pooled, evaluation.intervals, threshold, evaluation.confidence)
    draw_confusion(folder / "confusion.png", pooled, threshold)
    draw_scores(folder / "scores.png", pooled, threshold)
    draw_figures(folder / "figures.png", evaluation.intervals, evaluation.confidence)
    if history is not None:
        draw_training(folder / "training.png", history)


def pooled_parts(parts: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Keep the test split and what was only tested, without the one that has no pictures."""
    names = [name for name in ("test", "elsewhere") if name in parts and len(parts[name])]
    return {name: parts[name] for name in names or ["test"]}


def _confusion_table(parts: dict[str, pd.DataFrame], threshold: float) -> pd.DataFrame:
    """List counts: part, actual, called, count."""
    rows = []
    for part, predictions in parts.items():
        counts = count_verdicts(predictions, threshold)
        rows += [(part, actual, called, counts.loc[actual, called]) for actual in LABELS for called in LABELS]
    return pd.DataFrame(rows, columns=["part", "actual", "called", "count"])
