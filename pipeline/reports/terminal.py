"""What commands print: tables of 80 columns, of what was reached, how sure that is, and where to look."""

import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from pipeline.datasets.power import NOTHING_SAID
from pipeline.errors import counted
from pipeline.evaluation.bootstrap import Metric
from pipeline.evaluation.comparison import COMPARED
from pipeline.evaluation.metrics import METRICS, PIXELS
from pipeline.evaluation.results import (
    A_SET,
    ACCURACIES,
    BEST_SHORTCUT,
    HISTORY,
    TEST,
    Counts,
    Results,
    metric_of,
)
from pipeline.reports.rendering import BAD, COLUMNS, as_decimal, in_percent, render_table, title
from pipeline.reports.report_tables import VERDICTS, found_in_a_sentence, verdict_rows
from pipeline.reports.trust import believe, conclude
from pipeline.reports.trust_rules import SMALL, half_width, leaks

LARGER_CLASS = "by guessing"  # every test picture called by the class that there is more of
HEADS = ["", "fakes", "genuine", "fake acc.", "genuine acc.", "balanced", "ROC AUC"]


def summarise(results: Results, files: Mapping[str, Path]) -> str:
    """Return the headline of the report and its metrics as text for a terminal of 80 columns.

    Args:
        results: of an evaluation; what training and manifest left may be missing.
        files: what it is -> where it lies, for the list at the end.
    """
    shown = results.shown_subsets()
    rows = [[_title(results, subset), *_row(results, subset)] for subset in shown]
    verdict = conclude(believe(results))
    found = "" if verdict.level == BAD else found_in_a_sentence(results)
    lines = [*textwrap.wrap(f"{found}; the report begins with where.", COLUMNS), ""] if found else []
    lines += [verdict.headline, *textwrap.wrap(verdict.because, COLUMNS), ""]
    lines += [render_table(HEADS, [*rows, _of_larger_class(results.n())], "lrrrrrr"), *_verdicts(results), ""]
    lines += [f"(a–b): {results.confidence:.0%} interval, from groups of pictures that belong together."]
    lines += [f"{LARGER_CLASS}: every test picture called by the class that there is more of."]
    lines += [f"Accuracies at the threshold {results.threshold:.2f}, calibrated on genuine pictures."]
    lines += _places(results)
    lines += _shortcuts(results)
    lines += _warnings(results)
    longest = max((len(name) for name in files), default=0)
    lines += ["", *(f"{name:<{longest}}  {path.as_posix()}" for name, path in files.items())]
    return "\n".join(lines)


def _verdicts(results: Results) -> list[str]:
    """Return what the verdicts on both classes are."""
    rows = [[row.name, *map(in_percent, row[3:])] for row in verdict_rows(results)]
    if not rows:
        return []
    return ["", render_table(["the verdict on", *VERDICTS], rows, "lrrrr")]


def _places(results: Results) -> list[str]:
    """Return whether it looks at the right place: by pixel, and on crops with and without tampering."""
    pixels = {subset: results.metric(subset, PIXELS) for subset in results.shown_subsets()}
    lines = [
        f"{_title(results, subset):<14} pixel ROC AUC {as_decimal(metric)}{_doubt(metric)}"
        for subset, metric in pixels.items()
        if metric.value is not None
    ]
    for kind in ("tampered", "untouched"):
        roc_auc = results.metric(kind, "roc_auc")
        if roc_auc.value is not None:
            crops = f"{counted(results.n(kind).n_fake, f'{kind} crop')} of fakes"
            lines.append(f"{crops:<26} against genuine: ROC AUC {as_decimal(roc_auc)}{_doubt(roc_auc)}")
    return ["", "Does it look at the right place?", *lines] if lines else []


def _doubt(metric: Metric) -> str:
    """Return that a figure says nothing where its interval is too wide, or there is none."""
    return ", too few" if half_width(metric) > NOTHING_SAID else ""


def _shortcuts(results: Results) -> list[str]:
    """Return what is reached on the pictures of the subsets without looking for any forgery."""
    words = dict(zip(results.shortcuts["part"], results.shortcuts["words"], strict=True))
    table = [
        [
            _title(results, subset),
            *(as_decimal(results.metric(subset, metric)) for metric in (HISTORY, BEST_SHORTCUT)),
            words[subset],
        ]
        for subset in results.shown_subsets()
        if subset in words
    ]
    if not table:
        why = (
            "the audit has no figure for these pictures: too few to learn from, or to test on."
            if results.audit
            else "there is no audit of these pictures."
        )
        return ["What the best shortcut or the compression history alone reaches is not known:", why]
    return [
        "",
        "What is reached there without looking for any forgery (ROC AUC; guessing 0.50):",
        render_table(["", "JPEG history", "best shortcut", ""], table, "lrrl"),
    ]


def _title(results: Results, subset: str) -> str:
    """Return what a row of a subset is called; what `score` was given whole is no test split."""
    return "scored" if results.scored == A_SET and subset == TEST else title(subset)


def _row(results: Results, subset: str) -> list[str]:
    n = results.n(subset)
    shares = (in_percent(results.metric(subset, metric)) for metric in ACCURACIES)
    return [f"{n.n_fake:,}", f"{n.n_genuine:,}", *shares, as_decimal(results.metric(subset, "roc_auc"))]


def _of_larger_class(n: Counts) -> list[str]:
    """Return the row of whoever calls every test picture by the class that there is more of."""
    *shares, roc_auc = (
        Metric(METRICS[metric].by_guessing(n.n_fake, n.n_genuine)) for metric in (*ACCURACIES, "roc_auc")
    )
    return [LARGER_CLASS, "", "", *map(in_percent, shares), as_decimal(roc_auc)]


def _warnings(results: Results) -> Iterator[str]:
    for subset in results.shown_subsets():
        n = results.n(subset)
        for label, count in (("genuine", n.n_genuine), ("fake", n.n_fake)):
            if not count:
                name = _title(results, subset).strip()
                yield f"{name} has no {label} pictures: figures that need both are missing."
    for leak in leaks(results.counts)[:1]:
        if leak.related:
            yield f"This split leaks: {leak.share:.0%} of the tested {leak.whom} have a relative in train."


_METRICS = {"roc_auc": "ROC AUC", "balanced_accuracy": "balanced"}


def comparison_table(rows: pd.DataFrame, confidence: float) -> str:
    """Return the rows of `evaluation.comparison.compare` as a table, and what they come to in a sentence."""
    table = []
    for row in rows.to_dict("records"):
        low, high = ("–" if pd.isna(row[end]) else f"{row[end]:+.3f}" for end in ("low", "high"))
        counts = (f"{row[name]:,}" for name in ("n_fake", "n_genuine"))
        values = (f"{row[name]:.3f}" for name in ("first", "second"))
        metric, difference = _METRICS[row["metric"]], f"{row['difference']:+.3f} ({low} to {high})"
        table.append([row["part"], *counts, metric, *values, difference])
    heads = ["", "fakes", "genuine", "", "first", "second", "difference"]
    note = f"(a to b): {confidence:.0%} interval, from the same groups drawn for both."
    lines = [render_table(heads, table, "lrrlrrl"), "", note]
    return "\n".join([*lines, "", *textwrap.wrap(_better(rows), COLUMNS)])


def _better(rows: pd.DataFrame) -> str:
    """Return which of two detectors is better on all pictures, as far as the intervals say."""
    said = [
        f"by {COMPARED[row['metric']]} {_which(metric_of(row))}"
        for row in rows[rows["part"] == "all"].rename(columns={"difference": "value"}).to_dict("records")
    ]
    if not said:
        return "Nothing can be compared: that takes test pictures of both classes."
    sentence = "; ".join(said)
    return f"{sentence[:1].upper()}{sentence[1:]}."


def _which(difference: Metric) -> str:
    if difference.low is None or difference.high is None:
        return "too few pictures say which is better" if difference.value else "their figures are the same"
    if difference.low > 0 or difference.high < 0:
        return f"the {'first' if difference.low > 0 else 'second'} is better"
    if difference.lies_within(SMALL):
        return "both are about as good"
    return f"it cannot be told which is better ({difference.low:+.2f} to {difference.high:+.2f})"
