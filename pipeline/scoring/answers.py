"""What a detector answers: scores that must be numbers, and what is made of them."""

import numpy as np
from numpy.typing import ArrayLike

from pipeline.errors import UserError


def check_scores(scores: ArrayLike) -> np.ndarray:
    """Take scores as float64 and refuse what is not a number.

    Raises:
        UserError: the detector gave NaN or infinity.
    """
    numbers = np.asarray(scores, dtype=np.float64)
    bad = int((~np.isfinite(numbers)).sum())
    if bad:
        raise UserError(
            f"the detector answered NaN or infinity for {bad:,} of {len(numbers):,} pictures: its training "
            "came apart; train again with a smaller train.learning_rate or with train.precision=float32"
        )
    return numbers


def called_fake(probability_fake: ArrayLike, threshold: float) -> np.ndarray:
    """Say which pictures are called fake: the threshold itself already is."""
    return check_scores(probability_fake) >= threshold


def probability(logits: ArrayLike) -> np.ndarray:
    """Logistic function, without overflow."""
    return np.exp(-np.logaddexp(0.0, -np.asarray(logits, np.float64)))
