"""Pairs of pictures that look alike although something else about them differs: their split, or their label.

Found and confirmed as the manifest does it when it groups pictures; what it has joined stands on one side of
the split, unless the split was told otherwise. Here each pair counts, so that it can be named.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.config import Compute
from pipeline.manifests.hash_search import near_pairs
from pipeline.manifests.look_alikes import CORRELATION, pose_hashes, standardised, turned_by
from pipeline.manifests.thumbnails import read_thumbnails

MOST_ALIKE = 50  # pictures with one hash; more have it because they are flat, and it says nothing of them
MOST_PAIRS = 20_000  # compared on their pixels
_COMPARED = 1 << 12  # at a time


class Pairs(NamedTuple):
    """Pairs of pictures.

    Attributes:
        one: (n,) places in the table.
        other: (n,) likewise.
        not_compared: how many more pairs of like hashes there are than were compared.
    """

    one: np.ndarray
    other: np.ndarray
    not_compared: int


def find_alike(pictures: pd.DataFrame, differing: np.ndarray, compute: Compute) -> Pairs:
    """Find pairs of pictures that look alike in some pose and differ in a number.

    Args:
        pictures: columns `path`, relative to the current folder, `phash` and `phash_turned`.
        differing: (n,) numbers; a pair with the same one is not looked for.
        compute: where the candidates are read.

    Raises:
        UserError: a candidate cannot be read.
    """
    common = pictures.groupby("phash")["phash"].transform("size") > MOST_ALIKE
    places = np.flatnonzero(~common.to_numpy())
    if not len(places):
        return Pairs(places, places, 0)
    searched = pictures.iloc[places]
    hashes = pose_hashes(searched["phash"], searched["phash_turned"])
    one, other, pose = near_pairs(hashes[:, 0], hashes)
    candidates = np.stack([places[one], places[other], pose], axis=1)
    candidates = candidates[differing[candidates[:, 0]] != differing[candidates[:, 1]]]
    compared = candidates[:MOST_PAIRS]
    alike = compared[_correlate(pictures, compared, compute) >= CORRELATION]
    each = np.unique(np.sort(alike[:, :2], axis=1), axis=0)  # in several poses is one pair all the same
    return Pairs(each[:, 0], each[:, 1], len(candidates) - len(compared))


def _correlate(pictures: pd.DataFrame, pairs: np.ndarray, compute: Compute) -> np.ndarray:
    """Correlate the small grey versions of pairs: (n, 3) places and poses -> (n,)."""
    needed, numbers = np.unique(pairs[:, :2], return_inverse=True)
    paths = pictures["path"].iloc[needed].tolist()
    small = read_thumbnails(paths, Path(), compute)
    numbers = numbers.reshape(-1, 2)
    found = np.zeros(len(pairs), dtype=np.float32)
    for pose in np.unique(pairs[:, 2]):
        chosen = np.flatnonzero(pairs[:, 2] == pose)
        for start in range(0, len(chosen), _COMPARED):
            part = chosen[start : start + _COMPARED]
            upright = standardised(small[numbers[part, 0]])
            turned = standardised(turned_by(small[numbers[part, 1]], int(pose)))
            found[part] = np.einsum("np,np->n", upright, turned)
    return found
