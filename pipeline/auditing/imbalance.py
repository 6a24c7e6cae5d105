"""How evenly properties are spread over the labels: tables, Cramér's V, mutual information, one-line rules.

Cramér's V is corrected for the bias that many categories bring (Bergsma, Journal of the Korean Statistical
Society 42, 2013, doi:10.1016/j.jkss.2012.10.002): 0 none, 1 the property tells the label.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency
from sklearn.metrics import mutual_info_score

SHOWN = 12  # values of a property that get a row; the rest is put together
OTHER = "all others"
_QUALITY_STEP = 10
_LEAD = 2  # pictures: so that no picture decides what it is called itself
# What pictures are cut by. A subset is not: only fakes have one, and it is what they are cut into.
PROPERTIES = ("collection", "format", "size", "quality")


def properties(files: pd.DataFrame) -> pd.DataFrame:
    """Return `collection`, `subset`, `format`, `size` and `quality` (in steps of ten) as texts.

    Args:
        files: columns `collection`, `subset`, `source_format`, `width`, `height` and `jpeg_quality`, texts.
    """
    quality = pd.to_numeric(files["jpeg_quality"], errors="coerce")
    return pd.DataFrame(
        {
            "collection": files["collection"],
            "subset": files["subset"],
            "format": files["source_format"],
            "size": files["width"].astype(str) + "x" + files["height"].astype(str),
            "quality": [_quality_range(value) for value in quality],
        }
    )


def tabulate(properties: pd.DataFrame, against: Sequence[str] | pd.Series) -> list[dict[str, Any]]:
    """Cross each property that varies with a label.

    Args:
        properties: `PROPERTIES` of n pictures, texts.
        against: (n,) labels, or kinds of fakes.

    Returns:
        for each: `property`, `cramers_v`, `mutual_information` in bits, `rule_accuracy` (see
        there), `majority` (of calling all alike), `labels` and `rows` of counts.
    """
    labels = pd.Series(list(against), dtype=object)
    if labels.nunique() < 2:
        return []
    found = []
    for column in PROPERTIES:
        values = properties[column].reset_index(drop=True)
        if values.nunique() < 2:
            continue
        counts = pd.crosstab(values, labels)
        found.append(
            {
                "property": column,
                "cramers_v": cramers_v(counts.to_numpy()),
                "mutual_information": float(mutual_info_score(values, labels) / np.log(2)),
                "rule_accuracy": rule_accuracy(values, labels),
                "majority": float(labels.value_counts(normalize=True).iloc[0]),
                "labels": [str(label) for label in counts.columns],
                "rows": _rows(counts),
            }
        )
    return found


def rule_accuracy(values: pd.Series, labels: pd.Series) -> float:
    """Return the share that is right if each value is called by the label that most pictures with it have.

    A value needs a lead of two pictures: else one that occurs once would always be right. Those without are
    called by the label that most of all pictures have, so it is never below calling all of them alike. On
    CASIA 2 `format` reaches 83.6 %: TIFF means fake.

    >>> rule_accuracy(pd.Series(["a", "a", "b", "b"]), pd.Series(["fake", "genuine", "fake", "genuine"]))
    0.5
    """
    counts = pd.crosstab(values.to_numpy(), labels.to_numpy()).to_numpy()
    most = np.sort(counts, axis=1)
    leads = most[:, -1] - most[:, -2] >= _LEAD
    of_all = counts[:, counts.sum(axis=0).argmax()]
    return float(np.where(leads, most[:, -1], of_all).sum() / counts.sum())


def cramers_v(counts: np.ndarray) -> float:
    """Compute Cramér's V of a table of counts, corrected for bias.

    >>> cramers_v(np.array([[25, 25], [25, 25]])), round(cramers_v(np.array([[50, 0], [0, 50]])), 2)
    (0.0, 1.0)
    """
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    total, (rows, columns) = counts.sum(), counts.shape
    if total < 2 or min(rows, columns) < 2:
        return 0.0
    squared = chi2_contingency(counts, correction=False).statistic / total
    excess = max(0.0, squared - (rows - 1) * (columns - 1) / (total - 1))
    sides = [side - (side - 1) ** 2 / (total - 1) for side in (rows, columns)]
    return float(np.sqrt(excess / max(min(sides) - 1, 1e-12))) if min(sides) > 1 else 0.0


def _quality_range(quality: float) -> str:
    if np.isnan(quality):
        return "no JPEG"
    start = min(int(quality) // _QUALITY_STEP * _QUALITY_STEP, 100 - _QUALITY_STEP)
    end = start + _QUALITY_STEP - 1
    return f"{start} to {100 if end == 99 else end}"


def _rows(counts: pd.DataFrame) -> list[dict[str, Any]]:
    totals = counts.sum(axis=1)
    order = sorted(counts.index, key=lambda value: (-totals[value], str(value)))
    rows = [{"value": str(value), "counts": counts.loc[value].tolist()} for value in order[:SHOWN]]
    if len(order) > SHOWN:
        rest = counts.loc[order[SHOWN:]].sum(axis=0).tolist()
        rows.append({"value": f"{OTHER} ({len(order) - SHOWN})", "counts": rest})
    return rows
