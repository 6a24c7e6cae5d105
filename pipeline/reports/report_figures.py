"""The figures within the report, drawn by the functions that draw those in files."""

from functools import partial
from typing import NamedTuple

import pandas as pd
from markupsafe import Markup

from pipeline.reports.numbers import COLLECTION, elsewhere_parts
from pipeline.reports.plots import (
    draw_confusion,
    draw_precision_recall,
    draw_reliability,
    draw_roc,
    draw_scores,
    draw_training,
)
from pipeline.reports.rendering import inline_svg
from pipeline.reports.report_content import ReportContent


class Drawn(NamedTuple):
    """A figure with what it says to a reader who has never seen one like it."""

    figure: Markup
    says: str


def report_figures(content: ReportContent) -> list[Drawn]:
    """Draw what predictions and history are there for."""
    figures = [] if content.predictions is None else _of_predictions(content, content.predictions)
    if content.history is not None and len(content.history):
        says = (
            "How training went. An accuracy on validation that stays far below that of training means "
            "learning by heart."
        )
        figures.append(Drawn(inline_svg(partial(draw_training, history=content.history), says), says))
    return figures


def _of_predictions(content: ReportContent, predictions: pd.DataFrame) -> list[Drawn]:
    parts = _parts(content, predictions)
    test = {"test": parts["test"]}
    threshold = float(content.metrics["threshold"])
    temperature = (content.decision or {}).get("temperature")
    intervals, confidence = content.intervals, content.confidence
    draws = [
        (
            partial(draw_scores, parts=test, threshold=threshold),
            "What it answers for each class. Hatched: called wrongly. The further apart the two, the better.",
        ),
        (
            partial(draw_confusion, parts=test, threshold=threshold),
            "Rows: what pictures are. Columns: what they were called.",
        ),
        (
            partial(draw_roc, parts=parts, intervals=intervals, threshold=threshold, confidence=confidence),
            "Fakes found against genuine pictures accused, at all thresholds. The dashed line is a coin.",
        ),
        (
            partial(draw_precision_recall, parts=parts, intervals=intervals, threshold=threshold),
            "The more fakes it must find, the more of what it suspects is genuine.",
        ),
        (
            partial(draw_reliability, predictions=parts["test"], temperature=temperature),
            "On the dashed line, what is called fake with 70 % is fake in 70 of 100 cases.",
        ),
    ]
    return [Drawn(inline_svg(draw, says), says) for draw, says in draws]


def _parts(content: ReportContent, predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    away = [part.removeprefix(COLLECTION) for part in elsewhere_parts(content.intervals)]
    outside = predictions["collection"].isin(away)
    parts = {"test": predictions[~outside], "elsewhere": predictions[outside]}
    return {name: part for name, part in parts.items() if name == "test" or len(part)}
