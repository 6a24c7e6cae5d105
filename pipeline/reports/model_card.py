"""The model card, with the headings of Hugging Face, from the same figures as the report.

https://huggingface.co/docs/hub/model-cards and its annotated template; Mitchell et al., Model Cards for Model
Reporting, 2019, doi:10.1145/3287560.3287596.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from pipeline.reports.believe import believe
from pipeline.reports.card_words import failures, method, training_data
from pipeline.reports.commands import commands
from pipeline.reports.content import ReportContent
from pipeline.reports.metric_rows import metric_rows
from pipeline.reports.metric_words import WORDS
from pipeline.reports.numbers import as_decimal, in_percent, look_up
from pipeline.reports.pages import render
from pipeline.reports.robustness_rows import Cell, robustness_cells
from pipeline.reports.roles import trained_on
from pipeline.reports.run_facts import data_name, model_name, run_facts, settings
from pipeline.reports.slice_rows import slice_rows
from pipeline.reports.summary_table import HISTORY, LARGER_CLASS, figure_of, summary_rows
from pipeline.reports.unsure import band_rows
from pipeline.reports.verdict import conclude
from pipeline.scoring.evaluation import SHORTCUT
from pipeline.storage.atomic import write_text

HEADLINE = ("balanced_accuracy", "roc_auc", "average_precision")  # those that the Hub lists beside a model
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$])")


def write_model_card(path: Path, content: ReportContent) -> None:
    """Write the card.

    Args:
        path: such as `reports/MODEL_CARD.md`.
        content: what it tells.
    """
    write_text(path, render_model_card(content))


def render_model_card(content: ReportContent) -> str:
    """Give the card as Markdown with a head in YAML; texts from outside are escaped for Markdown."""
    findings = believe(content)
    first = content.intervals[content.intervals["part"] == "test"].iloc[0]
    how, papers = method(content)
    text = render(
        "model_card.md",
        {
            "head": yaml.safe_dump(_head(content), sort_keys=False, allow_unicode=True).strip(),
            "model": model_name(content),
            "data": data_name(content),
            "method": how,
            "papers": papers,
            "verdict": conclude(findings),
            "findings": findings,
            "failures": failures(content),
            "collections": training_data(content),
            "n_fake": int(first["n_fake"]),
            "n_genuine": int(first["n_genuine"]),
            "n_groups": int(first["n_groups"]),
            "groups": metric_rows(content),
            "band": band_rows(content),
            "parts": _parts(content),
            "slices": [] if content.slices is None else slice_rows(content.slices),
            "robustness": _robustness(content),
            "facts": run_facts(content),
            "commands": commands(content),
            "settings": settings(content),
            "record": content.record or {},
            "n_epochs": 0 if content.history is None else len(content.history),
            "threshold": content.metrics["threshold"],
            "decision": content.decision or {},
            "confidence": content.confidence,
        },
        {"md": plain},
    )
    return re.sub(r"\n{3,}", "\n\n", text)


def plain(value: object) -> str:
    """Escape a text so that Markdown shows it as it is, in one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(value).split()))


def _head(content: ReportContent) -> dict[str, Any]:
    """Give the metadata that the Hub reads; a figure is left out where it is not known.

    So is `license`: the Hub takes a card without one, and no pipeline can choose it for its user.
    """
    model, data = model_name(content), data_name(content)
    found = {metric: look_up(content.intervals, "test", metric) for metric in HEADLINE}
    metrics = [
        {"type": metric, "name": WORDS[metric].title, "value": round(figure.value, 4)}
        for metric, figure in found.items()
        if figure.value is not None
    ]
    return {
        "library_name": "sklearn" if model == "forest" else "keras",
        "pipeline_tag": "image-classification",
        "datasets": trained_on(content),
        "tags": ["image-forensics", "fake-image-detection", "splicing", "copy-move"],
        "metrics": [metric["type"] for metric in metrics],
        "model-index": [
            {
                "name": model,
                "results": [
                    {
                        "task": {"type": "image-classification", "name": "Fake-image detection"},
                        "dataset": {"type": data, "name": data, "split": "test"},
                        "metrics": metrics,
                    }
                ],
            }
        ],
    }


def _parts(content: ReportContent) -> list[dict[str, Any]]:
    """Give the rows of the table in-domain × elsewhere with their figures written."""
    written = {"fake_accuracy": in_percent, "genuine_accuracy": in_percent, "roc_auc": as_decimal}
    rows = summary_rows(content)
    for row in rows:
        row |= {metric: write(figure_of(row, metric)) for metric, write in written.items()}
        row["shortcut"] = as_decimal(figure_of(row, SHORTCUT))
        row["history"] = as_decimal(figure_of(row, HISTORY))
        fakes, genuine = (figure_of(row, name) for name in LARGER_CLASS)
        row["larger_class"] = f"fakes {in_percent(fakes)}, genuine {in_percent(genuine)}, ROC AUC 0.50"
    return rows


def _robustness(content: ReportContent) -> list[Cell]:
    families = {} if content.robustness is None else robustness_cells(content.robustness)
    return [cell for cells in families.values() for cell in cells]
