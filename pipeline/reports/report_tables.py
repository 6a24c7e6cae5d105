"""In-domain × elsewhere: the figures of each collection in one row, for people and for spreadsheets."""

from typing import Any, NamedTuple

import pandas as pd

from pipeline.datasets.build_manifest import RELATED
from pipeline.datasets.splits import ON_SEVERAL_SIDES
from pipeline.detector.decision import CANNOT_TELL, FAKE, GENUINE, NO_TRACE, UNSURE
from pipeline.errors import counted
from pipeline.evaluation.bootstrap import Bootstrap, Metric, clopper_pearson
from pipeline.evaluation.metrics import BOTH, GROUPS, METRICS, MetricDefinition
from pipeline.evaluation.results import (
    A_SET,
    AT_HALF,
    BEST_SHORTCUT,
    CROSS_DATASET,
    ELSEWHERE,
    HISTORY,
    OF_COLLECTION,
    PICTURES,
    TEST,
    Results,
)
from pipeline.reports.rendering import as_decimal, in_percent

SUMMARY = "summary.csv"
# Shown as one: that nothing was found, and that tampering would have been found more often than not.
VERDICTS = {
    "fake": (FAKE,), "unsure": (UNSURE,), "cannot tell": (CANNOT_TELL,), "no trace": (GENUINE, NO_TRACE),
}  # fmt: skip
LARGER_CLASS = ("larger_class_fake_accuracy", "larger_class_genuine_accuracy")
IN_DOMAIN, CROSS = "in-domain", "elsewhere"


def summary_table(results: Results) -> pd.DataFrame:
    """Return `summary.csv`, a row a subset: see `summary_rows`, each metric with `_low` and `_high`."""
    flat = []
    for row in summary_rows(results):
        cells: dict[str, Any] = {}
        for name, value in row.items():
            if not isinstance(value, Metric):
                cells[name] = value
            elif name in LARGER_CLASS:
                cells[name] = value.value
            else:
                cells |= {name: value.value, f"{name}_low": value.low, f"{name}_high": value.high}
        flat.append(cells)
    return pd.DataFrame(flat)


def summary_rows(results: Results) -> list[dict[str, Any]]:
    """List the subsets: all of a role first, then its collections.

    Returns:
        `collection` ("all" for the whole of a role), `role` (`IN_DOMAIN`: trained on other pictures of it, or
        `CROSS`), `trained_on`, `n_fake`, `n_genuine`, `n_groups`, `left_out_for_overlap` (pictures that were
        not tested because training has a relative of them; None where it is not known), then each metric,
        the verdicts (`fake_verdict_fake`, `fake_verdict_unsure`, `fake_verdict_cannot_tell`, and of genuine
        pictures likewise: those of the first label with that verdict),
        `best_shortcut_roc_auc`, `best_shortcut`, what it is, `history_roc_auc` of the compression history,
        and what calling all by the larger class gives: `LARGER_CLASS` (its ROC AUC is 0.5).
    """
    words = dict(zip(results.shortcuts["part"], results.shortcuts["words"], strict=True))
    known = set(results.table.loc[results.table["kind"].isin(PICTURES), "metric"])
    away = results.subsets(CROSS_DATASET)
    parts = results.by_subset() if "verdict" in results.predictions else {}
    rows = []
    for subset in results.subsets():
        n = results.n(subset)
        names = [*(name for name in METRICS if name in known), BEST_SHORTCUT]
        guesses = [METRICS[f"{label}_accuracy"].by_guessing(n.n_fake, n.n_genuine) for label in BOTH]
        rows.append(
            {
                "collection": subset.removeprefix(OF_COLLECTION)
                if subset.startswith(OF_COLLECTION)
                else "all",
                "role": CROSS if subset in away else IN_DOMAIN,
                "trained_on": " ".join(results.trained_on()),
                **n._asdict(),
                "left_out_for_overlap": _left_out(results, subset),
                **{name: results.metric(subset, name) for name in names},
                **_verdicts(parts.get(subset), results.confidence),
                "best_shortcut": words.get(subset, ""),
                HISTORY: results.metric(subset, HISTORY),
                **{name: Metric(guess) for name, guess in zip(LARGER_CLASS, guesses, strict=True)},
            }
        )
    return rows


def shown_rows(results: Results) -> list[dict[str, Any]]:
    """Return `summary_rows` without the whole of a role that is one collection: the same row twice."""
    rows = summary_rows(results)
    roles = [row["role"] for row in rows]
    return [row for row in rows if row["collection"] != "all" or roles.count(row["role"]) != 2]


def _verdicts(part: pd.DataFrame | None, confidence: float) -> dict[str, Metric]:
    """Return the columns of verdicts; those without a trace are what is left of 1."""
    shares = {} if part is None else verdict_shares(part, confidence)
    return {
        f"{label}_verdict_{verdict.replace(' ', '_')}": shares.get(label, {}).get(verdict, Metric())
        for label in BOTH
        for verdict in list(VERDICTS)[:3]
    }


def _left_out(results: Results, subset: str) -> int | None:
    """Count what was not tested because a relative of it is trained on or lies on another side."""
    if "reason" not in results.left_out:
        return None
    rows = results.left_out[results.left_out["reason"].isin([RELATED, ON_SEVERAL_SIDES])]
    if subset.startswith(OF_COLLECTION):
        return int((rows["collection"] == subset.removeprefix(OF_COLLECTION)).sum())
    away = [each.removeprefix(OF_COLLECTION) for each in results.subsets(CROSS_DATASET)]
    return int((rows["collection"].isin(away) == (subset in results.subsets(CROSS_DATASET))).sum())


def part_names(results: Results) -> dict[str, str]:
    """Return what a reader calls the tested pictures and those from elsewhere; a scored set is itself."""
    here = "these pictures" if results.scored == A_SET else "pictures like these"
    return {TEST: here, ELSEWHERE: "pictures from elsewhere"}


_DRAWS, _SEED = 1_000, 0  # of groups, behind the intervals of verdicts


class VerdictRow(NamedTuple):
    """How the verdicts on the `n` pictures of a label fall: four shares that add up to 1."""

    title: str
    label: str
    n: int
    fake: Metric
    unsure: Metric
    cannot_tell: Metric
    no_trace: Metric

    @property
    def name(self) -> str:
        """What the row is of: the label, and which pictures."""
        return f"{'fakes' if self.label == 'fake' else 'genuine'}, {self.title}"


def verdict_rows(results: Results) -> list[VerdictRow]:
    """List fakes and genuine pictures, of the test and from elsewhere; none where there are no verdicts."""
    if "verdict" not in results.predictions:
        return []
    titles = part_names(results)
    return [
        VerdictRow(titles[subset], label, int((part["label"] == label).sum()), *shares.values())
        for subset, part in results.pooled().items()
        for label, shares in verdict_shares(part, results.confidence).items()
        if (part["label"] == label).any()
    ]


def verdict_shares(part: pd.DataFrame, confidence: float) -> dict[str, dict[str, Metric]]:
    """Compute of the fakes and of the genuine pictures which share has each of `VERDICTS`."""
    of_label = {label: part[part["label"] == label] for label in BOTH}
    return {
        label: {name: _share(pictures, verdicts, confidence) for name, verdicts in VERDICTS.items()}
        for label, pictures in of_label.items()
    }


def _share(pictures: pd.DataFrame, verdicts: tuple[str, ...], confidence: float) -> Metric:
    """Compute how many have one of `verdicts`; where groups agree, the interval is by their number."""
    is_so, n_groups = pictures["verdict"].isin(verdicts), pictures["group"].nunique()
    if len(pictures) and is_so.nunique() == 1 and n_groups > 1:
        return Metric(float(is_so.iloc[0]), *clopper_pearson(bool(is_so.iloc[0]), n_groups, confidence))
    return Bootstrap(_DRAWS, confidence, _SEED).mean(is_so.astype(float), pictures["group"])


class MetricRow(NamedTuple):
    """A metric as text, also at the threshold 0.5 ("": no such value), and what guessing gives."""

    definition: MetricDefinition
    value: str
    at_half: str
    guess: str


def found_in_a_sentence(results: Results) -> str:
    """Return how many fakes were found and how many genuine pictures accused; "" where a class is missing."""
    n = results.n()
    found, spared = (results.metric(TEST, f"{label}_accuracy").value for label in ("fake", "genuine"))
    if found is None or spared is None:
        return ""
    accused = round((1 - spared) * n.n_genuine)
    return (
        f"It found {round(found * n.n_fake):,} of {counted(n.n_fake, 'fake')} and called "
        f"{f'{accused:,}' if accused else 'none'} of {counted(n.n_genuine, 'genuine picture')} fake"
    )


def metric_rows(results: Results, subset: str = TEST) -> dict[str, list[MetricRow]]:
    """List the metrics of a subset by `metrics.GROUPS`; what was not measured is left out."""
    n = results.n(subset)
    groups: dict[str, list[MetricRow]] = {group: [] for group in GROUPS}
    for name, definition in METRICS.items():
        found = results.metric(subset, name)
        if found.value is None:
            continue
        at_half = results.metric(subset, name, AT_HALF)
        groups[definition.group].append(
            MetricRow(
                definition,
                written(name, found),
                written(name, at_half) if definition.at_threshold and at_half.value is not None else "",
                written(name, Metric(definition.by_guessing(n.n_fake, n.n_genuine))),
            )
        )
    return {group: rows for group, rows in groups.items() if rows}


def written(name: str, metric: Metric) -> str:
    """Write a metric as its definition says; what may lie below 0 or above 1 in full."""
    if METRICS[name].is_share:
        return in_percent(metric)
    ends = [end for end in metric if end is not None]
    if metric.value is None or all(0 <= end <= 1 for end in ends):
        return as_decimal(metric)
    if metric.low is None or metric.high is None:
        return f"{metric.value:.2f}"
    return f"{metric.value:.2f} ({metric.low:.2f} to {metric.high:.2f})"
