"""Splits by groups, and the classic one by single pictures.

A unit (a group, or for `random` a single picture) falls where a hash of the seed and its name falls among
the cumulative shares. So where it goes depends on nothing but itself: pictures that are added later move no
old one, unless they join its group; and every label, collection and subset is dealt in the same shares,
up to chance. A rule that made the shares exact would have to move old pictures for each new one.
"""

import numpy as np
import pandas as pd

from pipeline.errors import UserError
from pipeline.manifests.dealt import Dealt, all_used
from pipeline.manifests.positions import TRAIN, Line
from pipeline.manifests.tables import LABELS, SPLITS

PAIR = 2  # a genuine picture and its fake: never too large a group, however few pictures there are


def deal_groups(table: pd.DataFrame, line: Line, seed: int) -> Dealt:
    """Deal whole groups; one that is larger than validation or test should be goes to training.

    Such a group is the only one that pictures added elsewhere can move: when it is too large no more.

    Args:
        table: columns `label` and `group`.
        line: shares of the splits.
        seed: of the hash.

    Raises:
        UserError: a split that has a share cannot have pictures of both classes.
    """
    return all_used(place_groups(table, line, seed, np.zeros(len(table), dtype=bool)))


def place_groups(table: pd.DataFrame, line: Line, seed: int, trained: np.ndarray) -> np.ndarray:
    """Deal whole groups as `deal_groups` does, those that hold a picture in `trained` (n,) to training."""
    unit, names = pd.factorize(table["group"])
    fixed = too_large(np.bincount(unit, minlength=len(names)), line, len(table))
    fixed[unit[trained]] = True
    positions = line.positions(seed, names)
    places = np.where(fixed, TRAIN, line.places(positions))
    return _fill_classes(table, unit, places, positions, fixed, line)[unit]


def deal_pictures(table: pd.DataFrame, line: Line, seed: int) -> Dealt:
    """Deal each picture by itself, the classic way: what a fake was made from may lie on the other side.

    The ending is left out of the hash, so that another conversion deals alike.

    Args:
        table: columns `path` and `label`.
        line: shares of the splits.
        seed: of the hash.

    Raises:
        UserError: as `deal_groups`.
    """
    names = table["path"].str.replace(r"\.[^./]*$", "", regex=True)
    positions = line.positions(seed, names)
    unit = np.arange(len(table))
    fixed = np.zeros(len(table), dtype=bool)
    return all_used(_fill_classes(table, unit, line.places(positions), positions, fixed, line))


def too_large(sizes: np.ndarray, line: Line, n_pictures: int) -> np.ndarray:
    """Say which units of so many pictures are too large for validation and test."""
    return sizes > max(PAIR, line.largest_unit * n_pictures)


def _fill_classes(
    table: pd.DataFrame,
    unit: np.ndarray,
    places: np.ndarray,
    positions: np.ndarray,
    fixed: np.ndarray,
    line: Line,
) -> np.ndarray:
    """Move single units into splits that chance left without one of the classes.

    Only small sets need this: each such move takes the unit whose hash lies nearest to where the split
    begins or ends, from a split that keeps a unit of each class.

    Raises:
        UserError: there is no unit left to move.
    """
    holds = _classes_of_units(table, unit, len(places))
    bounds = line.bounds
    while True:  # each move fills a gap and opens none, so there are at most six
        counts = _units_by_split(holds, places)
        gaps = np.argwhere((counts == 0) & (line.shares > 0)[:, None])
        if not len(gaps):
            return places
        split, label = gaps[-1]
        spare = np.all((counts[places] > 1) | ~holds, axis=1)
        candidates = np.flatnonzero(holds[:, label] & spare & ~fixed)
        if not len(candidates):
            raise _too_few(table, holds, fixed, split, label)
        distance = np.maximum(
            bounds[split] - positions[candidates], positions[candidates] - bounds[split + 1]
        )
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
