"""Whether one detector is better than another on the same pictures: paired bootstrap by group.

Both are drawn the same groups, so that what makes a draw easy or hard for both does not widen the interval of
their difference (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline.detector.decision import check_scores
from pipeline.errors import UserError
from pipeline.evaluation.bootstrap import ALIKE, NONE, Bootstrap
from pipeline.evaluation.ranking import WeightedRanking, roc_auc

COMPARED = {"roc_auc": "the ROC AUC", "balanced_accuracy": "balanced accuracy"}  # metric -> words
COLUMNS = ["part", "metric", "first", "second", "difference", "low", "high", "n_fake", "n_genuine"]


def compare(
    first: Sequence[pd.DataFrame], second: Sequence[pd.DataFrame], bootstrap: Bootstrap
) -> pd.DataFrame:
    """Compare two detectors on all pictures and by collection.

    Args:
        first: predictions of one detector; of several trainings of it (seeds) their metrics are averaged.
        second: of the other, on the same pictures.
        bootstrap: of the groups.

    Returns:
        `COLUMNS`, a row a subset and metric; the difference is first minus second. It has no interval where a
        class is in fewer than two groups, or where all draws agree, which would promise certainty.

    Raises:
        UserError: the pictures or their groups are not the same, or an answer is not a number.
    """
    tables = [each.sort_values("path", ignore_index=True) for each in (*first, *second)]
    for each in tables[1:]:
        if not each["path"].equals(tables[0]["path"]) or not each["target"].equals(tables[0]["target"]):
            raise UserError(
                f"the runs were tested on different pictures ({len(tables[0])} and {len(each)}); compare "
                "runs whose tables and test collections are the same"
            )
        if not each["group"].equals(tables[0]["group"]):
            raise UserError(
                "the runs grouped the same pictures differently; compare runs of one manifest (data, split)"
            )
    for each in tables:
        check_scores(each["logit"])
    subsets = {"all": np.arange(len(tables[0]))}
    if tables[0]["collection"].nunique() > 1:  # of one alone the row would be the same again
        collections = tables[0].groupby("collection", sort=True)
        subsets |= {str(name): rows.index.to_numpy() for name, rows in collections}
    rows: list[dict[str, Any]] = []
    for name, index in subsets.items():
        cut = [each.iloc[index] for each in tables]
        if cut[0]["target"].nunique() == 2:
            rows += [{"part": name, **row} for row in _rows(cut, len(first), bootstrap)]
    return pd.DataFrame(rows, columns=COLUMNS)


def worse_by(rows: pd.DataFrame) -> list[str]:
    """Return by which metrics, in words, the first is worse than the second on all pictures, beyond chance.

    Args:
        rows: of `compare`. A difference without an interval is none: too few pictures say so.
    """
    found = rows[(rows["part"] == "all") & (pd.to_numeric(rows["high"]) < 0)]
    return [COMPARED[metric] for metric in found["metric"]]


def _rows(tables: list[pd.DataFrame], n_first: int, bootstrap: Bootstrap) -> Iterator[dict[str, Any]]:
    """Compare the mean metrics of the first tables with those of the others."""
    codes, names = pd.factorize(tables[0]["group"], sort=True)
    fake = (tables[0]["target"] == 1).to_numpy()
    rankings = [WeightedRanking(each["logit"].to_numpy(), fake, codes) for each in tables]
    rights = [(each["called"] == "fake").to_numpy() == fake for each in tables]

    def compared(weights: np.ndarray) -> np.ndarray:
        """Compute `COMPARED` of each table: (m, groups) -> (tables, m, 2)."""
        by_picture = weights[:, codes]
        found = []
        for ranking, right in zip(rankings, rights, strict=True):
            with np.errstate(invalid="ignore"):  # 0 / 0 where a draw lacks a class
                shares = [
                    (by_picture * (right & of_class)).sum(axis=1) / (by_picture * of_class).sum(axis=1)
                    for of_class in (fake, ~fake)
                ]
            found.append(np.stack([roc_auc(ranking.weigh(weights)), np.mean(shares, axis=0)], axis=1))
        return np.stack(found)

    def sides(weights: np.ndarray) -> np.ndarray:
        """Average over the trainings of each side: (m, groups) -> (m, 2 sides, metrics)."""
        found = compared(weights)
        return np.stack([found[:n_first].mean(axis=0), found[n_first:].mean(axis=0)], axis=1)

    first, second = sides(np.ones((1, len(names))))[0]
    drawn = bootstrap.draw(sides, len(names), len(fake))
    n_groups = min(len(np.unique(codes[of_class])) for of_class in (fake, ~fake))
    for column, metric in enumerate(COMPARED):
        difference, differences = first[column] - second[column], drawn[:, 0, column] - drawn[:, 1, column]
        certain = n_groups < 2 or np.nanstd(differences) < ALIKE
        low, high = NONE if certain else bootstrap.difference(difference, differences, n_groups)
        yield {
            **{"metric": metric, "first": first[column], "second": second[column]},
            **{"difference": difference, "low": low, "high": high},
            **{"n_fake": int(fake.sum()), "n_genuine": int((~fake).sum())},
        }
