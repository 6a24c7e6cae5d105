"""Which split each picture is given, and why one is given none."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.errors import UserError
from pipeline.manifests.tables import LABELS, SPLITS

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
