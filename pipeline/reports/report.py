"""The report: one file, readable without a network, by day and by night, on a phone; verdict first."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from pipeline.auditing.findings import PAGE
from pipeline.evaluation.bootstrap import Metric
from pipeline.evaluation.metrics import of_maps
from pipeline.evaluation.results import SHORTCUT
from pipeline.reports.artifacts import Chart
from pipeline.reports.gallery import gallery_panels
from pipeline.reports.metric_charts import robustness_rows, slice_rows, weakest
from pipeline.reports.numbers import in_percent, look_up
from pipeline.reports.rendering import inline_svg, render
from pipeline.reports.report_content import ReportContent
from pipeline.reports.report_tables import (
    ELSEWHERE,
    HISTORY,
    LARGER_CLASS,
    band_rows,
    figure_of,
    metric_rows,
    summary_rows,
)
from pipeline.reports.reproduce import commands, data_name, model_name, names_differing, run_facts, settings
from pipeline.reports.shortcut_rules import plain_trick, shortcut_words
from pipeline.reports.trust import believe, conclude
from pipeline.reports.trust_rules import on_test, pairs
from pipeline.storage import write_text


class Bar(NamedTuple):
    """How often one of three picks the fake out of a pair."""

    kind: str
    name: str
    figure: Metric
    says: str


NO_CHARTS: Mapping[str, Chart] = {}


def write_report(path: Path, content: ReportContent, charts: Mapping[str, Chart] = NO_CHARTS) -> None:
    """Write the report, such as `reports/report.html`; arguments as of `render_report`."""
    write_text(path, render_report(content, charts))


def render_report(content: ReportContent, charts: Mapping[str, Chart] = NO_CHARTS) -> str:
    """Return the report as HTML; all texts from outside are escaped.

    Args:
        content: what it tells.
        charts: of `evaluation_charts`; those that are not there are left out.
    """
    findings = believe(content)
    rows = [] if content.slices is None else slice_rows(content.slices)
    return render(
        "report.html",
        {
            "model": model_name(content),
            "data": data_name(content),
            "verdict": conclude(findings),
            "findings": findings,
            "bars": _bars(content),
            "cards": _cards(content),
            "brackets": _brackets(content),
            "band": band_rows(content),
            "has_audit": content.audit is not None,
            "counts": _counts(content),
            "groups": metric_rows(content),
            "charts": {name: inline_svg(chart.figure, chart.says) for name, chart in charts.items()},
            "says": {name: chart.says for name, chart in charts.items()},
            "slices": rows,
            "weakest": weakest(rows),
            "gallery": {} if content.gallery is None else gallery_panels(content.gallery),
            "says_where": any(on_test(content, metric).value is not None for metric in of_maps()),
            "threshold": content.metrics["threshold"],
            "robustness": [] if content.robustness is None else robustness_rows(content.robustness),
            "roc_auc": on_test(content, "roc_auc"),
            "parts": _parts(content),
            "facts": run_facts(content),
            "commands": commands(content),
            "names_differing": names_differing(content),
            "settings": settings(content),
            "confidence": content.confidence,
        },
        {"certain": _certain, "linked": _linked},
    )


def _bars(content: ReportContent) -> list[Bar]:
    """Give the detector here and elsewhere, then the best trick and a coin."""
    away = look_up(content.intervals, "elsewhere", "roc_auc")
    found = (
        ("detector", "this detector", on_test(content, "roc_auc")),
        ("detector away", "on pictures from elsewhere", away),
        ("trick", f"a trick: {plain_trick(shortcut_words(content))}", on_test(content, SHORTCUT)),
        ("coin", "tossing a coin", Metric(0.5, None, None)),
    )
    return [
        Bar(kind, name, figure, pairs(figure)) for kind, name, figure in found if figure.value is not None
    ]


def _brackets(content: ReportContent) -> str:
    """Explain the brackets by the first figure that has some."""
    for metric in ("fake_accuracy", "genuine_accuracy"):
        found = on_test(content, metric)
        if found.value is not None and found.low is not None and found.high is not None:
            return (
                f"{in_percent(found)}: {100 * found.value:.0f} % of these; with other pictures of the kind "
                f"it would be anywhere from {100 * found.low:.0f} to {100 * found.high:.0f} %."
            )
    return ""


def _cards(content: ReportContent) -> list[tuple[str, str, str]]:
    """Say how good it is in two figures, never one: on what, fake accuracy, genuine accuracy."""
    cards = []
    for part, title in (("test", "On pictures like these"), ("elsewhere", "On pictures from elsewhere")):
        fakes, genuine = (
            look_up(content.intervals, part, f"{label}_accuracy") for label in ("fake", "genuine")
        )
        if fakes.value is not None or genuine.value is not None:
            cards.append((title, in_percent(fakes), in_percent(genuine)))
    return cards


def _counts(content: ReportContent) -> dict[str, int]:
    row = content.intervals[content.intervals["part"] == "test"].iloc[0]
    return {name: int(row[name]) for name in ("n_fake", "n_genuine", "n_groups")}


def _parts(content: ReportContent) -> list[dict[str, Any]]:
    """Give the rows of the table in-domain × elsewhere with their figures."""
    shown = ("roc_auc", "fake_accuracy", "genuine_accuracy", SHORTCUT, HISTORY, *LARGER_CLASS)
    return [
        {**row, "away": row["role"] == ELSEWHERE, **{metric: figure_of(row, metric) for metric in shown}}
        for row in summary_rows(content)
    ]


def _certain(probability: float) -> str:
    """Write a probability; one that is not quite 0 or 1 is not rounded to it."""
    if 0.0005 <= probability < 0.9995:
        return f"{probability:.3f}"
    return "below 0.001" if probability < 0.5 else "above 0.999"


def _linked(text: str) -> Markup:
    """Make the page of the audit, which lies beside the report, a link where a text names it."""
    link = Markup('<a href="{page}">{page}</a>').format(page=PAGE)
    return Markup(escape(text).replace(PAGE, link))
