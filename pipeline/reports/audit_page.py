"""The page of an audit: one file, readable without a network, by day and by night, on a phone."""

from collections.abc import Mapping
from typing import Any

from pipeline.auditing.features import BY_NAME
from pipeline.auditing.findings import Shortcut, part_title
from pipeline.auditing.names import ALL, BEST, CONVERTED, PROBE, RAW, TRAINING
from pipeline.auditing.probes import PROBES
from pipeline.reports.audit_reasons import STILL, still_there
from pipeline.reports.audit_rows import SAME_IN_ALL, Row, Side, chart_rows
from pipeline.reports.audit_words import remarks, verdict
from pipeline.reports.numbers import NOTHING, Figure, as_decimal
from pipeline.reports.pages import render

LOWEST = 0.4  # left end of the chart's axis
TICKS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
LISTED = 20  # of the pictures and pairs that the page names; audit.json has more


def render_page(audit: Mapping[str, Any]) -> str:
    """Give the page as HTML; all texts from outside are escaped."""
    return render("audit.html", _content(audit), {"written": _written})


def _content(audit: Mapping[str, Any]) -> dict[str, Any]:
    part = audit["parts"][TRAINING]
    return {
        "audit": audit,
        "policy": audit["built_from"]["convert"]["policy"],
        "split": audit["built_from"]["split"]["method"],
        "dataset": audit["built_from"]["data"]["name"],
        "verdict": verdict(audit),
        "remarks": remarks(audit),
        "rows": [] if part["too_few"] else [_drawn(row) for row in chart_rows(part)],
        "training": part,
        "lowest": LOWEST,
        "ticks": TICKS,
        "still": _by_reason(audit),
        "still_above": STILL,
        "features": BY_NAME,
        "parts": {part_title(name): found for name, found in audit["parts"].items()},
        "tables": {part_title(name): _features(found) for name, found in audit["parts"].items()},
        "on_test": {_tested(name): figures for name, figures in audit["on_test"].items()},
        "kinds": {BEST: "best property of the file", ALL: "all metadata"}
        | {probe.name: probe.column for probe in PROBES.values()},
        "title_of": part_title,
        "listed": LISTED,
    }


def _by_reason(audit: Mapping[str, Any]) -> dict[str, list[Shortcut]]:
    """Put together what is still there for one reason."""
    reasons: dict[str, list[Shortcut]] = {}
    for shortcut, why in still_there(audit):
        reasons.setdefault(why, []).append(shortcut)
    return reasons


def _drawn(row: Row) -> dict[str, Any]:
    """Give a row of the chart with what stands beside its dots."""
    return {
        "title": row.title,
        "sides": [
            {
                "name": name,
                "kind": kind,
                "words": side.words,
                "figure": side.figure,
                "says": _says(side),
            }
            for name, kind, side in (
                ("as handed in", RAW, row.raw),
                ("as converted", CONVERTED, row.converted),
            )
        ],
    }


def _says(side: Side) -> str:
    if side.figure.value is None:
        return "not measured"
    return SAME_IN_ALL if side.is_same_in_all else as_decimal(side.figure)


def _features(part: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List every property of a part that varies somewhere, strongest as handed in first."""
    if part["too_few"]:
        return []
    sides = {side: part[side]["features"] for side in (RAW, CONVERTED)}
    names = dict.fromkeys([*sides[RAW], *sides[CONVERTED]])
    rows = [
        {"words": BY_NAME[name].words, **{side: found.get(name) for side, found in sides.items()}}
        for name in names
    ]
    models = dict.fromkeys([*part[RAW][ALL], *part[CONVERTED][ALL]])
    rows += [
        {"words": f"all of them: {model}", **{side: part[side][ALL].get(model) for side in sides}}
        for model in models
    ]
    rows += [
        {"words": PROBES[name].words, **{side: part[side][PROBE].get(name) for side in sides}}
        for name in part[CONVERTED][PROBE]
    ]
    return rows


def _tested(name: str) -> str:
    return {"test": "test split", "elsewhere": "elsewhere (tested only)"}.get(name, part_title(name))


def _written(estimate: Mapping[str, Any] | None) -> str:
    if estimate is None:
        return NOTHING
    return as_decimal(Figure(estimate["roc_auc"], estimate["low"], estimate["high"]))
