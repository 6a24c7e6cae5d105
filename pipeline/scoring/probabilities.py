"""Whether probabilities mean what they say: Brier score, log loss, and the expected calibration error."""

import itertools

import numpy as np

from pipeline.scoring.ranking import WeightedRanking, Weighting

BINS = 15
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


def surplus_by_class(ranking: WeightedRanking, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give by how much each probability exceeds the truth (1 for a fake), for fakes and genuine as ranked."""
    return probability[ranking.fakes] - 1, probability[ranking.genuine]


def expected_calibration_error(weighting: Weighting, surplus: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Mean distance between the mean probability and the share of fakes in `BINS` bins of equal mass.

    The pictures are sorted by logit and cut into bins of equal weight (Nixon et al., Measuring calibration
    in deep learning, 2019). Pictures with the same logit stay together, in the bin that the middle of their
    run falls into.

    Args:
        weighting: of n ranked pictures.
        surplus: of the probabilities, see `surplus_by_class`.

    Returns:
        (m,) in [0, 1]; NaN where a class has no weight.
    """
    total = (weighting.n_fake + weighting.n_genuine)[:, None]
    cuts = np.arange(1, BINS)  # bins that lie above each cut

    def crossed(levels: np.ndarray) -> np.ndarray:
        """Whether the middle of the last of these levels lies below the cut."""
        return BINS * (sum(weighting.above(levels - 1)) + sum(weighting.above(levels))) > 2 * cuts * total

    ranking = weighting.ranking
    n_levels = len(ranking.fakes_above) - 1
    inner = (
        weighting.first_level(crossed, BINS - 1) - 1 if n_levels else np.zeros((len(total), BINS - 1), int)
    )
    edges = np.pad(inner, ((0, 0), (1, 1)), constant_values=((0, 0), (0, n_levels)))
    by_bin = _sums_between(weighting.fake_weights, surplus[0], ranking.fakes_above[edges])
    by_bin += _sums_between(weighting.genuine_weights, surplus[1], ranking.genuine_above[edges])
    with np.errstate(invalid="ignore"):  # 0 / 0 where there is no weight
        error: np.ndarray = np.abs(by_bin).sum(axis=1) / total[:, 0]
    return np.where((weighting.n_fake > 0) & (weighting.n_genuine > 0), error, np.nan)


def equal_mass_bins(logit: np.ndarray) -> np.ndarray:
    """Number the bin of `expected_calibration_error` in which each picture lies: (n,) -> (n,), from 0."""
    _, level, counts = np.unique(logit, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    bins: np.ndarray = (BINS * (2 * ends - counts) // (2 * max(len(logit), 1)))[level]
    return bins


def _sums_between(weights: np.ndarray, values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Sum weighted values between neighbouring edges: (m, n), (n,), (m, k + 1) -> (m, k)."""
    sums = np.empty((len(edges), edges.shape[1] - 1))
    for row, ends in enumerate(edges.tolist()):  # products of slices: no array of the size of the weights
        sums[row] = [
            np.einsum("i,i->", weights[row, start:end], values[start:end])
            for start, end in itertools.pairwise(ends)
        ]
    return sums
