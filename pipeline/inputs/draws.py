"""Random numbers as a function of what they are for: no generator, no state, no order of calls."""

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def uniforms(seed: int, epoch: int, pictures: np.ndarray, occurrences: np.ndarray, count: int) -> np.ndarray:
    """Draw `count` numbers for each picture, the same ones for the same arguments.

    SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014), with
    its state hashed from the key; a numpy generator for each picture would take ten times as long.

    Args:
        seed: of the run.
        epoch: from 0.
        pictures: (n,) row numbers.
        occurrences: (n,) how often each picture was drawn before in this epoch.
        count: numbers wanted for each.

    Returns:
        (n, count) float64 in [0, 1).
    """
    state = np.zeros(len(pictures), np.uint64)
    for key in (seed, epoch, pictures, occurrences):
        state = _mixed(state + _GOLDEN + np.asarray(key).astype(np.uint64))
    steps = _GOLDEN * np.arange(1, count + 1, dtype=np.uint64)
    return (_mixed(state[:, None] + steps) >> np.uint64(11)) * 2.0**-53


def _mixed(bits: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64: each bit of the answer depends on each bit given."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
