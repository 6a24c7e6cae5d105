"""From which probability on a picture is called fake, chosen on validation pictures only."""

import numpy as np
from numpy.typing import ArrayLike

from pipeline.errors import UserError
from pipeline.scoring.answers import check_scores


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
    fake = np.asarray(target) == 1
    probability = check_scores(probability_fake)
    if not fake.any() or fake.all():
        raise UserError(
            f"the threshold needs both classes among the validation pictures; found {int(fake.sum())} fake "
            f"and {int((~fake).sum())} genuine: add pictures or give validation a larger share (split.shares)"
        )
    levels, level = np.unique(probability, return_inverse=True)
    fakes = np.bincount(level[fake], minlength=len(levels))
    genuine = np.bincount(level[~fake], minlength=len(levels))
    # Candidate k calls levels[k:] fake; the last one calls nothing fake.
    missed = np.concatenate([[0], np.cumsum(fakes)])
    passed = np.concatenate([[0], np.cumsum(genuine)])
    # Counts instead of shares, so that what is equal compares as equal.
    quality = (len(probability[fake]) - missed) * int(genuine.sum()) + passed * int(fakes.sum())
    candidates = _midway(levels)
    if levels[-1] >= 1.0:  # no probability lies above it
        quality, candidates = quality[:-1], candidates[:-1]
    best = candidates[quality == quality.max()]
    return float(best[np.lexsort((best, np.abs(best - 0.5)))[0]])


def _midway(levels: np.ndarray) -> np.ndarray:
    """Put a candidate below, between and above sorted probabilities: (n,) -> (n + 1,)."""
    below = np.concatenate([[0.0], levels])
    above = np.concatenate([levels, [1.0]])
    middle = below + (above - below) / 2
    # Between neighbouring floats the middle may round down onto the lower one, which would call it fake.
    return np.where(middle > below, middle, above)
