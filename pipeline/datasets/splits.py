"""Which side of the split each picture is assigned to: the methods by name.

A unit (a group, or for `random` a single picture) is assigned by a hash of the seed and its name, which
falls into the range of training, validation or test. So its side depends on nothing but itself: pictures
that are added later move no old one, unless they join its group; and every label, collection and subset is
split in the same shares, up to chance. A rule that made the shares exact would have to move old pictures
for each new one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline import config_data
from pipeline.datasets.groups import (
    SAME_PICTURE,
    group_pictures,
    join,
    same_picture_relations,
    source_relation,
)
from pipeline.datasets.tables import ID_SEPARATOR, LABELS, SPLITS
from pipeline.errors import UserError, counted

TRAIN, VALIDATION, TEST = range(len(SPLITS))
LEFT_OUT = -1  # on no side
ON_SEVERAL_SIDES = "sources on several sides of the split"
NOT_LISTED = "on no side of the official split"
PAIR = 2  # a genuine picture and its fake: never too large a group, however few pictures there are


class Assignment(NamedTuple):
    """The outcome of a split."""

    sides: np.ndarray  # (n,) TRAIN, VALIDATION, TEST or LEFT_OUT
    reasons: np.ndarray  # (n,) why a picture is left out, in the same words for all of its kind; else ""
    details: np.ndarray  # (n,) what it is about this one; may be ""


def assign(table: pd.DataFrame, split: config_data.Split, seed: int) -> Assignment:
    """Assign each picture of the training collections to a side.

    Args:
        table: rows of `files.csv` with `group` and `duplicates`; each method names the columns that it needs.
        split: method, shares and folds.
        seed: of the hash.

    Raises:
        UserError: a split that has a share cannot have pictures of both classes.
    """
    return METHODS[split.method](table, hash_split_of(split), seed)


@dataclass(frozen=True)
class HashSplit:
    """Ranges of [0, 1) for training, validation and test, in this order, and which hash falls into which.

    With `folds` hashes are shifted around, so that each fold tests other ones and all folds test each once.
    """

    shares: np.ndarray  # (3,) lengths of the ranges; they add up to 1
    folds: int | None = None  # how many; None: hashes stay as they are
    fold: int = 0  # which of them, from 0

    def hashes(self, seed: int, names: pd.Index | pd.Series) -> np.ndarray:
        """Return the hash of each name, shifted by the fold, in [0, 1)."""
        plain = unit_hashes(seed, names)
        if self.folds is None:
            return plain
        tested = np.floor(plain * self.folds) == self.fold
        shifted = (plain - (self.fold + 1) / self.folds) % 1
        edge = self.bounds[TEST]
        # Rounding must not put a name that lies on the edge into two folds, or into none.
        return np.where(tested, np.maximum(shifted, edge), np.minimum(shifted, np.nextafter(edge, 0)))

    def sides(self, hashes: np.ndarray) -> np.ndarray:
        """Look hashes up: TRAIN, VALIDATION or TEST; the last with a share takes what rounding leaves."""
        last = int(np.flatnonzero(self.shares > 0)[-1])
        return np.minimum(np.searchsorted(self.bounds[1:], hashes, side="right"), last)

    def too_large(self, sizes: np.ndarray, n_pictures: int) -> np.ndarray:
        """Tell which units of so many pictures are larger than validation or test should be."""
        held_out = self.shares[[VALIDATION, TEST]]
        return sizes > max(PAIR, float(held_out[held_out > 0].min(initial=1.0)) * n_pictures)

    @property
    def bounds(self) -> np.ndarray:
        """(4,) where the ranges begin, and 1."""
        return np.concatenate([[0.0], np.cumsum(self.shares)])


def hash_split_of(split: config_data.Split) -> HashSplit:
    """Return the ranges of a split; with folds, validation and training share what is not tested."""
    shares = np.array([split.shares[name] for name in SPLITS], dtype=np.float64)
    if split.folds is None:
        return HashSplit(shares)
    kept = shares[:TEST] / shares[:TEST].sum() * (1 - 1 / split.folds)
    return HashSplit(np.array([*kept, 1 / split.folds]), split.folds, split.fold)


def unit_hashes(seed: int, names: pd.Index | pd.Series) -> np.ndarray:
    """Hash names into [0, 1), the same on every machine and in every version of the libraries.

    >>> unit_hashes(20, pd.Index(["casia:ani1", "casia:ani2"])).round(3)
    array([0.559, 0.752])
    """
    key = seed.to_bytes(8, "little")
    digests = b"".join(blake2b(name.encode("utf-8"), digest_size=8, key=key).digest() for name in names)
    return (np.frombuffer(digests, dtype="<u8") >> np.uint64(11)) * 2.0**-53


# By groups (`split=grouped`), and the classic one by single pictures (`split=random`).


def assign_groups(table: pd.DataFrame, split: HashSplit, seed: int) -> Assignment:
    """Assign whole groups; one that is larger than validation or test should be goes to training.

    Such a group is the only one that pictures added elsewhere can move: when it is too large no more.
    Needs the columns `label` and `group`.
    """
    return _all_used(_sides_of_groups(table, split, seed, np.zeros(len(table), dtype=bool)))


def _sides_of_groups(table: pd.DataFrame, split: HashSplit, seed: int, trained: np.ndarray) -> np.ndarray:
    """Assign whole groups, those that hold a picture in `trained` (n,) to training."""
    unit, names = pd.factorize(table["group"])
    fixed = split.too_large(np.bincount(unit, minlength=len(names)), len(table))
    fixed[unit[trained]] = True
    hashes = split.hashes(seed, names)
    sides = np.where(fixed, TRAIN, split.sides(hashes))
    return _fill_classes(table, unit, sides, hashes, fixed, split)[unit]


def assign_pictures(table: pd.DataFrame, split: HashSplit, seed: int) -> Assignment:
    """Assign each picture by itself, the classic way: what a fake was made from may lie on the other side.

    The ending is left out of the hash, so that another conversion is split alike. Needs the columns `path`
    and `label`.
    """
    hashes = split.hashes(seed, table["path"].str.replace(r"\.[^./]*$", "", regex=True))
    fixed = np.zeros(len(table), dtype=bool)
    return _all_used(_fill_classes(table, np.arange(len(table)), split.sides(hashes), hashes, fixed, split))


def _all_used(sides: np.ndarray) -> Assignment:
    nothing = np.full(len(sides), "", dtype=object)
    return Assignment(sides, nothing, nothing)


def _fill_classes(
    table: pd.DataFrame,
    unit: np.ndarray,
    sides: np.ndarray,
    hashes: np.ndarray,
    fixed: np.ndarray,
    split: HashSplit,
) -> np.ndarray:
    """Move single units to sides that chance left without one of the classes, or raise UserError.

    Only small sets need this: each such move takes the unit whose hash lies nearest to where the range of the
    side begins or ends, from a side that keeps a unit of each class.
    """
    holds = np.zeros((len(sides), len(LABELS)), dtype=bool)  # which labels each unit holds
    for column, label in enumerate(LABELS):
        holds[unit[(table["label"] == label).to_numpy()], column] = True
    bounds = split.bounds
    while True:  # each move fills a gap and opens none, so there are at most six
        counts = np.stack([holds[sides == side].sum(axis=0) for side in range(len(SPLITS))])
        gaps = np.argwhere((counts == 0) & (split.shares > 0)[:, None])
        if not len(gaps):
            return sides
        side, label = gaps[-1]
        spare = np.all((counts[sides] > 1) | ~holds, axis=1)
        candidates = np.flatnonzero(holds[:, label] & spare & ~fixed)
        if not len(candidates):
            raise _too_few(table, holds, fixed, side, label)
        distance = np.maximum(bounds[side] - hashes[candidates], hashes[candidates] - bounds[side + 1])
        sides = sides.copy()
        sides[candidates[np.argmin(distance)]] = side


def _too_few(table: pd.DataFrame, holds: np.ndarray, fixed: np.ndarray, side: int, label: int) -> UserError:
    n_pictures = int((table["label"] == LABELS[label]).sum())
    message = (
        f"the split {SPLITS[side]} would have no {LABELS[label]} picture: the {n_pictures} {LABELS[label]} "
        f"pictures of the training collections make {counted(int(holds[:, label].sum()), 'group')} that "
        "share no source"
    )
    if fixed.any():
        message += f", {int(fixed.sum())} of them too large for validation and test"
    return UserError(
        f"{message}. Each of train, validation and test needs both classes: add {LABELS[label]} pictures "
        "from other sources, give validation and test other shares (split.shares), or take split=random, "
        "whose figures leak"
    )


def _check_classes(table: pd.DataFrame, sides: np.ndarray, shares: np.ndarray, advice: str) -> None:
    """Raise UserError where a side that has a share lacks a class."""
    for side in np.flatnonzero(shares > 0):
        for label in LABELS:
            if not (table["label"].to_numpy()[sides == side] == label).any():
                n_pictures = int((table["label"] == label).sum())
                raise UserError(
                    f"the split {SPLITS[side]} would have no {label} picture, of {n_pictures} in the "
                    f"training collections; each of train, validation and test needs both classes: {advice}"
                )


# By source ids, for collections in which one group holds most fakes (`split=parents`). Fakes that were
# made from two pictures tie these together, and in CASIA 2 three fifths of all fakes to one another. So
# each source is assigned by itself, with all that was made from it alone; a fake of several sources goes
# where they are, and is left out where they are on several sides.


def assign_sources(table: pd.DataFrame, split: HashSplit, seed: int) -> Assignment:
    """Assign sources, each with the pictures made from it alone, and then the fakes of several sources.

    Pictures that are the same file or near-duplicates stay on one side: sources of which that is so are
    assigned as one, and a fake of several sources is left out if it would be torn from a near-duplicate.
    Needs the columns `label`, `source_ids`, the hashes by which pictures are the same, and `duplicates`.
    """
    table = table[["label", "source_ids", *SAME_PICTURE, "duplicates"]].reset_index(drop=True)
    same = join(len(table), same_picture_relations(table, table["duplicates"].to_numpy()))
    single = ~table["source_ids"].str.contains(ID_SEPARATOR, regex=False).to_numpy()
    units = group_pictures(table[single], same[single])
    numbers, names = pd.factorize(pd.Series(units, dtype=object))
    large = split.too_large(np.bincount(numbers, minlength=len(names)), len(table))
    side_of_unit = pd.Series(np.where(large, TRAIN, _sides_of_sources(names, split, seed)), index=names)
    rows, sides = _sides_by_source(table, single, units, side_of_unit, split, seed)
    lowest = np.full(same.max(initial=-1) + 1, len(SPLITS))
    highest = np.full(len(lowest), -1)
    np.minimum.at(lowest, same[rows], sides)
    np.maximum.at(highest, same[rows], sides)
    torn = ~single & (lowest[same] != highest[same])
    assigned = np.where(torn, LEFT_OUT, highest[same])
    assigned[single] = side_of_unit.loc[units]
    advice = (
        "add pictures from other sources, give validation and test larger shares (split.shares), or take "
        "split=grouped"
    )
    _check_classes(table, assigned, split.shares, advice)
    reasons = np.where(torn, ON_SEVERAL_SIDES, "").astype(object)
    return Assignment(assigned, reasons, _list_sides(table, torn, rows, sides))


def _sides_of_sources(names: pd.Index, split: HashSplit, seed: int) -> np.ndarray:
    # A hash of its own: a source does not go where split=grouped sends the group that is named after it.
    return split.sides(split.hashes(seed, "parents:" + names))


def _sides_by_source(
    table: pd.DataFrame,
    single: np.ndarray,
    units: np.ndarray,
    side_of_unit: pd.Series,
    split: HashSplit,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of the table with the side of each of their sources; some rows come several times."""
    alone, several = source_relation(table[single]), source_relation(table[~single])
    sources, first = np.unique(alone.keys.astype(object), return_index=True)
    known = pd.Index(sources, dtype=object).get_indexer(pd.Index(several.keys, dtype=object))
    # A source of which nothing else is there is a unit by itself.
    named = several.keys.astype(object)
    named[known >= 0] = units[alone.rows[first[known[known >= 0]]]]
    distinct = pd.Index(named, dtype=object).unique()
    unknown = distinct[~distinct.isin(side_of_unit.index)]
    side_of = pd.concat([side_of_unit, pd.Series(_sides_of_sources(unknown, split, seed), index=unknown)])
    rows = np.concatenate([np.flatnonzero(single), np.flatnonzero(~single)[several.rows]])
    sides = np.concatenate([side_of_unit.loc[units], side_of.loc[named]])
    return rows, sides.astype(np.int64)


def _list_sides(table: pd.DataFrame, torn: np.ndarray, rows: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Write down on which sides the sources of each picture that is left out are."""
    details = np.full(len(table), "", dtype=object)
    chosen = torn[rows]
    if not chosen.any():
        return details
    names = pd.Series(np.array(SPLITS, dtype=object)[sides[chosen]])
    ids = table["source_ids"].iloc[np.flatnonzero(torn)].str.split(ID_SEPARATOR).explode()
    # Both go through the pictures in order, and through the sources of each in the order of its ids.
    words = pd.Series(ids.to_numpy() + np.array(" in ", dtype=object) + names.to_numpy(), index=ids.index)
    joined = words.groupby(level=0).agg(", ".join)
    details[joined.index] = joined
    return details


# The split that the authors of a dataset published (`split=official`).


def assign_official(table: pd.DataFrame, split: HashSplit, seed: int) -> Assignment:
    """Assign each picture to the side on which its authors have it.

    Where a collection has no validation pictures, some are taken from its training pictures: whole groups,
    in proportion to the shares. Whatever the official split leaks stays; it is counted. Needs the columns
    `label`, `group`, `collection` and `official`.

    Raises:
        UserError: a collection has no official split, or a side lacks a class.
    """
    if split.folds is not None:
        raise UserError(
            f"split.folds is {split.folds}, but an official split has none; set split.folds=null, or take "
            "split=grouped"
        )
    numbers = {name: side for side, name in enumerate(SPLITS)}
    listed = table["official"].map(numbers).fillna(LEFT_OUT).to_numpy(dtype=np.int64)
    for collection, rows in table.groupby("collection"):
        if (rows["official"] == "").all():
            raise UserError(
                f"the pictures of collection {collection} are on no side of an official split; name its "
                f"folders or lists in data.collections.{collection}.official, set "
                f"data.collections.{collection}.role=test, or take split=grouped"
            )
    sides = _with_validation(table, listed, split, seed)
    advice = "see the folders and lists of data.collections.<name>.official, or take split=grouped"
    _check_classes(table, sides, np.ones(len(SPLITS)), advice)
    reasons = np.where(sides == LEFT_OUT, NOT_LISTED, "").astype(object)
    return Assignment(sides, reasons, np.full(len(table), "", dtype=object))


def _with_validation(table: pd.DataFrame, sides: np.ndarray, split: HashSplit, seed: int) -> np.ndarray:
    """Take validation pictures from the training pictures of the collections that have none."""
    has_validation = table["collection"][sides == VALIDATION].unique()
    lacking = ~table["collection"].isin(has_validation).to_numpy()
    training = sides == TRAIN
    chosen = training & lacking
    if not chosen.any():
        return sides
    shares = np.where(np.arange(len(SPLITS)) == TEST, 0.0, split.shares)
    relatives = table["group"][training & ~lacking]  # a group must not be torn between collections
    held = table["group"][chosen].isin(relatives).to_numpy()
    sides = sides.copy()
    sides[chosen] = _sides_of_groups(table[chosen], HashSplit(shares / shares.sum()), seed, held)
    return sides


METHODS: dict[str, Callable[[pd.DataFrame, HashSplit, int], Assignment]] = {
    "grouped": assign_groups,
    "parents": assign_sources,
    "official": assign_official,
    "random": assign_pictures,
}
