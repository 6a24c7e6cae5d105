"""Charts of slices, of what lies elsewhere, and of perturbed pictures: their metrics as dots."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from pipeline.evaluation.bootstrap import Metric
from pipeline.evaluation.results import BEST_SHORTCUT, Counts, Results, metric_of
from pipeline.evaluation.robustness import AS_HANDED_IN
from pipeline.evaluation.robustness import SHORTCUT as READS_SOMETHING_ELSE
from pipeline.reports.charts import Dot, Row, Track, plot_dots
from pipeline.reports.rendering import AUC, FAKE, GENUINE, INK, QUIET, as_decimal, in_percent, title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROPERTIES = {
    "subset": "kind of tampering",
    "collection": "collection",
    "format": "format as handed in",
    "size": "size",
    "quality": "JPEG quality",
}
_OF_CLASS = {
    "fakes called fake": Dot(Metric(), FAKE),
    "genuine called genuine": Dot(Metric(), GENUINE),
}
_ROC_AUC = {"ROC AUC": Dot(Metric(), AUC)}
SHOWN = ("fake_accuracy", "genuine_accuracy", "roc_auc")


class SliceRow(NamedTuple):
    """One slice: the property as people call it, its value, how many pictures, and `SHOWN` -> metric."""

    property: str
    name: str
    n_fake: int
    n_genuine: int
    figures: dict[str, Metric]


def slice_rows(slices: pd.DataFrame) -> list[SliceRow]:
    """List `slices.csv` by slice; properties as in `PROPERTIES`, slices as in the file."""
    listed = []
    known = [name for name in PROPERTIES if name in set(slices["property"])]
    for name in [*known, *(set(slices["property"]) - set(known))]:
        of_property = slices[slices["property"] == name]
        for value, rows in of_property.groupby("slice", sort=False):
            first = rows.iloc[0]
            metrics = dict.fromkeys(SHOWN, Metric())
            metrics |= {
                row["metric"]: metric_of(row) for row in rows.to_dict("records") if row["metric"] in SHOWN
            }
            counts = int(first["n_fake"]), int(first["n_genuine"])
            listed.append(SliceRow(PROPERTIES.get(name, name), str(value), *counts, metrics))
    return listed


def weakest(rows: list[SliceRow], whole: Counts, fewest: int = 10) -> SliceRow | None:
    """Return the slice that is surest to be weak, among those with at least `fewest` pictures of each class.

    It is the one with the lowest upper end of the ROC AUC's interval: the lowest metric of many slices is
    more often than not that of a small one. One that holds all pictures, of which there are `whole`, has the
    figures of the headline and is none.
    """
    known = [
        (row.figures["roc_auc"].high, place)
        for place, row in enumerate(rows)
        if row.figures["roc_auc"].high is not None
        and min(row.n_fake, row.n_genuine) >= fewest
        and (row.n_fake, row.n_genuine) != whole[:2]
    ]
    return rows[min(known)[1]] if known else None


def plot_slices(results: Results) -> "Figure":
    """Plot fake accuracy, genuine accuracy and ROC AUC of each slice."""
    rows = [
        Row(
            row.name,
            _counted(row.n_fake, row.n_genuine),
            _tracks([row.figures[metric] for metric in SHOWN]),
            f"by {row.property}",
        )
        for row in slice_rows(results.slices)
    ]
    return plot_dots(rows, "By kind of picture", {**_OF_CLASS, **_ROC_AUC}, _with_intervals(results))


def _counted(n_fake: int, n_genuine: int) -> str:
    return f"{n_fake:,} fake, {n_genuine:,} genuine"


def _with_intervals(results: Results) -> str:
    return f"with {results.confidence:.0%} intervals over groups of pictures"


def _tracks(metrics: Sequence[Metric], more: Sequence[Dot] = ()) -> list[Track]:
    fake, genuine, roc_auc = metrics
    return [
        Track([Dot(fake, FAKE)], in_percent(fake)),
        Track([Dot(genuine, GENUINE)], in_percent(genuine)),
        Track([Dot(roc_auc, AUC), *more], as_decimal(roc_auc)),
    ]


def plot_subsets(results: Results) -> "Figure":
    """Plot the headline metrics of each shown subset, its best shortcut beside the ROC AUC."""
    rows = []
    for subset in results.shown_subsets():
        n = results.n(subset)
        fake, genuine, balanced, roc_auc, shortcut = (
            results.metric(subset, metric)
            for metric in ("fake_accuracy", "genuine_accuracy", "balanced_accuracy", "roc_auc", BEST_SHORTCUT)
        )
        tracks = _tracks(
            [fake, genuine, roc_auc], [Dot(shortcut._replace(low=None), QUIET, "D", hollow=True)]
        )
        tracks.insert(2, Track([Dot(balanced, INK)], in_percent(balanced)))
        rows.append(Row(title(subset).strip(), _counted(n.n_fake, n.n_genuine), tracks))
    none = Metric()
    key = {**_OF_CLASS, "balanced accuracy": Dot(none, INK), **_ROC_AUC}
    if (results.table["metric"] == BEST_SHORTCUT).any():
        key["best shortcut alone"] = Dot(none, QUIET, "D", hollow=True)
    return plot_dots(rows, "Here and elsewhere", key, _with_intervals(results))


def robustness_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """List `robustness.csv` without the pictures as handed in; None where there is no number.

    Returns:
        a dictionary a perturbation: its columns, and the metrics `auc` and `fall` (change of the ROC AUC).
    """
    texts = {"family": "", "verdict": "", "strength": ""}
    rows = table.fillna(texts)[table["name"] != AS_HANDED_IN].astype(object)
    return [
        {
            **{str(key): value for key, value in row.items()},
            "auc": Metric(row["roc_auc"], row["low"], row["high"]),
            "fall": Metric(row["change"], row["change_low"], row["change_high"]),
        }
        for row in rows.where(rows.notna(), None).to_dict("records")
    ]


def plot_robustness(results: Results) -> "Figure":
    """Plot a row a perturbation, those of one family together, below the pictures as handed in."""
    table = results.robustness
    first = table[table["name"] == AS_HANDED_IN].assign(name="", family="")
    rows = []
    for row in [*robustness_rows(first), *robustness_rows(table)]:
        accused = row["false_positive_rate"]
        dots = [
            Dot(Metric(row["true_positive_rate"]), FAKE),
            Dot(Metric(None if accused is None else 1 - accused), GENUINE),
            Dot(row["auc"], AUC),
        ]
        mark = "◆ " if row["verdict"] == READS_SOMETHING_ELSE else ""
        says = f"{as_decimal(row['auc']._replace(low=None))} {mark}{row['verdict']}"
        rows.append(Row(row["strength"] or row["name"], "", [Track(dots, says)], row["family"]))
    key = {**_OF_CLASS, **_ROC_AUC}
    return plot_dots(rows, "When pictures are changed", key, _with_intervals(results), beside=1.6)
