"""What the best shortcut alone would have reached, to stand beside a detector's figures.

An AUC of 0.95 says little where the JPEG tables alone give 0.94. So each part of an evaluation gets the
figure of the strongest shortcut on the very same pictures, learnt from those that the detector learnt from.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.auditing.findings import best_shortcut, headline, read_audit
from pipeline.auditing.names import AUDIT
from pipeline.auditing.probes import HISTORY
from pipeline.scoring.evaluation import INTERVAL_COLUMNS, SHORTCUT, Evaluation

# The compression history stands there also where another shortcut is stronger.
_HISTORY = {end: f"history_{end}" for end in ("roc_auc", "low", "high")}
COLUMNS = ["part", "name", "words", "roc_auc", "low", "high", *_HISTORY.values()]


def audit_of(reports: Path, built_from: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read the audit in a folder of reports; None where there is none, or one of other data.

    Raises:
        UserError: it is broken.
    """
    path = reports / AUDIT
    audit = read_audit(path) if path.is_file() else None
    return audit if audit is not None and audit["built_from"] == built_from else None


def beside(evaluation: Evaluation, audit: Mapping[str, Any] | None) -> tuple[Evaluation, pd.DataFrame]:
    """Put the best shortcut beside the figures of each part that the audit has tested.

    Args:
        evaluation: of a detector.
        audit: of the same manifest; None: nothing is put beside.

    Returns:
        the evaluation with `SHORTCUT` among the metrics and intervals of these parts; and a table of
        `COLUMNS` that says what each shortcut is.
    """
    found, histories = {}, {}
    tested = {} if audit is None else headline(audit)["on_test"]
    for part in evaluation.intervals["part"].unique():
        # At another threshold the ROC AUC is the same.
        best = None if audit is None else best_shortcut(audit, part.removesuffix("_at_half"))
        if best is not None:
            found[part] = best
            history = tested[part.removesuffix("_at_half")].get(HISTORY, {})
            histories[part] = {column: history.get(end) for end, column in _HISTORY.items()}
            _place(evaluation.metrics, part)[SHORTCUT] = best["roc_auc"]
    counts = evaluation.intervals.drop_duplicates("part").set_index("part")
    rows = [
        {
            "part": part,
            "metric": SHORTCUT,
            "value": best["roc_auc"],
            "low": best["low"],
            "high": best["high"],
            **counts.loc[part, ["n_fake", "n_genuine", "n_groups"]],
        }
        for part, best in found.items()
    ]
    if rows:
        more = pd.DataFrame(rows, columns=INTERVAL_COLUMNS)
        evaluation = evaluation._replace(intervals=pd.concat([evaluation.intervals, more], ignore_index=True))
    table = [{"part": part, **best, **histories[part]} for part, best in found.items()]
    return evaluation, pd.DataFrame(table, columns=COLUMNS)


def _place(metrics: dict[str, Any], part: str) -> dict[str, Any]:
    """Give the metrics of a part: `collections.casia1` is nested."""
    for key in part.split(".", 1):
        metrics = metrics[key]
    return metrics
