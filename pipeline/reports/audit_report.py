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
from pipeline.auditing.measure import Measurements
from pipeline.auditing.shortcut_kinds import FAMILIES, PROBES, Family, Probe
from pipeline.evaluation.bootstrap import Metric
from pipeline.reports.audit_advice import STILL, still_there
from pipeline.reports.audit_text import BAD, WARNING, remarks, verdict
from pipeline.reports.numbers import NOTHING, as_decimal
from pipeline.reports.rendering import INK, OTHERS, QUIET, drawn, render
from pipeline.storage import replacing_folder, write_csv, write_json, write_text

# The rows of the audit's chart: the strongest of each kind of shortcut, before and after conversion.
#


class Side(NamedTuple):
    """One end of a row: what was strongest there, and how strong; no words where nothing varies."""

    words: str
    figure: Metric

    @property
    def is_same_in_all(self) -> bool:
        """Whether nothing of this kind varies, so that nothing had to be measured."""
        return self == SAME


class Row(NamedTuple):
    """One kind of shortcut."""

    title: str
    raw: Side
    converted: Side


SAME_IN_ALL = "same in all"  # in the place of a figure
SAME = Side("the same in all", Metric(0.5, None, None))
NOT_MEASURED = Side("", Metric())


def chart_rows(part: Mapping[str, Any]) -> list[Row]:
    """Cut what was found in a part into rows: each family, all of them together, and the probes."""
    rows = [
        Row(family.title, _strongest(part[RAW], family), _strongest(part[CONVERTED], family))
        for family in FAMILIES
    ]
    rows.append(Row(ALL_WORDS, _together(part[RAW]), _together(part[CONVERTED])))
    rows += [
        Row(probe.words, _probed(part[RAW], probe), _probed(part[CONVERTED], probe))
        for probe in PROBES.values()
    ]
    return rows


def as_figure(estimate: Mapping[str, Any]) -> Metric:
    """Give an estimate of the audit as a figure with its interval."""
    return Metric(estimate["roc_auc"], estimate["low"], estimate["high"])


def _strongest(found: Mapping[str, Any], family: Family) -> Side:
    for name, estimate in found["features"].items():  # strongest first
        if FEATURES[name].family == family:
            return Side(FEATURES[name].words, as_figure(estimate))
    return SAME


def _together(found: Mapping[str, Any]) -> Side:
    for name, estimate in found[ALL].items():
        return Side(name, as_figure(estimate))
    return SAME


def _probed(found: Mapping[str, Any], probe: Probe) -> Side:
    estimate = found[PROBE].get(probe.name)
    return NOT_MEASURED if estimate is None else Side(probe.model, as_figure(estimate))


# The page of an audit: one file, readable without a network, by day and by night, on a phone.
#

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
        "features": FEATURES,
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
        {"words": FEATURES[name].words, **{side: found.get(name) for side, found in sides.items()}}
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
    return as_decimal(Metric(estimate["roc_auc"], estimate["low"], estimate["high"]))


# The one chart of an audit: what gives the label away, in the files as handed in and as converted.
#

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BEFORE, AFTER = QUIET, OTHERS[0]
TEXT = 40  # characters of a label before it is cut


def draw_audit(paths: Sequence[Path], rows: Sequence[Row], title: str, settings: dict[str, Any]) -> None:
    """Draw the rows as dots with intervals, raw above converted.

    Args:
        paths: what to write, a PNG and an SVG for instance, told by their endings.
        rows: of the chart.
        title: what is drawn.
        settings: `audit` of the configuration, for the limits that are marked.
    """
    for path in paths:
        with drawn(path, 9.6, 1.9 + 0.56 * len(rows)) as figure:
            axes = figure.add_subplot()
            axes.axvline(0.5, color=QUIET, linewidth=1, linestyle=(0, (4, 4)))
            axes.axvline(settings["warn_above"], color=OTHERS[2], linewidth=1, linestyle=(0, (1, 2)))
            for place, row in enumerate(rows):
                _point(axes, place - 0.16, row.raw, BEFORE, hollow=True)
                _point(axes, place + 0.16, row.converted, AFTER, hollow=False)
            axes.set_yticks(range(len(rows)), [_label(row) for row in rows])
            axes.set_ylim(len(rows) - 0.45, -0.75)
            axes.set_xlim(LOWEST - 0.01, 1.13)
            axes.set_xticks([0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
            axes.grid(visible=False, axis="y")
            axes.tick_params(axis="y", length=0, labelcolor=INK)
            handles = {"as handed in": BEFORE, "as converted": AFTER}
            for name, color in handles.items():
                axes.plot([], [], "o-", color=color, markersize=7, label=name,
                          markerfacecolor="white" if color == BEFORE else color)  # fmt: skip
            axes.plot([], [], color=QUIET, linewidth=1, linestyle=(0, (4, 4)), label="guessing")
            axes.plot([], [], color=OTHERS[2], linewidth=1, linestyle=(0, (1, 2)),
                      label=f"a shortcut from here ({settings['warn_above']:g})")  # fmt: skip
            axes.set_title(title, pad=30)
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, borderaxespad=0.2)
            axes.set_xlabel(
                f"ROC AUC out of fold, with {settings['confidence']:.0%} intervals over groups of pictures"
            )


def _point(axes: "Axes", height: float, side: Side, color: str, hollow: bool) -> None:
    figure = side.figure
    if figure.value is None:
        axes.text(LOWEST, height, "not measured", va="center", fontsize=8, color=QUIET)
        return
    if figure.low is not None and figure.high is not None:
        ends = [max(end, LOWEST) for end in (figure.low, figure.high)]
        axes.plot(ends, [height, height], color=color, linewidth=1.6)
    look: dict[str, Any] = {
        "markeredgecolor": color if hollow else "white",
        "markerfacecolor": "white" if hollow else color,
    }
    axes.plot(max(figure.value, LOWEST), height, "o", markersize=7 if hollow else 8, **look)
    says = SAME_IN_ALL if side.is_same_in_all else f"{figure.value:.2f}"
    axes.text(
        1.03, height, says, va="center", fontsize=8, color=color, fontweight="bold" if not hollow else None
    )


def _label(row: Row) -> str:
    """Name a row, with what was strongest there as handed in."""
    if row.raw.words in ("", row.title):
        return row.title
    text = row.raw.words
    return f"{row.title}\n{text if len(text) <= TEXT else text[: TEXT - 1] + '…'}"


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
        for side, features in ((RAW, measured.raw.features), (CONVERTED, measured.converted.features)):
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


# The few lines that an audit leaves on the terminal.
#

WIDTH = 80


def summarise_audit(audit: Mapping[str, Any], page: Path) -> str:
    """Lay the findings out for a terminal of 80 columns.

    Args:
        audit: as `audit.json` holds it.
        page: the page that says more.
    """
    lines = textwrap.wrap(verdict(audit), WIDTH)
    part = audit["parts"][TRAINING]
    if part[CONVERTED] is not None:
        rows = chart_rows(part)
        width = max(len(row.title) for row in rows)
        lines += ["", f"{'ROC AUC of':<{width}}  {'as handed in':<18}  as converted"]
        lines += [f"{row.title:<{width}}  {_cell(row.raw):<18}  {_cell(row.converted)}" for row in rows]
        lines.append(f"(a–b): {audit['settings']['confidence']:.0%} interval over groups of pictures.")
    best = best_shortcut(audit, "test")
    if best is not None:
        figure = Metric(best["roc_auc"], best["low"], best["high"])
        doubt = ", too few to be believed" if figure.low is None else ""
        lines += textwrap.wrap(
            f"On the test pictures ({best['n_genuine']:,} genuine, {best['n_fake']:,} fake) the strongest of "
            f"these shortcuts, {best['words']}, reaches {as_decimal(figure)}{doubt}.",
            WIDTH,
        )
    serious = [remark for remark in remarks(audit) if remark.level in (BAD, WARNING)]
    if serious:
        lines.append("")
    for remark in serious:
        lines += textwrap.wrap(f"! {remark.title}", WIDTH, subsequent_indent="  ")
    return "\n".join([*lines, "", f"what to do about it: {page.as_posix()}"])


def _cell(side: Side) -> str:
    return SAME_IN_ALL if side.is_same_in_all else as_decimal(side.figure)
