"""How pictures are dealt to training, validation and test: the methods by name."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from pipeline import config
from pipeline.datasets.groups import (
    SAME_PICTURE,
    group_pictures,
    join,
    same_picture_relations,
    source_relation,
)
from pipeline.datasets.hash_split import (
    LEFT_OUT,
    TEST,
    TRAIN,
    VALIDATION,
    Dealt,
    Line,
    all_used,
    check_classes,
    line_of,
)
from pipeline.datasets.tables import ID_SEPARATOR, LABELS, SPLITS
from pipeline.errors import UserError

# Splits by groups, and the classic one by single pictures.
#
# A unit (a group, or for `random` a single picture) falls where a hash of the seed and its name falls among
# the cumulative shares. So where it goes depends on nothing but itself: pictures that are added later move
# no old one, unless they join its group; and every label, collection and subset is dealt in the same
# shares, up to chance. A rule that made the shares exact would have to move old pictures for each new one.
#

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


# The split by source ids, for collections in which one group holds most fakes (`split=parents`).
#
# Fakes that were made from two pictures tie these together, and in CASIA 2 three fifths of all fakes to one
# another. So each source is dealt by itself, with all that was made from it alone; a fake of several
# sources goes where they are, and is left out where they are on several sides.
#

ON_SEVERAL_SIDES = "sources on several sides of the split"
_PARENTS_ADVICE = (
    "add pictures from other sources, give validation and test larger shares (split.shares), or take "
    "split=grouped"
)


def deal_sources(table: pd.DataFrame, line: Line, seed: int) -> Dealt:
    """Deal sources, each with the pictures made from it alone, and then the fakes of several sources.

    Pictures that are the same file or show the same stay on one side: sources of which that is so are dealt
    as one, and a fake of several sources is left out if it would be torn from one that shows the same.

    Args:
        table: columns `label`, `source_ids`, the hashes by which pictures are the same, and `look`.
        line: shares of the splits.
        seed: of the hash.

    Raises:
        UserError: a split that has a share lacks a class.
    """
    table = table[["label", "source_ids", *SAME_PICTURE, "look"]].reset_index(drop=True)
    same = join(len(table), same_picture_relations(table, table["look"].to_numpy()))
    single = ~table["source_ids"].str.contains(ID_SEPARATOR, regex=False).to_numpy()
    units = group_pictures(table[single], same[single])
    side_of_unit = _deal_units(units, line, seed, len(table))
    rows, sides = _sides(table, single, units, side_of_unit, line, seed)
    lowest = np.full(same.max(initial=-1) + 1, len(SPLITS))
    highest = np.full(len(lowest), -1)
    np.minimum.at(lowest, same[rows], sides)
    np.maximum.at(highest, same[rows], sides)
    torn = ~single & (lowest[same] != highest[same])
    places = np.where(torn, LEFT_OUT, highest[same])
    places[single] = side_of_unit.loc[units]
    check_classes(table, places, line.shares, _PARENTS_ADVICE)
    reasons = np.where(torn, ON_SEVERAL_SIDES, "").astype(object)
    return Dealt(places, reasons, _details(table, torn, rows, sides))


def _deal_units(units: np.ndarray, line: Line, seed: int, n_pictures: int) -> pd.Series:
    """Give the side of each unit, by name."""
    numbers, names = pd.factorize(pd.Series(units, dtype=object))
    large = too_large(np.bincount(numbers, minlength=len(names)), line, n_pictures)
    return pd.Series(np.where(large, TRAIN, _places(names, line, seed)), index=names)


def _places(names: pd.Index, line: Line, seed: int) -> np.ndarray:
    # A draw of its own: a source does not go where split=grouped sends the group that is named after it.
    return line.places(line.positions(seed, pd.Index([f"parents:{name}" for name in names], dtype=object)))


def _sides(
    table: pd.DataFrame,
    single: np.ndarray,
    units: np.ndarray,
    side_of_unit: pd.Series,
    line: Line,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Give rows of the table with the side of each of their sources; some rows come several times."""
    of_single = np.flatnonzero(single)
    alone, several = source_relation(table[single]), source_relation(table[~single])
    sources, first = np.unique(alone.keys.astype(object), return_index=True)
    found = pd.Index(sources, dtype=object).get_indexer(pd.Index(several.keys, dtype=object))
    # A source of which nothing else is there is a unit by itself.
    named = several.keys.astype(object)
    named[found >= 0] = units[alone.rows[first[found[found >= 0]]]]
    distinct = pd.Index(named, dtype=object).unique()
    unknown = distinct[~distinct.isin(side_of_unit.index)]
    side_of = pd.concat([side_of_unit, pd.Series(_places(unknown, line, seed), index=unknown)])
    rows = np.concatenate([of_single, np.flatnonzero(~single)[several.rows]])
    sides = np.concatenate([side_of_unit.loc[units], side_of.loc[named]])
    return rows, sides.astype(np.int64)


def _details(table: pd.DataFrame, torn: np.ndarray, rows: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Say on which sides the sources of each picture that is left out are."""
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
#

NOT_LISTED = "on no side of the official split"
_OFFICIAL_ADVICE = "see the folders and lists of data.collections.<name>.official, or take split=grouped"


def deal_official(table: pd.DataFrame, line: Line, seed: int) -> Dealt:
    """Put each picture where its authors put it.

    Where a collection has no validation pictures, some are taken from its training pictures: whole groups,
    in proportion to the shares. Whatever the official split leaks stays; it is counted.

    Args:
        table: columns `label`, `group`, `collection` and `official`.
        line: shares of the splits, of which those of training and validation count.
        seed: of the hash.

    Raises:
        UserError: a collection has no official split, or a side lacks a class.
    """
    if line.folds is not None:
        raise UserError(
            f"split.folds is {line.folds}, but an official split has none; set split.folds=null, or take "
            "split=grouped"
        )
    numbers = {name: place for place, name in enumerate(SPLITS)}
    listed = table["official"].map(numbers).fillna(LEFT_OUT).to_numpy(dtype=np.int64)
    for collection, rows in table.groupby("collection"):
        if (rows["official"] == "").all():
            raise UserError(
                f"the pictures of collection {collection} are on no side of an official split; name its "
                f"folders or lists in data.collections.{collection}.official, set "
                f"data.collections.{collection}.role=test, or take split=grouped"
            )
    places = _with_validation(table, listed, line, seed)
    check_classes(table, places, np.ones(len(SPLITS)), _OFFICIAL_ADVICE)
    reasons = np.where(places == LEFT_OUT, NOT_LISTED, "").astype(object)
    return Dealt(places, reasons, np.full(len(table), "", dtype=object))


def _with_validation(table: pd.DataFrame, places: np.ndarray, line: Line, seed: int) -> np.ndarray:
    """Take validation pictures from the training pictures of the collections that have none."""
    has_validation = table["collection"][places == VALIDATION].unique()
    lacking = ~table["collection"].isin(has_validation).to_numpy()
    training = places == TRAIN
    chosen = training & lacking
    if not chosen.any():
        return places
    shares = np.where(np.arange(len(SPLITS)) == TEST, 0.0, line.shares)
    relatives = table["group"][training & ~lacking]  # a group must not be torn between collections
    held = table["group"][chosen].isin(relatives).to_numpy()
    places = places.copy()
    places[chosen] = place_groups(table[chosen], Line(shares / shares.sum()), seed, held)
    return places


Dealer = Callable[[pd.DataFrame, Line, int], Dealt]
METHODS: dict[str, Dealer] = {
    "grouped": deal_groups,
    "parents": deal_sources,
    "official": deal_official,
    "random": deal_pictures,
}


def deal(table: pd.DataFrame, split: config.Split, seed: int) -> Dealt:
    """Give each picture of the training collections its split.

    Args:
        table: rows of `files.csv` with the columns `group` and `look`; each method names those it needs.
        split: method, shares and folds.
        seed: of the hash.

    Raises:
        UserError: a split that has a share cannot have pictures of both classes.
    """
    return METHODS[split.method](table, line_of(split), seed)
