"""The report: one file, readable without a network, by day and by night, on a phone; verdict first."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from pipeline.auditing.findings import PAGE
from pipeline.evaluation.bootstrap import Metric
from pipeline.evaluation.metrics import of_maps
from pipeline.evaluation.ranking import IN_A_BIN
from pipeline.evaluation.results import A_SET, BEST_SHORTCUT, ELSEWHERE, TEST, Results
from pipeline.reports.artifacts import Chart
from pipeline.reports.gallery import gallery_panels
from pipeline.reports.metric_charts import robustness_rows, slice_rows, weakest
from pipeline.reports.plots import FEWEST_BINS
from pipeline.reports.rendering import in_percent, inline_svg, render
from pipeline.reports.report_tables import (
    VerdictRow,
    found_in_a_sentence,
    metric_rows,
    part_names,
    shown_rows,
    verdict_rows,
)
from pipeline.reports.reproduce import commands, data_name, model_name, names_differing, run_facts, settings
from pipeline.reports.trust import believe, conclude, plain_trick, shortcut_words
from pipeline.reports.trust_rules import pairs
from pipeline.storage import write_text


class Bar(NamedTuple):
    """How often one of three picks the fake out of a pair."""

    kind: str
    name: str
    roc_auc: Metric
    says: str


def shared_content(results: Results) -> dict[str, Any]:
    """Return what the report and the model card both show, so that rules run and tables are made once."""
    findings, slices = believe(results), slice_rows(results.slices)
    return {
        "model": model_name(results),
        "data": data_name(results),
        "verdict": conclude(findings),
        "findings": findings,
        "counts": results.n(),
        "groups": metric_rows(results),
        "verdicts": verdict_rows(results),
        "parts": shown_rows(results),
        "slices": slices,
        "weakest": weakest(slices, results.n()),
        "robustness": robustness_rows(results.robustness),
        "facts": run_facts(results),
        "commands": commands(results),
        "settings": settings(results),
        "threshold": results.threshold,
        "decision": results.decision,
        "confidence": results.confidence,
    }


def write_report(
    path: Path, results: Results, shared: Mapping[str, Any], charts: Mapping[str, Chart]
) -> None:
    """Write the report, such as `reports/report.html`; arguments as of `render_report`."""
    write_text(path, render_report(results, shared, charts))


def render_report(results: Results, shared: Mapping[str, Any], charts: Mapping[str, Chart]) -> str:
    """Return the report as HTML; all texts from outside are escaped.

    Args:
        results: what it tells.
        shared: of `shared_content`.
        charts: of `evaluation_charts`; those that are not there are left out.
    """
    own = {
        "bars": _bars(results),
        "cards": _cards(results, shared["verdicts"]),
        "brackets": _brackets(results),
        "has_audit": bool(results.audit),
        "is_scored_set": results.scored == A_SET,
        "charts": {name: inline_svg(chart.svg, chart.says) for name, chart in charts.items()},
        "says": {name: chart.says for name, chart in charts.items()},
        "gallery": {} if results.gallery is None else gallery_panels(results.gallery),
        "found": found_in_a_sentence(results),
        "says_where": any(results.metric(TEST, metric).value is not None for metric in of_maps()),
        "roc_auc": results.metric(TEST, "roc_auc"),
        "names_differing": names_differing(results),
        "reliability_takes": FEWEST_BINS * IN_A_BIN,
    }
    filters = {"certain": _certain, "linked": _linked, "about": _about}
    return render("report.html", {**shared, **own}, filters)


def _bars(results: Results) -> list[Bar]:
    """Return the detector here and elsewhere, then the best trick and a coin."""
    away = results.metric(ELSEWHERE, "roc_auc")
    found = (
        ("detector", "this detector", results.metric(TEST, "roc_auc")),
        ("detector away", "on pictures from elsewhere", away),
        ("trick", f"a trick: {plain_trick(shortcut_words(results))}", results.metric(TEST, BEST_SHORTCUT)),
        ("coin", "tossing a coin", Metric(0.5, None, None)),
    )
    return [
        Bar(kind, name, roc_auc, pairs(roc_auc)) for kind, name, roc_auc in found if roc_auc.value is not None
    ]


def _brackets(results: Results) -> str:
    """Return what the brackets mean, by the first metric that has some."""
    for metric in ("fake_accuracy", "genuine_accuracy"):
        found = results.metric(TEST, metric)
        if found.value is not None and found.low is not None and found.high is not None:
            return (
                f"{in_percent(found)}: {100 * found.value:.0f} % of these; with other pictures of the kind "
                f"it would be anywhere from {100 * found.low:.0f} to {100 * found.high:.0f} %."
            )
    return ""


class Card(NamedTuple):
    """How good it is on a kind of pictures in two figures, never one, and how often it is unsure."""

    title: str
    fake_accuracy: str
    genuine_accuracy: str
    verdicts: list[VerdictRow]


def _cards(results: Results, verdicts: Sequence[VerdictRow]) -> list[Card]:
    """Return a card for pictures like these, and one for those from elsewhere."""
    cards = []
    for part, title in part_names(results).items():
        fakes, genuine = (results.metric(part, f"{label}_accuracy") for label in ("fake", "genuine"))
        if fakes.value is not None or genuine.value is not None:
            of_part = [row for row in verdicts if row.title == title]
            cards.append(Card(f"On {title}", in_percent(fakes), in_percent(genuine), of_part))
    return cards


def _certain(probability: float) -> str:
    """Write a probability; one that is not quite 0 or 1 is not rounded to it."""
    if 0.0005 <= probability < 0.9995:
        return f"{probability:.3f}"
    return "below 0.001" if probability < 0.5 else "above 0.999"


def _about(share: Metric) -> str:
    """Write a share without its interval, which another table of the page has."""
    return in_percent(Metric(share.value))


def _linked(text: str) -> Markup:
    """Make the page of the audit, which lies beside the report, a link where a text names it."""
    link = Markup('<a href="{page}">{page}</a>').format(page=PAGE)
    return Markup(escape(text).replace(PAGE, link))
