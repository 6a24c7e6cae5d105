"""How pictures are dealt to training, validation and test.

A unit (a group, or for `random` a single picture) falls where a hash of the seed and its name falls among
the cumulative shares. So where it goes depends on nothing but itself: pictures that are added later move no
old one, unless they join its group; and every label, collection and subset is dealt in the same shares,
up to chance. A rule that made the shares exact would have to move old pictures for each new one.
"""

from collections.abc import Callable
from hashlib import blake2b

import numpy as np
import pandas as pd

from pipeline import config
from pipeline.errors import UserError
from pipeline.manifests.tables import LABELS, SPLITS

TRAIN, VALIDATION, TEST = range(len(SPLITS))
PAIR = 2  # a genuine picture and its fake: never too large a group, however few pictures there are
Dealer = Callable[[pd.DataFrame, np.ndarray, int], np.ndarray]


def deal(table: pd.DataFrame, split: config.Split, seed: int) -> np.ndarray:
    """Give each picture of the training collections its split.

    Args:
        table: columns `path`, `label` and `group`.
        split: method and shares.
        seed: of the hash.

    Returns:
        (n,) of "train", "validation" and "test".

    Raises:
        UserError: a split that has a share cannot have pictures of both classes.
    """
    shares = np.array([split.shares[name] for name in SPLITS], dtype=np.float64)
    places = METHODS[split.method](table, shares, seed)
    return np.array(SPLITS, dtype=object)[places]


def deal_groups(table: pd.DataFrame, shares: np.ndarray, seed: int) -> np.ndarray:
    """Deal whole groups; one that is larger than validation or test should be goes to training.

    Such a group is the only one that pictures added elsewhere can move: when it is too large no more.
    """
    unit, names = pd.factorize(table["group"])
    too_large = np.bincount(unit) > _largest_unit(shares, len(table))
    position = hash_positions(seed, names)
    places = np.where(too_large, TRAIN, _place(position, shares))
    return _fill_classes(table, unit, places, position, too_large, shares)[unit]


def deal_pictures(table: pd.DataFrame, shares: np.ndarray, seed: int) -> np.ndarray:
    """Deal each picture by itself, the classic way: what a fake was made from may lie on the other side.

    The ending is left out of the hash, so that another conversion deals alike.
    """
    names = table["path"].str.replace(r"\.[^./]*$", "", regex=True)
    position = hash_positions(seed, names)
    unit = np.arange(len(table))
    movable = np.zeros(len(table), dtype=bool)
    return _fill_classes(table, unit, _place(position, shares), position, movable, shares)


METHODS: dict[str, Dealer] = {"grouped": deal_groups, "random": deal_pictures}


def hash_positions(seed: int, names: pd.Index | pd.Series) -> np.ndarray:
    """Spread names over [0, 1) by a hash, the same on every machine and in every version of the libraries."""
    key = seed.to_bytes(8, "little")
    digests = b"".join(blake2b(name.encode("utf-8"), digest_size=8, key=key).digest() for name in names)
    return (np.frombuffer(digests, dtype="<u8") >> np.uint64(11)) * 2.0**-53


def _largest_unit(shares: np.ndarray, n_pictures: int) -> float:
    held_out = shares[[VALIDATION, TEST]]
    return max(PAIR, float(held_out[held_out > 0].min(initial=1.0)) * n_pictures)


def _place(position: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Look each position up among the cumulative shares; the last split with a share takes the rounding."""
    last = int(np.flatnonzero(shares > 0)[-1])
    return np.minimum(np.searchsorted(np.cumsum(shares), position, side="right"), last)


def _fill_classes(
    table: pd.DataFrame,
    unit: np.ndarray,
    places: np.ndarray,
    position: np.ndarray,
    fixed: np.ndarray,
    shares: np.ndarray,
) -> np.ndarray:
    """Move single units into splits that chance left without one of the classes.

    Only small sets need this: each such move takes the unit whose hash lies nearest to where the split
    begins or ends, from a split that keeps a unit of each class.

    Raises:
        UserError: there is no unit left to move.
    """
    holds = _classes_of_units(table, unit, len(places))
    bounds = np.concatenate([[0.0], np.cumsum(shares)])
    while True:  # each move fills a gap and opens none, so there are at most six
        counts = _units_by_split(holds, places)
        gaps = np.argwhere((counts == 0) & (shares > 0)[:, None])
        if not len(gaps):
            return places
        split, label = gaps[-1]
        spare = np.all((counts[places] > 1) | ~holds, axis=1)
        candidates = np.flatnonzero(holds[:, label] & spare & ~fixed)
        if not len(candidates):
            raise _too_few(table, holds, fixed, split, label)
        distance = np.maximum(bounds[split] - position[candidates], position[candidates] - bounds[split + 1])
        places = places.copy()
        places[candidates[np.argmin(distance)]] = split


def _classes_of_units(table: pd.DataFrame, unit: np.ndarray, n_units: int) -> np.ndarray:
    """Say which labels each unit holds: (n_units, 2), genuine and fake."""
    holds = np.zeros((n_units, len(LABELS)), dtype=bool)
    for column, label in enumerate(LABELS):
        holds[unit[(table["label"] == label).to_numpy()], column] = True
    return holds


def _units_by_split(holds: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Count units that hold each label, by split: (3, 2)."""
    return np.stack([holds[places == split].sum(axis=0) for split in range(len(SPLITS))])


def _too_few(table: pd.DataFrame, holds: np.ndarray, fixed: np.ndarray, split: int, label: int) -> UserError:
    n_pictures = int((table["label"] == LABELS[label]).sum())
    message = (
        f"the split {SPLITS[split]} would have no {LABELS[label]} picture: the {n_pictures} {LABELS[label]} "
        f"pictures of the training collections make {int(holds[:, label].sum())} groups that share no source"
    )
    if fixed.any():
        message += f", {int(fixed.sum())} of them too large for validation and test"
    return UserError(
        f"{message}. Each of train, validation and test needs both classes: add {LABELS[label]} pictures "
        "from other sources, give validation and test other shares (split.shares), or take split=random, "
        "whose figures leak"
    )
