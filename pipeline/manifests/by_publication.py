"""The split that the authors of a dataset published (`split=official`)."""

import numpy as np
import pandas as pd

from pipeline.errors import UserError
from pipeline.manifests.by_group import place_groups
from pipeline.manifests.dealt import LEFT_OUT, Dealt, check_classes
from pipeline.manifests.positions import TEST, TRAIN, VALIDATION, Line
from pipeline.manifests.tables import SPLITS

NOT_LISTED = "on no side of the official split"
_ADVICE = "see the folders and lists of data.collections.<name>.official, or take split=grouped"


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
    check_classes(table, places, np.ones(len(SPLITS)), _ADVICE)
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
