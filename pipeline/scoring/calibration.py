"""Temperature scaling: one number that makes probabilities mean what they say, and changes no ranking."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from pipeline.scoring.answers import check_scores
from pipeline.scoring.threshold import check_classes

COLDEST, HOTTEST = 0.01, 100.0


def fit_temperature(target: ArrayLike, logit: ArrayLike) -> float:
    """Find the temperature that logits must be divided by.

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
    check_classes(fake, "temperature")
    n_fake = int(fake.sum())
    n_genuine = len(fake) - n_fake
    wanted = np.where(fake, (n_fake + 1) / (n_fake + 2), 1 / (n_genuine + 2))

    def loss(log_temperature: float) -> float:
        scaled = scores * np.exp(-log_temperature)
        return float(np.mean(np.logaddexp(0.0, scaled) - wanted * scaled))

    bounds = (np.log(COLDEST), np.log(HOTTEST))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-8})
    return float(np.exp(found.x))
