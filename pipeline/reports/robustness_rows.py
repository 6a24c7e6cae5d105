"""What alterations do to a detector, laid out as a heat map: a row a family, a cell a strength."""

from typing import Any, NamedTuple

import pandas as pd

from pipeline.reports.numbers import Figure
from pipeline.scoring.perturbations import CONTENT_ONLY
from pipeline.scoring.robustness import AS_HANDED_IN

GUESSING = 0.5
DARK = 0.78  # depth from which on, by day, white stands out better than black (report.css mixes the shades)


class Cell(NamedTuple):
    """One alteration.

    Attributes:
        name: of the alteration and its strength.
        strength: alone.
        roc_auc: after it.
        change: of the ROC AUC, with its interval.
        verdict: "", "fragile", "shortcut", or why there is none.
        depth: how dark the cell is, 0 to 1: the share of what lay above guessing that is lost; of a probe,
            how far from guessing it is.
        row: everything else, by the columns of `robustness.csv`; None where there is no number.
    """

    name: str
    strength: str
    roc_auc: Figure
    change: Figure
    verdict: str
    depth: float
    row: dict[str, Any]


def robustness_cells(robustness: pd.DataFrame) -> dict[str, list[Cell]]:
    """Lay `robustness.csv` out by family, without the pictures as they are."""
    families: dict[str, list[Cell]] = {}
    for row in robustness.to_dict("records"):
        if row["name"] != AS_HANDED_IN:
            cell = _cell({str(key): None if pd.isna(value) else value for key, value in row.items()})
            families.setdefault(str(row["family"]), []).append(cell)
    return families


def _cell(row: dict[str, Any]) -> Cell:
    return Cell(
        str(row["name"]),
        str(row["strength"] or ""),
        Figure(row["roc_auc"], row["low"], row["high"]),
        Figure(row["change"], row["change_low"], row["change_high"]),
        str(row["verdict"] or ""),
        round(min(max(_harm(row), 0.0), 1.0), 2),
        row,
    )


def _harm(row: dict[str, Any]) -> float:
    if row["roc_auc"] is None or row["change"] is None:
        return 0.0
    above = row["roc_auc"] - GUESSING
    if row["family"] == CONTENT_ONLY:
        return float(2 * abs(above))
    return float(-row["change"] / max(above - row["change"], 1e-9))
