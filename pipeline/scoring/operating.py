"""Points on the ROC curve: the equal error rate, and the fakes found at a given rate of false alarms."""

import numpy as np

from pipeline.scoring.ranking import Weighting


def equal_error_rate(weighting: Weighting) -> np.ndarray:
    """Rate at which as large a share of the genuine pictures is called fake as of the fakes genuine.

    Between the points of the ROC curve (one for each distinct score, ties together) straight lines are drawn.

    Returns:
        (m,) in [0, 1]; NaN where a class has no weight.
    """
    n_fake, n_genuine = weighting.n_fake[:, None], weighting.n_genuine[:, None]

    def surplus(levels: np.ndarray) -> np.ndarray:
        """False positive rate minus false negative rate; in counts, so that equal ones compare as equal."""
        fakes, genuine = weighting.above(levels)
        return genuine * n_fake + fakes * n_genuine - n_fake * n_genuine

    after = np.minimum(weighting.first_level(lambda levels: surplus(levels) >= 0, 1), _last(weighting))
    before = np.maximum(after - 1, 0)
    start, end = surplus(before), surplus(after)
    with np.errstate(invalid="ignore"):  # 0 / 0 where a class has no weight
        way = -start / (end - start)
        rates = [weighting.above(levels)[1] / n_genuine for levels in (before, after)]
        rate: np.ndarray = (rates[0] + way * (rates[1] - rates[0]))[:, 0]
    return rate


def true_positive_rate_at(weighting: Weighting, percent: int) -> np.ndarray:
    """Largest share of fakes found while at most `percent` % of the genuine pictures are called fake.

    Nothing is interpolated: it is a point that a threshold reaches, tied scores falling to one side together.

    Returns:
        (m,) in [0, 1]; NaN where a class has no weight.
    """
    allowed = percent * weighting.n_genuine[:, None]
    beyond = weighting.first_level(lambda levels: 100 * weighting.above(levels)[1] > allowed, 1)
    with np.errstate(invalid="ignore"):
        rate = weighting.above(np.minimum(beyond - 1, _last(weighting)))[0][:, 0] / weighting.n_fake
    return np.where(weighting.n_genuine > 0, rate, np.nan)


def _last(weighting: Weighting) -> int:
    return len(weighting.ranking.fakes_above) - 1
