"""The metrics of one set of pictures, and their intervals.

>>> table = pd.DataFrame({"target": [1, 1, 1, 0, 0], "logit": [2.0, 1.0, -1.0, 0.5, -2.0]})
>>> table["probability_fake"] = 1 / (1 + np.exp(-table["logit"]))
>>> found = score_predictions(table, threshold=0.5)
>>> {name: round(found[name], 3) for name in ("fake_accuracy", "genuine_accuracy", "roc_auc")}
{'fake_accuracy': 0.667, 'genuine_accuracy': 0.5, 'roc_auc': 0.833}
"""

import numpy as np
import pandas as pd

from pipeline.datasets.tables import LABELS
from pipeline.detector.decision import called_fake, check_scores
from pipeline.evaluation.bootstrap import NONE, Bootstrap, Interval, Metric, clopper_pearson
from pipeline.evaluation.metrics import BOTH, FOUND_AT, METRICS, PIXELS, Answers, Calls, of_answers, of_maps
from pipeline.evaluation.ranking import WeightedRanking, surplus_by_class

_CERTAIN = np.finfo(np.float64).eps  # as scikit-learn clips; one sure and wrong answer costs 36


def brier_terms(fake: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Squared distance of each probability from what the picture is; their mean is the Brier score (1950)."""
    terms: np.ndarray = (probability - fake) ** 2
    return terms


def log_loss_terms(fake: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Negative natural logarithm of what was given to the truth; probabilities are clipped by 2.2e-16."""
    of_truth = np.where(fake, probability, 1 - probability)
    terms: np.ndarray = -np.log(np.clip(of_truth, _CERTAIN, 1 - _CERTAIN))
    return terms


def at_threshold(calls: Calls) -> dict[str, np.ndarray]:
    """Compute the metrics at a threshold that need both classes; NaN where a class is missing.

    Precisions are NaN where nothing is called fake.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        missing = np.isnan(calls.fake_accuracy) | np.isnan(calls.genuine_accuracy)
        return {
            name: np.where(missing, np.nan, METRICS[name](calls))
            for name in of_answers()
            if METRICS[name].at_threshold and METRICS[name].classes == BOTH
        }


class WeightedPredictions:
    """Labelled answers, prepared once, to be weighted by group again and again.

    Attributes:
        sums: (6, groups) right fakes, fakes, right genuine pictures, genuine pictures, and the terms of Brier
            score and log loss, each summed over the pictures of a group.
        ranking: the pictures by logit.
    """

    def __init__(self, predictions: pd.DataFrame, threshold: float, codes: np.ndarray, n_groups: int) -> None:
        """Prepare n predictions; `codes` (n,) number their groups.

        Raises:
            UserError: an answer is not a number.
        """
        fake = (predictions["target"] == 1).to_numpy()
        probability = check_scores(predictions["probability_fake"])
        right = called_fake(probability, threshold) == fake
        terms = (brier_terms(fake, probability), log_loss_terms(fake, probability))
        columns = (fake & right, fake, ~fake & right, ~fake, *terms)
        self.sums = np.stack([np.bincount(codes, weights=each, minlength=n_groups) for each in columns])
        self.ranking = WeightedRanking(check_scores(predictions["logit"]), fake, codes)
        self._surplus = surplus_by_class(self.ranking, probability)

    def score(self, counts: np.ndarray) -> np.ndarray:
        """Compute the metrics of each weighting.

        Args:
            counts: (m, groups) how often each group counts, float64.

        Returns:
            (m, metrics) in the order of `of_answers`; NaN where a class that is needed has no weight.
        """
        # Row by row, so that each sum is the same however many rows there are; and without BLAS, whose
        # threads get into the way of those that call this.
        totals = np.stack([np.einsum("kg,g->k", self.sums, row) for row in counts], axis=1)
        right_fake, n_fake, right_genuine, n_genuine, brier, log_loss = totals
        with np.errstate(invalid="ignore", divide="ignore"):  # 0 / 0 where a class has no weight
            both = np.where((n_fake > 0) & (n_genuine > 0), n_fake + n_genuine, np.nan)
            answers = Answers(
                *(right_fake / n_fake, right_genuine / n_genuine, n_fake, n_genuine),
                *(self.ranking.weigh(counts), self._surplus, brier / both, log_loss / both),
            )
            values = at_threshold(answers)
            others = [name for name in of_answers() if name not in values]
            values |= {name: METRICS[name](answers) for name in others}
        return np.stack([values[name] for name in of_answers()], axis=1)


def score_predictions(predictions: pd.DataFrame, threshold: float) -> dict[str, float | int | None]:
    """Compute the metrics of one set of pictures.

    Args:
        predictions: columns `target` (1 fake, 0 genuine), `logit` (ranks the pictures: it has no ties
            where the probability is rounded to 1) and `probability_fake` in [0, 1]; those of `of_maps`, NaN
            where they are not known, may be left out.
        threshold: a picture is called fake from this probability on.

    Returns:
        each of `METRICS`, and `n_fake`, `n_genuine` and `n_masks`, the fakes that `PIXELS` is of. A metric
        that needs what is not there is None: all but the accuracies of the classes need both.

    Raises:
        UserError: an answer is not a number.
    """
    whole = WeightedPredictions(predictions, threshold, np.zeros(len(predictions), np.intp), 1)
    values = whole.score(np.ones((1, 1)))[0].tolist()
    found: dict[str, float | int | None] = {
        name: value if np.isfinite(value) else None for name, value in zip(of_answers(), values, strict=True)
    }
    for name in of_maps():
        known = predictions[name].dropna() if name in predictions else pd.Series(dtype=float)
        found[name] = float(known.mean()) if len(known) else None
    n_masks = int(predictions[PIXELS].notna().sum()) if PIXELS in predictions else 0
    n_fake = int((predictions["target"] == 1).sum())
    return found | {"n_fake": n_fake, "n_genuine": len(predictions) - n_fake, "n_masks": n_masks}


def measure(predictions: pd.DataFrame, threshold: float, bootstrap: Bootstrap) -> dict[str, Metric]:
    """Compute the metrics of one set of pictures with their intervals.

    Where every group of a class is judged right (or every one wrong), draws agree and would promise
    certainty; bounds from the number of groups are given instead.

    Args:
        predictions: as of `score_predictions`, and `group`.
        threshold: a picture is called fake from this probability on.
        bootstrap: of the groups.

    Returns:
        `of_answers`, and of `of_maps` those that have a value. There is no interval where fewer than two
        groups hold what the metric needs, most draws lack a class, or all draws agree and no bound is known.

    Raises:
        UserError: an answer is not a number.
    """
    values = score_predictions(predictions, threshold)
    found = {name: Metric(values[name]) for name in of_answers()}
    if not predictions.empty:
        codes, names = pd.factorize(predictions["group"], sort=True)  # so the order of rows changes nothing
        weighted = WeightedPredictions(predictions, threshold, codes, len(names))
        drawn = bootstrap.draw(weighted.score, len(names), len(predictions))
        for name, interval in _intervals(values, drawn, weighted.sums[:4], bootstrap).items():
            found[name] = Metric(values[name], *interval)
    measured = {name: predictions[name] for name in of_maps() if values[name] is not None}
    return found | {name: bootstrap.mean(column, predictions["group"]) for name, column in measured.items()}


def _intervals(
    values: dict[str, float | int | None], drawn: np.ndarray, sums: np.ndarray, bootstrap: Bootstrap
) -> dict[str, Interval]:
    """Compute the intervals of `of_answers` from draws (draws, metrics) and (4, groups) sums of calls."""
    n_groups = dict(zip(BOTH, (sums[[1, 3]] > 0).sum(axis=1).tolist(), strict=True))
    needed = {name: min(n_groups[label] for label in METRICS[name].classes) for name in of_answers()}
    column = dict(zip(of_answers(), drawn.T, strict=True))

    def interval(name: str, inside: Bootstrap) -> Interval:
        value = values[name]
        metric = METRICS[name]
        return inside.interval(
            np.nan if value is None else value,
            column[name],
            needed[name],
            metric.limits,
            is_distance=metric.is_distance,
        )

    found = {name: interval(name, bootstrap) for name in of_answers()}
    # What follows from both accuracies where every group of a class agrees: draws then vary in the other
    # class alone, and a precision not at all. Each such metric grows with either accuracy, so its ends are
    # those where both have theirs; half of the tail goes to each, and the chance that either fails is the
    # tail at most (Bonferroni).
    half = Bootstrap(bootstrap.draws, (1 + bootstrap.confidence) / 2, bootstrap.seed)
    if certain := certain_accuracies(sums, half.confidence):
        ends = [certain.get(f"{label}_accuracy") or interval(f"{label}_accuracy", half) for label in BOTH]
        found |= bounds_at_threshold(ends, sums)
    found |= certain_accuracies(sums, bootstrap.confidence)
    if values["roc_auc"] in (0.0, 1.0):
        # Of the pairs of a fake and a genuine group as many are independent as the smaller class has groups.
        found["roc_auc"] = clopper_pearson(
            values["roc_auc"] == 1.0, min(n_groups.values()), bootstrap.confidence
        )
    for name in FOUND_AT:
        # All or no fakes found: draws agree, or nearly; where their threshold moves, they reach further.
        if (value := values[name]) in (0.0, 1.0):
            all_found, n_least = value == 1.0, min(n_groups.values())
            exact_low, exact_high = clopper_pearson(all_found, n_least, bootstrap.confidence)
            low, high = found[name]
            found[name] = (
                (exact_low, exact_high)
                if low is None or high is None
                else (min(low, exact_low), max(high, exact_high))
            )
    return {name: found[name] if needed[name] > 1 else NONE for name in found}


def certain_accuracies(sums: np.ndarray, confidence: float) -> dict[str, Interval]:
    """Compute intervals for the accuracies that every group of a class agrees on, for no others.

    `sums` are (4, groups) right fakes, fakes, right genuine pictures, genuine pictures.
    """
    found: dict[str, Interval] = {}
    for label, right, count in zip(BOTH, sums[::2], sums[1::2], strict=True):
        if count.any() and right.sum() in (0, count.sum()):
            n_groups = int((count > 0).sum())
            found[f"{label}_accuracy"] = clopper_pearson(bool(right.any()), n_groups, confidence)
    return found


def bounds_at_threshold(ends: list[Interval], sums: np.ndarray) -> dict[str, Interval]:
    """Compute what the intervals of both accuracies say of the metrics that follow from them."""
    both = np.array(ends, np.float64)
    low_and_high = at_threshold(Calls(both[0], both[1], sums[1].sum(), sums[3].sum()))
    return {
        name: NONE if np.isnan(values).any() else (float(values[0]), float(values[1]))
        for name, values in low_and_high.items()
    }


def count_calls(predictions: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Count pictures by what they are and what they are called (the confusion matrix).

    Returns:
        2 × 2: rows `genuine` and `fake` as they are, columns `genuine` and `fake` as they are called.
    """
    fake = (predictions["target"] == 1).to_numpy()
    called = called_fake(predictions["probability_fake"], threshold)
    counts = [[int((of_class & ~called).sum()), int((of_class & called).sum())] for of_class in (~fake, fake)]
    labels = list(LABELS)
    return pd.DataFrame(
        counts, index=pd.Index(labels, name="actual"), columns=pd.Index(labels, name="called")
    )
