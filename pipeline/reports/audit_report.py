"""What an audit leaves on disk: numbers for programs, a page for people, the chart and the tables."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from pipeline.auditing.file_features import FEATURES
from pipeline.auditing.findings import (
    ALL,
    ALL_WORDS,
    AUDIT,
    BEST,
    CONVERTED,
    PAGE,
    PROBE,
    RAW,
    TRAINING,
    Shortcut,
    best_shortcut,
    list_shortcuts,
    part_title,
)
from pipeline.auditing.measurements import Measurements
from pipeline.auditing.shortcut_kinds import FAMILIES, PROBES, Family, Probe
from pipeline.evaluation.bootstrap import Metric
from pipeline.evaluation.results import metric_of
from pipeline.reports.audit_advice import STILL, still_there
from pipeline.reports.audit_text import nothing_above, remarks, verdict
from pipeline.reports.charts import Dot, Row, Track, plot_dots
from pipeline.reports.rendering import (
    AUC,
    BAD,
    COLUMNS,
    NOTHING,
    QUIET,
    TOO_FEW,
    WARNING,
    as_decimal,
    draw,
    inline_svg,
    render,
    render_table,
)
from pipeline.storage import replacing_folder, write_csv, write_json, write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Side(NamedTuple):
    """What was strongest of a kind, in words, and how strong; no words where nothing was measured."""

    words: str
    metric: Metric


SAME = Side("the same in all", Metric(0.5))  # nothing of this kind varies


class AuditRow(NamedTuple):
    """One kind of shortcut, before and after conversion."""

    title: str
    raw: Side
    converted: Side


def audit_rows(part: Mapping[str, Any]) -> list[AuditRow]:
    """List what was found in a part: the strongest of each family, all of them together, and the probes."""
    sides = part[RAW], part[CONVERTED]
    return [
        *(AuditRow(family.title, *(_strongest(side, family) for side in sides)) for family in FAMILIES),
        AuditRow(ALL_WORDS, *(_together(side) for side in sides)),
        *(AuditRow(probe.words, *(_probed(side, probe) for side in sides)) for probe in PROBES.values()),
    ]


def _metric(estimate: Mapping[str, Any] | None) -> Metric:
    return metric_of(estimate or {}, value="roc_auc")


def _strongest(side: Mapping[str, Any], family: Family) -> Side:
    for name, estimate in side["features"].items():  # strongest first
        if FEATURES[name].family == family:
            return Side(FEATURES[name].words, _metric(estimate))
    return SAME


def _together(side: Mapping[str, Any]) -> Side:
    for name, estimate in side[ALL].items():
        return Side(name, _metric(estimate))
    return SAME


def _probed(side: Mapping[str, Any], probe: Probe) -> Side:
    estimate = side[PROBE].get(probe.name)
    return Side(probe.model if estimate else "", _metric(estimate))


LISTED = 20  # of the pictures and pairs that the page names; audit.json has more


def render_page(audit: Mapping[str, Any], chart: str | None = None) -> str:
    """Return the page as HTML; all texts from outside are escaped.

    Args:
        audit: as `audit.json` holds it.
        chart: of `plot_audit`; None: too few pictures.
    """
    part = audit["parts"][TRAINING]
    return render(
        "audit.html",
        {
            "audit": audit,
            "policy": audit["built_from"]["convert"]["policy"],
            "split": audit["built_from"]["split"]["method"],
            "dataset": audit["built_from"]["data"]["name"],
            "verdict": verdict(audit),
            "remarks": remarks(audit),
            "chart": None if chart is None else inline_svg(chart, _said(part)),
            "training": part,
            "still": _by_reason(audit),
            "still_above": STILL,
            "nothing_above": nothing_above(audit),
            "features": FEATURES,
            "parts": {part_title(name): found for name, found in audit["parts"].items()},
            "tables": {part_title(name): _features(found) for name, found in audit["parts"].items()},
            "on_test": _tested(audit["on_test"]),
            "kinds": {BEST: "best property of the file", ALL: "all metadata"}
            | {probe.name: probe.column for probe in PROBES.values()},
            "title_of": part_title,
            "listed": LISTED,
        },
        {"written": lambda estimate: as_decimal(_metric(estimate))},
    )


def _said(part: Mapping[str, Any]) -> str:
    """Write the chart out for who cannot see it."""
    return "; ".join(
        f"{row.title}: as handed in {_written(row.raw)}, as converted {_written(row.converted)}"
        for row in audit_rows(part)
    )


def _by_reason(audit: Mapping[str, Any]) -> dict[str, list[Shortcut]]:
    """Group what is still there by its reason."""
    reasons: dict[str, list[Shortcut]] = {}
    for shortcut, why in still_there(audit):
        reasons.setdefault(why, []).append(shortcut)
    return reasons


def _features(part: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """List what varies in a part, in words, as handed in and as converted; strongest as handed in first."""
    if part["too_few"]:
        return []
    raw, converted = part[RAW], part[CONVERTED]
    words = {
        "features": lambda name: FEATURES[name].words,
        ALL: lambda model: f"all of them: {model}",
        PROBE: lambda name: PROBES[name].words,
    }
    return [
        (write(name), raw[kind].get(name), converted[kind].get(name))
        for kind, write in words.items()
        for name in dict.fromkeys([*raw[kind], *converted[kind]])
    ]


def _tested(on_test: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was tested by its title; without a collection that is the whole of the split before it."""
    titles = {"test": "test split", "elsewhere": "elsewhere (tested only)"}
    shown: dict[str, Any] = {}
    split: Any = None
    for name, metrics in on_test.items():
        if name in titles:
            split = metrics
        elif metrics == split:
            continue
        shown[titles.get(name, part_title(name))] = metrics
    return shown


def plot_audit(rows: Sequence[AuditRow], settings: Mapping[str, Any]) -> "Figure":
    """Plot `audit_rows`, as handed in above as converted; settings of the audit say which limit is marked."""
    before, after = Dot(Metric(), QUIET, hollow=True), Dot(Metric(), AUC)
    return plot_dots(
        [
            Row(
                row.title,
                row.raw.words
                if row.raw.words == row.converted.words
                else f"{row.raw.words or NOTHING} → {row.converted.words or NOTHING}",
                [
                    Track([dot._replace(metric=side.metric)], _written(side))
                    for dot, side in ((before, row.raw), (after, row.converted))
                ],
            )
            for row in rows
        ],
        "What gives the label away",
        {"as handed in": before, "as converted": after},
        f"ROC AUC out of fold, {settings['confidence']:.0%} intervals over groups",
        lowest=0.4,
        limit=(settings["warn_above"], f"a shortcut from here ({settings['warn_above']:g})"),
    )


def _written(side: Side) -> str:
    if side.metric.value is None:
        return "not measured"
    return "same in all" if side == SAME else as_decimal(side.metric)


FOLDER = "audit"
CHART = "shortcuts.svg"
FIGURES = "figures.csv"
FIGURE_COLUMNS = ["part", "side", "what", "name", "roc_auc", "low", "high"]


def write_audit(
    reports: Path, pictures: pd.DataFrame, measured: Measurements, audit: Mapping[str, Any]
) -> None:
    """Write an audit of pictures; `audit.json` comes last, because the gate and the evaluation read it."""
    with replacing_folder(reports / FOLDER) as folder:
        named = pictures[["path", "label", "split", "collection", "group"]]
        for side, features in ((RAW, measured.raw.features), (CONVERTED, measured.converted.features)):
            write_csv(folder / f"features_{side}.csv", pd.concat([named, features], axis=1))
        write_csv(folder / FIGURES, figures_table(audit))
        part, chart = audit["parts"][TRAINING], None
        if part[CONVERTED] is not None:
            chart = draw(plot_audit(audit_rows(part), audit["settings"]))
            write_text(folder / CHART, chart)
    write_text(reports / PAGE, render_page(audit, chart))
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


def summarise_audit(audit: Mapping[str, Any], page: Path) -> str:
    """Return the findings as text for a terminal of 80 columns; the last line names the page."""
    lines = textwrap.wrap(verdict(audit), COLUMNS)
    part = audit["parts"][TRAINING]
    if part[CONVERTED] is not None:
        rows = [[row.title, _written(row.raw), _written(row.converted)] for row in audit_rows(part)]
        lines += ["", render_table(["ROC AUC of", "as handed in", "as converted"], rows, "lll")]
        lines.append(f"(a–b): {audit['settings']['confidence']:.0%} interval over groups of pictures.")
    best = best_shortcut(audit, "test")
    if best is not None:
        doubt = ", too few to be believed" if best["low"] is None else ""
        lines += textwrap.wrap(
            f"On the test pictures ({best['n_genuine']:,} genuine, {best['n_fake']:,} fake) the strongest of "
            f"these shortcuts, {best['words']}, reaches {as_decimal(_metric(best))}{doubt}.",
            COLUMNS,
        )
    serious = [remark for remark in remarks(audit) if remark.level in (BAD, WARNING, TOO_FEW)]
    if serious:
        lines.append("")
    for remark in serious:
        lines += textwrap.wrap(f"! {remark.title}", COLUMNS, subsequent_indent="  ")
    return "\n".join([*lines, "", f"what to do about it: {page.as_posix()}"])
