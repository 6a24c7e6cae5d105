"""From which probability on a picture is called fake, chosen on validation pictures only."""

import contextlib
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from pipeline import config
from pipeline.detector.decision import Decision, check_scores, probability
from pipeline.errors import UserError

Chooser = Callable[[np.ndarray, np.ndarray], float]  # targets and probabilities -> threshold

COLDEST, HOTTEST = 0.01, 100.0  # temperatures
DRAWS = 1_000  # of validation groups, behind the abstain band
_ROUNDING = 1e-9  # of a rate times a number of pictures: 0.07 of 100 are 7


def choose_threshold(target: ArrayLike, probability_fake: ArrayLike) -> float:
    """Choose the threshold with the highest balanced accuracy.

    It lies midway between two neighbouring probabilities, so that new pictures may fall a little to
    either side. Of several equally good ones the nearest to 0.5 is taken, then the lower.

    Args:
        target: (n,) 1 for fake, 0 for genuine.
        probability_fake: (n,) probability in [0, 1].

    Returns:
        threshold in [0, 1].

    Raises:
        UserError: one of the classes is missing, or an answer is not a number.
    """
    candidates, fakes, alarms = _candidates(target, probability_fake)
    # Counts instead of shares, so that what is equal compares as equal.
    quality = fakes * alarms[0] + (alarms[0] - alarms) * fakes[0]
    best = candidates[quality == quality.max()]
    return float(best[np.lexsort((best, np.abs(best - 0.5)))[0]])


def threshold_at_false_positive_rate(target: ArrayLike, probability_fake: ArrayLike, rate: float) -> float:
    """Choose the smallest threshold at which at most a given share of the genuine pictures is called fake.

    It lies midway between two neighbouring probabilities. Arguments are those of `choose_threshold`, and the
    rate of false positives, in [0, 1).

    Raises:
        UserError: one of the classes is missing, an answer is not a number, or more genuine pictures than
            allowed have a probability of 1, which no threshold lies above.
    """
    candidates, _, alarms = _candidates(target, probability_fake)
    enough = alarms <= rate * alarms[0] + _ROUNDING
    if not enough.any():
        raise UserError(
            f"{alarms[-1]:,} of {alarms[0]:,} genuine validation pictures have a probability of 1, "
            f"so that no threshold has a false positive rate of {rate:g}: ask for a higher one or for "
            "balanced accuracy, or train longer or on more pictures"
        )
    return float(candidates[np.argmax(enough)])


def _candidates(target: ArrayLike, probability_fake: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return thresholds, rising, and how many fakes and how many genuine pictures each calls fake.

    One lies below all probabilities, one between each two neighbours, one above all where there is room.
    """
    fake, probability = np.asarray(target) == 1, check_scores(probability_fake)
    _check_classes(fake, "threshold")
    levels, level = np.unique(probability, return_inverse=True)
    below, above = np.concatenate([[0.0], levels]), np.concatenate([levels, [1.0]])
    middle = below + (above - below) / 2
    # Between neighbouring floats the middle may round down onto the lower one, which would call it fake.
    candidates = np.where(middle > below, middle, above)
    usable = len(levels) + int(levels[-1] < 1)  # no probability lies above 1

    def called(of_class: np.ndarray) -> np.ndarray:
        counts = np.bincount(level[of_class], minlength=len(levels) + 1)
        return np.cumsum(counts[::-1])[::-1][:usable]

    return candidates[:usable], called(fake), called(~fake)


def abstain_band(
    target: ArrayLike,
    probability_fake: ArrayLike,
    groups: ArrayLike,
    chooser: Chooser,
    confidence: float,
    draws: int,
    seed: int,
) -> tuple[float, float]:
    """Return the interval of the threshold: a picture inside could have got either verdict.

    The validation groups are drawn anew, as for the intervals of metrics, and a threshold is chosen on each
    draw. Draws on which none can be chosen, as they lack a class, are left out; where all are, the band
    is the threshold itself.

    Args:
        target: (n,) 1 for fake, 0 for genuine; of validation pictures, both classes.
        probability_fake: (n,) probability in [0, 1].
        groups: (n,) names of groups.
        chooser: such as `choose_threshold`; its UserError for the pictures as they are is passed on.
        confidence: share of the draws inside the band, in (0, 1).
        draws: how many.
        seed: of the draws.

    Returns:
        (low, high) in [0, 1], with the threshold of all pictures between them.
    """
    order = np.argsort(np.asarray(probability_fake), kind="stable")  # what is sorted is soon sorted again
    targets, probability = np.asarray(target)[order], np.asarray(probability_fake)[order]
    names, codes = np.unique(np.asarray(groups)[order].astype(str), return_inverse=True)
    threshold = chooser(targets, probability)
    chosen = [threshold]
    for draw in range(draws):
        drawn = np.random.default_rng([seed, draw]).integers(len(names), size=len(names))
        times = np.bincount(drawn, minlength=len(names))[codes]
        with contextlib.suppress(UserError):
            chosen.append(chooser(np.repeat(targets, times), np.repeat(probability, times)))
    tail = (1 - confidence) / 2
    low, high = np.quantile(chosen, [tail, 1 - tail])
    return float(min(low, threshold)), float(max(high, threshold))


def _check_classes(fake: np.ndarray, chosen: str) -> None:
    """Raise UserError for validation pictures of one class alone, on which something was to be chosen."""
    if not fake.any() or fake.all():
        raise UserError(
            f"the {chosen} needs both classes among the validation pictures; found {int(fake.sum())} fake "
            f"and {int((~fake).sum())} genuine: add pictures or give validation a larger share (split.shares)"
        )


def fit_temperature(target: ArrayLike, logit: ArrayLike) -> float:
    """Find the temperature that logits must be divided by; it changes no ranking.

    It is the one with the smallest log loss (Guo et al., On calibration of modern neural networks, ICML
    2017), against targets that are pulled in a little as Platt did (Probabilistic outputs for support vector
    machines, 1999): (fakes + 1) / (fakes + 2) for a fake and 1 / (genuine + 2) for a genuine picture. So it
    stays finite where the classes are separated. The loss has one minimum.

    Args:
        target: (n,) 1 for fake, 0 for genuine; of validation pictures, never of those tested.
        logit: (n,) of being fake.

    Returns:
        between `COLDEST` and `HOTTEST`: above 1 where the detector is too sure of itself; `HOTTEST` where it
        ranks no better than chance.

    Raises:
        UserError: one of the classes is missing, or an answer is not a number.
    """
    fake, scores = np.asarray(target) == 1, check_scores(logit)
    _check_classes(fake, "temperature")
    n_fake, n_genuine = int(fake.sum()), int((~fake).sum())
    wanted = np.where(fake, (n_fake + 1) / (n_fake + 2), 1 / (n_genuine + 2))

    def loss(log_temperature: float) -> float:
        scaled = scores * np.exp(-log_temperature)
        return float(np.mean(np.logaddexp(0.0, scaled) - wanted * scaled))

    bounds = (np.log(COLDEST), np.log(HOTTEST))
    least = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-8})
    return float(np.exp(least.x))


def decide(predictions: pd.DataFrame, settings: config.Decision, seed: int) -> Decision:
    """Choose temperature, threshold and band on validation pictures.

    `predictions` have `target`, `logit` and `group`.

    Raises:
        UserError: a class is missing, or a logit is not a number.
    """
    target = predictions["target"].to_numpy()
    temperature = fit_temperature(target, predictions["logit"])
    probabilities = probability(predictions["logit"].to_numpy() / temperature)
    choose: Chooser = choose_threshold
    if settings.threshold == "false_positive_rate":
        choose = partial(threshold_at_false_positive_rate, rate=settings.false_positive_rate)
    threshold = choose(target, probabilities)
    unsure = (threshold, threshold)
    if settings.unsure is not None:
        groups = predictions["group"]
        unsure = abstain_band(target, probabilities, groups, choose, settings.unsure, DRAWS, seed)
    return Decision(threshold=threshold, temperature=temperature, unsure=unsure)
