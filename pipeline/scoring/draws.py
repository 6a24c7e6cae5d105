"""Draws of groups with replacement; apart, because thresholds are chosen on such draws too."""

from collections.abc import Iterator

import numpy as np


def draw_groups(n_groups: int, draws: int, at_once: int, seed: int) -> Iterator[np.ndarray]:
    """Draw all groups anew, `draws` times: blocks of (up to `at_once`, n_groups) counts.

    Each draw has its own generator, so that the size of a block changes nothing.
    """
    for start in range(0, draws, at_once):
        yield count_drawn(n_groups, range(start, min(start + at_once, draws)), seed)


def count_drawn(n_groups: int, draws: range, seed: int) -> np.ndarray:
    """Say how often each group is in draws of these numbers: (draws, n_groups) float64."""
    counts = np.empty((len(draws), n_groups))
    for row, draw in enumerate(draws):
        drawn = np.random.default_rng([seed, draw]).integers(n_groups, size=n_groups)
        counts[row] = np.bincount(drawn, minlength=n_groups)
    return counts
