"""What becomes of a detector's metrics when its pictures are changed, both classes alike.

A detector of tampering loses where traces are lost. If it gains, the change has taken away what stood in its
way, or what it reads is no tampering; if it still tells the classes apart when only the content is left, it
knows them by what they show. Changes of a metric are paired: the same pictures, the same draws of groups
(see `comparison`).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline.evaluation.bootstrap import Bootstrap, clopper_pearson
from pipeline.evaluation.perturbations import CONTENT_ONLY, Perturbation
from pipeline.evaluation.ranking import WeightedRanking, roc_auc

COLUMNS = [
    *("name", "family", "strength", "n_fake", "n_genuine", "roc_auc", "low", "high"),
    *("change", "change_low", "change_high", "true_positive_rate", "false_positive_rate"),
    *("genuine_shift", "fake_shift", "flipped", "verdict"),
]
AS_HANDED_IN = "none"  # name of the first row
SHORTCUT, FRAGILE = "shortcut", "fragile"
# Verdicts that say why there is none.
ONE_CLASS, NO_NUMBER, NO_INTERVAL = "one class only", "NaN answered", "no interval"

FALL = 0.05  # of the ROC AUC, from which on a detector is fragile
RISE = 0.01  # from which on it is a shortcut: of thirty intervals one may lie above 0 by chance
GUESSING = 0.5
KNOWS = 0.6  # ROC AUC on content alone from which on it is a shortcut, if its interval lies above 0.5


def measure_robustness(
    logits: np.ndarray,
    perturbed: pd.DataFrame,
    perturbations: Sequence[Perturbation],
    target: np.ndarray,
    group: np.ndarray,
    threshold: float,
    bootstrap: Bootstrap,
) -> pd.DataFrame:
    """Compare answers for pictures as handed in with answers for each changed form of them.

    Args:
        logits: (n,) of the pictures as handed in, finite.
        perturbed: n rows, a column of logits named after each perturbation. Where one is not finite, the row
            of that perturbation has no metrics, and its verdict says so.
        perturbations: what the columns are.
        target: (n,) 1 for fake, 0 for genuine.
        group: (n,) names of groups.
        threshold: a picture is called fake from this logit on.
        bootstrap: of the groups.

    Returns:
        `COLUMNS`, a row a perturbation after that of the pictures as handed in; metrics that cannot be given
        are NaN. `change` is that of the ROC AUC; one of 0 has an interval, too, because answers that stay as
        they are for these pictures may change for others. The shifts are mean changes of the logit, `flipped`
        is the share of pictures that are called otherwise than before. `verdict` is `SHORTCUT` where the ROC
        AUC rises by 0.01 or more, or, on a probe, reaches 0.6 with an interval above 0.5; `FRAGILE` where it
        falls by more than 0.05; "" where neither is sure; or why nothing can be said.
    """
    fake = np.asarray(target) == 1
    answers = np.column_stack([logits, perturbed[[each.name for each in perturbations]]]).astype(np.float64)
    of_all, drawn = _roc_aucs(answers, fake, group, bootstrap)
    described = [(AS_HANDED_IN, "", "as handed in", False)]
    described += [(each.name, each.family, each.strength, each.is_probe) for each in perturbations]
    rows: list[dict[str, Any]] = []
    for place, (name, family, strength, is_probe) in enumerate(described):
        row: dict[str, Any] = {"name": name, "family": family, "strength": strength}
        row |= {"n_fake": int(fake.sum()), "n_genuine": int((~fake).sum()), "verdict": NO_NUMBER}
        if np.isfinite(answers[:, place]).all():
            row |= _ranks(of_all[[place, 0]], drawn[:, [place, 0]], fake, group, bootstrap)
            row |= _calls(answers[:, place], answers[:, 0], fake, threshold)
            row["verdict"] = _verdict(row, is_probe)
        if name == AS_HANDED_IN and row.get("change_low") is not None:
            row |= {"change_low": 0.0, "change_high": 0.0}  # it is what changes are counted from
        rows.append(row)
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype(dict.fromkeys(COLUMNS[5:-1], np.float64))


def robustness_headline(table: pd.DataFrame) -> dict[str, float | None]:
    """Return two numbers that say how a detector stands changes, so that runs can be compared.

    Args:
        table: of `measure_robustness`.

    Returns:
        `mean_roc_auc` over all changes that leave traces, and `content_only_roc_auc`, the highest of those
        that leave none; None where none was measured.
    """
    changed = table[table["name"] != AS_HANDED_IN]
    probes = changed["family"] == CONTENT_ONLY
    mean, highest = changed.loc[~probes, "roc_auc"].mean(), changed.loc[probes, "roc_auc"].max()
    return {
        "mean_roc_auc": None if np.isnan(mean) else float(mean),
        "content_only_roc_auc": None if np.isnan(highest) else float(highest),
    }


def _roc_aucs(
    answers: np.ndarray, fake: np.ndarray, group: np.ndarray, bootstrap: Bootstrap
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the ROC AUC of each column that is finite, of all pictures and of each draw of groups."""
    n_columns = answers.shape[1]
    if not len(fake):
        return np.full(n_columns, np.nan), np.full((bootstrap.draws, n_columns), np.nan)
    codes, names = pd.factorize(np.asarray(group), sort=True)
    finite = np.flatnonzero(np.isfinite(answers).all(axis=0))
    rankings = {column: WeightedRanking(answers[:, column], fake, codes) for column in finite}

    def of_columns(weights: np.ndarray) -> np.ndarray:
        found = np.full((len(weights), n_columns), np.nan)
        for column, ranking in rankings.items():
            found[:, column] = roc_auc(ranking.weigh(weights))
        return found

    return of_columns(np.ones((1, len(names))))[0], bootstrap.draw(of_columns, len(names), len(fake))


def _ranks(
    values: np.ndarray, drawn: np.ndarray, fake: np.ndarray, group: np.ndarray, bootstrap: Bootstrap
) -> dict[str, float | None]:
    """Put together a ROC AUC and its change, from those (after, before) of all pictures and (draws, 2)."""
    after, before = values.tolist()
    n_groups = min(len(np.unique(np.asarray(group)[of_class])) for of_class in (fake, ~fake))
    change_low, change_high = bootstrap.difference(after - before, drawn[:, 0] - drawn[:, 1], n_groups)
    low, high = bootstrap.interval(after, drawn[:, 0], n_groups)
    if n_groups > 1 and after in (0.0, 1.0):  # all draws agree, and would promise certainty
        low, high = clopper_pearson(after == 1.0, n_groups, bootstrap.confidence)
    return {
        **{"roc_auc": after, "low": low, "high": high},
        **{"change": after - before, "change_low": change_low, "change_high": change_high},
    }


def _calls(
    logits: np.ndarray, before: np.ndarray, fake: np.ndarray, threshold: float
) -> dict[str, float | None]:
    """Compute what pictures are called at the threshold, and how far their logits have moved."""
    called = logits >= threshold
    return {
        "true_positive_rate": _mean(called[fake]),
        "false_positive_rate": _mean(called[~fake]),
        "genuine_shift": _mean((logits - before)[~fake]),
        "fake_shift": _mean((logits - before)[fake]),
        "flipped": _mean(called != (before >= threshold)),
    }


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def _verdict(row: dict[str, Any], is_probe: bool) -> str:
    if not (row["n_fake"] and row["n_genuine"]):
        return ONE_CLASS
    if row["low"] is None or row["change_low"] is None:
        return NO_INTERVAL
    if is_probe:
        return SHORTCUT if row["low"] > GUESSING and row["roc_auc"] >= KNOWS else ""
    if row["change_low"] > 0 and row["change"] >= RISE:
        return SHORTCUT
    return FRAGILE if row["change_high"] < 0 and row["change"] < -FALL else ""
