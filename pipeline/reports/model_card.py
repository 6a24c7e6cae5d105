"""The model card, with the headings of Hugging Face, from the same figures as the report.

https://huggingface.co/docs/hub/model-cards and its annotated template; Mitchell et al., Model Cards for Model
Reporting, 2019, doi:10.1145/3287560.3287596.
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import counted
from pipeline.evaluation.metrics import METRICS
from pipeline.evaluation.results import ACCURACIES, OF_COLLECTION, TEST, Results
from pipeline.reports.rendering import GOOD, as_decimal, in_percent, render, title
from pipeline.reports.reproduce import data_name, model_address, model_name
from pipeline.reports.trust_rules import ALTERED, CONTROL, ELSEWHERE, FRAGILE
from pipeline.storage import write_text

NOT_STATED = "not stated"

_CALIBRATION = "Guo et al., On Calibration of Modern Neural Networks, ICML 2017, arXiv:1706.04599"
_MODELS = "pipeline.models."


def method(results: Results) -> tuple[str, list[str]]:
    """Return how a detector works, in the words of the file that builds it, and the papers behind it."""
    target = str(results.record.get("config", {}).get("model", {}).get("_target_", ""))
    if not target.startswith(_MODELS):
        return "How it works was not recorded.", [_CALIBRATION]
    said = inspect.cleandoc(import_module(target.removesuffix(".build")).__doc__ or "")
    first, *others = said.split("\n\n")
    return first, [*others, _CALIBRATION]


def training_data(results: Results) -> list[dict[str, Any]]:
    """List the collections: `name`, `role` and `licence`, `NOT_STATED` where nobody configured it."""
    collections = results.data.get("collections", {})
    tested = results.subsets()
    return [
        {
            "name": name,
            "role": _role(role, f"{OF_COLLECTION}{name}" in tested),
            "licence": collections.get(name, {}).get("licence") or NOT_STATED,
        }
        for name, role in results.roles().items()
    ]


def _role(role: str, is_tested: bool) -> str:
    if role == "background":
        return "background: genuine pictures alone, trained on beside fakes made of them"
    if role == "test":
        return "tested only" if is_tested else "to be tested only, but none of its pictures was"
    return "trained on and tested" if is_tested else "trained on, none of its pictures tested"


def failures(results: Results, shared: Mapping[str, Any]) -> Iterator[str]:
    """List what is known to go wrong: doubtful findings about pictures, the weakest slice, perturbations."""
    for finding in shared["findings"]:
        if finding.about in (CONTROL, FRAGILE, ELSEWHERE, ALTERED) and finding.level != GOOD:
            yield f"{finding.title[:1].upper()}{finding.title[1:]}. {finding.text}"
    worst = shared["weakest"]
    if worst is not None:
        fakes, genuine = (in_percent(worst.figures[f"{label}_accuracy"]) for label in ("fake", "genuine"))
        yield (
            f"Weakest, going by the upper end of the interval, on {worst.name} ({worst.property}): "
            f"ROC AUC {as_decimal(worst.figures['roc_auc'])}, fake accuracy {fakes}, genuine accuracy "
            f"{genuine}, on {counted(worst.n_fake, 'fake')} and "
            f"{counted(worst.n_genuine, 'genuine picture')}."
        )
    fragile = results.robustness[results.robustness["verdict"] == "fragile"]
    if len(fragile):
        yield "Its ROC AUC falls by more than 0.05 after: " + ", ".join(fragile["name"]) + "."


HEADLINE = ("balanced_accuracy", "roc_auc", "average_precision")  # those that the Hub lists beside a model
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$])")


def write_model_card(path: Path, results: Results, shared: Mapping[str, Any]) -> None:
    """Write the card, such as `reports/MODEL_CARD.md`; arguments as of `render_model_card`."""
    write_text(path, render_model_card(results, shared))


def render_model_card(results: Results, shared: Mapping[str, Any]) -> str:
    """Return the card as Markdown with a head in YAML; texts from outside are escaped for Markdown.

    Args:
        results: what it tells.
        shared: of `report.shared_content`.
    """
    how, papers = method(results)
    own = {
        "head": yaml.safe_dump(_head(results), sort_keys=False, allow_unicode=True).strip(),
        "address": model_address(results),
        "method": how,
        "papers": papers,
        "failures": list(failures(results, shared)),
        "collections": training_data(results),
        "record": results.record,
        "n_epochs": len(results.history),
    }
    return re.sub(r"\n{3,}", "\n\n", render("model_card.md", {**shared, **own}, {"md": plain}))


def figures_in_sentences(results: Results) -> str:
    """Return the headline figures in Markdown, a paragraph a subset."""
    lines = []
    for subset in results.shown_subsets():
        n, figures = results.n(subset), [results.metric(subset, name) for name in ACCURACIES]
        fakes, genuine, balanced = map(in_percent, figures)
        lines.append(
            f"**{title(subset).strip()}**, {counted(n.n_fake, 'fake')}, "
            f"{counted(n.n_genuine, 'genuine picture')}: "
            f"ROC AUC {as_decimal(results.metric(subset, 'roc_auc'))}, accuracy on fakes {fakes}, on genuine "
            f"pictures {genuine}, balanced {balanced}"
        )
    return "\n\n".join(lines)


def plain(value: object) -> str:
    """Escape a text so that Markdown shows it as it is, in one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(value).split()))


def _head(results: Results) -> dict[str, Any]:
    """Return the metadata that the Hub reads; a figure is left out where it is not known.

    So is `license`: the Hub takes a card without one, and no pipeline can choose it for its user.
    """
    model, data = model_name(results), data_name(results)
    found = {metric: results.metric(TEST, metric) for metric in HEADLINE}
    metrics = [
        {"type": metric, "name": METRICS[metric].title, "value": round(figure.value, 4)}
        for metric, figure in found.items()
        if figure.value is not None
    ]
    return {
        "library_name": "sklearn" if model == "forest" else "keras",
        "pipeline_tag": "image-classification",
        "datasets": results.trained_on(),
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
