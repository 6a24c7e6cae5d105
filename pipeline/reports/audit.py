"""What an audit leaves on disk: numbers for programs, a page for people, the chart and the tables."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.auditing.findings import list_shortcuts
from pipeline.auditing.measure import Measurements
from pipeline.auditing.names import AUDIT, CONVERTED, PAGE, RAW, TRAINING
from pipeline.reports.audit_chart import draw_audit
from pipeline.reports.audit_page import render_page
from pipeline.reports.audit_rows import chart_rows
from pipeline.storage.atomic import write_csv, write_json, write_text
from pipeline.storage.folder import replacing_folder

FOLDER = "audit"
CHART = "shortcuts"
FIGURES = "figures.csv"
FIGURE_COLUMNS = ["part", "side", "what", "name", "roc_auc", "low", "high"]


def write_audit(
    reports: Path, pictures: pd.DataFrame, measured: Measurements, audit: Mapping[str, Any]
) -> None:
    """Write an audit; `audit.json` comes last, because the gate and the evaluation read it.

    Args:
        reports: folder to write to.
        pictures: that were audited.
        measured: of them.
        audit: as of `auditing.audit.audit_pictures`, with `built_from`.
    """
    with replacing_folder(reports / FOLDER) as folder:
        named = pictures[["path", "label", "split", "collection", "group"]]
        for side, features in ((RAW, measured.raw), (CONVERTED, measured.converted)):
            write_csv(folder / f"features_{side}.csv", pd.concat([named, features], axis=1))
        write_csv(folder / FIGURES, figures_table(audit))
        part = audit["parts"][TRAINING]
        if part[CONVERTED] is not None:
            charts = [folder / f"{CHART}.{ending}" for ending in ("png", "svg")]
            draw_audit(charts, chart_rows(part), "What gives the label away", audit["settings"])
    write_text(reports / PAGE, render_page(audit))
    write_json(reports / AUDIT, audit)


def figures_table(audit: Mapping[str, Any]) -> pd.DataFrame:
    """List every ROC AUC by cross-validation with its interval: `FIGURE_COLUMNS`."""
    rows = [
        (name, side, found.what, found.name, found.roc_auc, found.low, found.high)
        for name, part in audit["parts"].items()
        for side in (RAW, CONVERTED)
        for found in list_shortcuts(part[side], name)
    ]
    return pd.DataFrame(rows, columns=FIGURE_COLUMNS)
