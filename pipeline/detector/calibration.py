"""The decision: taken on genuine pictures that nothing was trained on, and on validation pictures."""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import minimize

from pipeline import config
from pipeline.detector.conformal import Reference, strata_of
from pipeline.detector.decision import NETWORK, Decision, check_scores
from pipeline.detector.known_kinds import KnownKinds
from pipeline.errors import UserError
from pipeline.evidence.panel import SPECIALISTS

# What a picture is calibrated for.
VALIDATION, CALIBRATION, TAMPERED = "validation", "calibration", "tampered"
_COLDEST, _HOTTEST = 0.05, 100.0  # temperatures of a suspicion


def fit_logit(target: ArrayLike, suspicion: ArrayLike) -> tuple[float, float]:
    """Find the temperature and the offset that make a calibrated logit of suspicions; no ranking changes.

    They are those with the smallest log loss, against targets that are pulled in a little as Platt did
    (Probabilistic outputs for support vector machines, 1999): (fakes + 1) / (fakes + 2) for a fake and
    1 / (genuine + 2) for a genuine picture. So they stay finite where the classes are separated.

    Args:
        target: (n,) 1 for fake, 0 for genuine; of validation pictures, never of those tested.
        suspicion: (n,) of `Decision.suspicion`.

    Returns:
        temperature and offset: logit = suspicion / temperature + offset. The temperature is at most
        `_HOTTEST`, which it is where suspicion ranks no better than chance.

    Raises:
        UserError: one of the classes is missing, or an answer is not a number.
    """
    fake, scores = np.asarray(target) == 1, check_scores(suspicion)
    n_fake, n_genuine = int(fake.sum()), int((~fake).sum())
    if not n_fake or not n_genuine:
        raise UserError(
            "probabilities need both classes among the validation pictures; found "
            f"{n_fake} fake and {n_genuine} genuine: add pictures or give validation a larger share "
            "(split.shares)"
        )
    wanted = np.where(fake, (n_fake + 1) / (n_fake + 2), 1 / (n_genuine + 2))

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        slope, offset = parameters
        logit = slope * scores + offset
        error = np.exp(-np.logaddexp(0.0, -logit)) - wanted
        value = float(np.mean(np.logaddexp(0.0, logit) - wanted * logit))
        return value, np.array([np.mean(error * scores), np.mean(error)])

    bounds = [(1 / _HOTTEST, 1 / _COLDEST), (-50.0, 50.0)]
    best = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=bounds)
    return float(1 / best.x[0]), float(best.x[1])


def decide(measured: pd.DataFrame, reference: pd.DataFrame, settings: config.Decision) -> Decision:
    """Take the decision.

    Args:
        measured: a row a picture: `part` (`VALIDATION`, `CALIBRATION` or `TAMPERED`), `target`, `NETWORK` and
            the columns of `panel.COLUMNS`.
        reference: `panel.COLUMNS` of genuine pictures that come with this package, for the specialists.
        settings: rates.

    Raises:
        UserError: a class is missing among the validation pictures, or a logit is not a number.
    """
    genuine = measured[(measured["target"] == 0) & (measured["part"] != TAMPERED)]
    tests = {NETWORK: Reference.of(genuine[NETWORK], genuine)}
    everything = pd.concat([genuine, reference], ignore_index=True)
    tests |= {name: Reference.of(everything[name], everything) for name in SPECIALISTS}
    undecided = Decision(
        false_alarms=settings.false_alarms,
        unsure=max(settings.unsure or 0.0, settings.false_alarms),
        temperature=1.0,
        offset=0.0,
        tests={name: test for name, test in tests.items() if len(test)},
        tampered=pd.DataFrame({"size": [], "quality": [], "suspicion": []}),
        known=KnownKinds.of(measured[measured["part"] != TAMPERED]),
    )
    validation, tampered = measured[measured["part"] == VALIDATION], measured[measured["part"] == TAMPERED]
    temperature, offset = fit_logit(validation["target"], undecided.suspicion(validation))
    tried = strata_of(tampered).assign(suspicion=undecided.suspicion(tampered)).reset_index(drop=True)
    return replace(undecided, temperature=temperature, offset=offset, tampered=tried)
