"""The split by source ids, for collections in which one group holds most fakes (`split=parents`).

Fakes that were made from two pictures tie these together, and in CASIA 2 three fifths of all fakes to one
another. So each source is dealt by itself, with all that was made from it alone; a fake of several sources
goes where they are, and is left out where they are on several sides.
"""

import numpy as np
import pandas as pd

from pipeline.manifests.by_group import too_large
from pipeline.manifests.dealt import LEFT_OUT, Dealt, check_classes
from pipeline.manifests.groups import (
    SAME_PICTURE,
    group_pictures,
    join,
    same_picture_relations,
    source_relation,
)
from pipeline.manifests.positions import TRAIN, Line
from pipeline.manifests.tables import ID_SEPARATOR, SPLITS

ON_SEVERAL_SIDES = "sources on several sides of the split"
_ADVICE = (
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
    check_classes(table, places, line.shares, _ADVICE)
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
