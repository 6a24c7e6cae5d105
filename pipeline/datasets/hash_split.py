"""Where a name falls on a line from 0 to 1, and which stretch of it trains, validates and tests.

The place is a hash of the seed and the name, so it depends on nothing else: names that come later move none.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline import config
from pipeline.datasets.tables import LABELS, SPLITS
from pipeline.errors import UserError

TRAIN, VALIDATION, TEST = range(len(SPLITS))


@dataclass(frozen=True)
class Line:
    """The stretches of training, validation and test, in this order.

    With `folds` the line is turned, so that the test stretch of each fold lies elsewhere and those of all
    folds cover it once.

    Attributes:
        shares: (3,) lengths of the stretches; they add up to 1.
        folds: how many; None: the line stays as it is.
        fold: which of them, from 0.
    """

    shares: np.ndarray
    folds: int | None = None
    fold: int = 0

    def positions(self, seed: int, names: pd.Index | pd.Series) -> np.ndarray:
        """Give the place of each name after turning, in [0, 1)."""
        found = hash_positions(seed, names)
        if self.folds is None:
            return found
        tested = np.floor(found * self.folds) == self.fold
        turned = (found - (self.fold + 1) / self.folds) % 1
        edge = self.bounds[TEST]
        # Rounding must not put a name that lies on the edge into two folds, or into none.
        return np.where(tested, np.maximum(turned, edge), np.minimum(turned, np.nextafter(edge, 0)))

    def places(self, positions: np.ndarray) -> np.ndarray:
        """Look positions up: TRAIN, VALIDATION or TEST; the last with a share takes what rounding leaves."""
        last = int(np.flatnonzero(self.shares > 0)[-1])
        return np.minimum(np.searchsorted(self.bounds[1:], positions, side="right"), last)

    @property
    def bounds(self) -> np.ndarray:
        """Where the stretches begin, and 1: (4,)."""
        return np.concatenate([[0.0], np.cumsum(self.shares)])

    @property
    def largest_unit(self) -> float:
        """The share of all pictures that validation and test can take at once, at most."""
        held_out = self.shares[[VALIDATION, TEST]]
        return float(held_out[held_out > 0].min(initial=1.0))


def line_of(split: config.Split) -> Line:
    """Lay out the line of a split; with folds, validation and training share what is not tested."""
    shares = np.array([split.shares[name] for name in SPLITS], dtype=np.float64)
    if split.folds is None:
        return Line(shares)
    kept = shares[:TEST] / shares[:TEST].sum() * (1 - 1 / split.folds)
    return Line(np.array([*kept, 1 / split.folds]), split.folds, split.fold)


def hash_positions(seed: int, names: pd.Index | pd.Series) -> np.ndarray:
    """Spread names over [0, 1) by a hash, the same on every machine and in every version of the libraries."""
    key = seed.to_bytes(8, "little")
    digests = b"".join(blake2b(name.encode("utf-8"), digest_size=8, key=key).digest() for name in names)
    return (np.frombuffer(digests, dtype="<u8") >> np.uint64(11)) * 2.0**-53


# Which split each picture is given, and why one is given none.
#

LEFT_OUT = -1  # in place of TRAIN, VALIDATION and TEST


class Dealt(NamedTuple):
    """The outcome of a split.

    Attributes:
        places: (n,) TRAIN, VALIDATION, TEST or LEFT_OUT.
        reasons: (n,) why a picture is left out, in the same words for all of its kind; else "".
        details: (n,) what it is about this one; may be "".
    """

    places: np.ndarray
    reasons: np.ndarray
    details: np.ndarray


def all_used(places: np.ndarray) -> Dealt:
    """Say that no picture is left out."""
    nothing = np.full(len(places), "", dtype=object)
    return Dealt(places, nothing, nothing)


def check_classes(table: pd.DataFrame, places: np.ndarray, shares: np.ndarray, advice: str) -> None:
    """Refuse a split in which a side lacks a class.

    Raises:
        UserError: naming the first such side, with `advice`.
    """
    for split in np.flatnonzero(shares > 0):
        for label in LABELS:
            if not (table["label"].to_numpy()[places == split] == label).any():
                n_pictures = int((table["label"] == label).sum())
                raise UserError(
                    f"the split {SPLITS[split]} would have no {label} picture, of {n_pictures} in the "
                    f"training collections; each of train, validation and test needs both classes: {advice}"
                )
