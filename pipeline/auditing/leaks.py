"""Checks 2 and 6 of an audit: what splits share and must not; labels and masks that cannot be right.

A relation is one way of being the same: in one group, identical bytes or pixels, or alike to look at. For
each tested split the pictures are counted that have such a relative among the training pictures, by the
label of both: a fake that was seen as a fake is remembered, one that was seen as genuine is a mistake.

The same picture under both labels teaches nothing but noise; an empty or inverted mask teaches the wrong
place. A fake that merely looks like a genuine picture is usual, since it was made from it: such a pair is
listed only where nothing in the names says so.

Pairs of pictures are (n, 2) indices of rows of the table of pictures.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.config import Compute
from pipeline.conversion.losses import sum_up_masks
from pipeline.datasets.near_duplicates import (
    CORRELATION,
    correlate,
    hash_numbers,
    near_pairs,
    read_thumbnails,
)
from pipeline.datasets.tables import ID_SEPARATOR, LABELS

MOST_ALIKE = 50  # pictures with one hash; more have it because they are flat, and it says nothing of them
MOST_PAIRS = 20_000  # compared on their pixels
LISTED = 50  # pictures and pairs that are named
TRAIN = "train"
TESTED = ("validation", "test", "elsewhere")
ALIKE = "alike to look at"
_RELATIONS = {
    "in one group": "group",
    "identical bytes": "source_sha256",
    "identical bytes once converted": "sha256",
    "identical pixels": "pixel_sha256",
}
_COUNTED = ["relation", "split", "label", "label_in_train", "pictures", "of"]
_NAMELESS = "bytes:"  # what the manifest begins the name of a group with where names tell no source
FULL = 0.99  # of the picture marked: the whole of it
_BORDER = 0.9  # of the outermost pixels marked, and more than half of all: inside and outside changed places
_AS_MASK = "as a mask of "  # how rejected.csv names a mask that could not be used


def find_alike(pictures: pd.DataFrame, differing: np.ndarray, compute: Compute) -> tuple[np.ndarray, int]:
    """Find pairs of pictures that look alike in some orientation and differ in a number.

    They are found and confirmed as the manifest does it when it groups pictures; what it has joined stands on
    one side of the split, unless the split was set otherwise.

    Args:
        pictures: columns `path`, relative to the current folder, `phash` and `phash_turned`.
        differing: (n,) numbers; a pair with the same one is not looked for.
        compute: where the candidates are read.

    Returns:
        pairs, and how many more pairs of like hashes there are than were compared.

    Raises:
        UserError: a candidate cannot be read.
    """
    common = pictures.groupby("phash")["phash"].transform("size") > MOST_ALIKE
    rows = np.flatnonzero(~common.to_numpy())
    if not len(rows):
        return np.empty((0, 2), np.intp), 0
    searched = pictures.iloc[rows]
    hashes = hash_numbers(searched["phash"], searched["phash_turned"])
    one, other, orientation = near_pairs(hashes[:, 0], hashes)
    unlike = differing[rows[one]] != differing[rows[other]]
    pairs = np.stack([rows[one], rows[other]], axis=1)[unlike]
    compared, indices = np.unique(pairs[:MOST_PAIRS], return_inverse=True)
    thumbnails = read_thumbnails(pictures["path"].iloc[compared].tolist(), Path(), compute)
    indices = indices.reshape(-1, 2)
    correlation = correlate(thumbnails, indices[:, 0], indices[:, 1], orientation[unlike][:MOST_PAIRS])
    alike = np.sort(pairs[:MOST_PAIRS][correlation >= CORRELATION], axis=1)
    # In several orientations it is one pair all the same.
    return np.unique(alike, axis=0), max(len(pairs) - MOST_PAIRS, 0)


def across(pairs: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the pairs whose pictures have unlike values of (n,).

    >>> across(np.array([[0, 1], [0, 2]]), np.array(["train", "train", "test"])).tolist()
    [[0, 2]]
    """
    return pairs[values[pairs[:, 0]] != values[pairs[:, 1]]]


def count_leaks(pictures: pd.DataFrame, alike: np.ndarray) -> pd.DataFrame:
    """Count tested pictures with a relative among the training pictures.

    Args:
        pictures: columns `split` (train, or one of `TESTED`), `label`, and those of the relations.
        alike: pairs of unlike splits.

    Returns:
        columns `relation`, `split`, `label`, `label_in_train`, `pictures` and `of`, the number of pictures of
        that split and label: one row a relation, split and pair of labels that some picture has.
    """
    of = {
        (split, label): ((pictures["split"] == split) & (pictures["label"] == label)).to_numpy()
        for split in (TRAIN, *TESTED)
        for label in LABELS
    }
    related = {
        (relation, label): pictures[column].isin(pictures.loc[of[TRAIN, label], column]).to_numpy()
        for relation, column in _RELATIONS.items()
        for label in LABELS
    }
    for label in LABELS:
        related[ALIKE, label] = np.zeros(len(pictures), dtype=bool)
        for pairs in (alike, alike[:, ::-1]):
            related[ALIKE, label][pairs[of[TRAIN, label][pairs[:, 1]], 0]] = True
    rows = [
        (relation, split, label, trained, int((of[split, label] & rows).sum()), int(of[split, label].sum()))
        for (relation, trained), rows in related.items()
        for split in TESTED
        for label in LABELS
    ]
    counted = pd.DataFrame(rows, columns=_COUNTED)
    return counted[counted["pictures"] > 0].reset_index(drop=True)


def groups_in_several_splits(pictures: pd.DataFrame) -> int:
    """Count the groups that are trained on and tested, or lie in two tested splits."""
    return int((pictures.groupby("group")["split"].nunique() > 1).sum())


def largest_groups(pictures: pd.DataFrame, n: int = 5) -> list[dict[str, Any]]:
    """List the groups with the most pictures.

    Returns:
        for each: `group`, `title` (its name, or a picture of it where that is but a hash), `pictures`,
        `fakes`, `share_of_fakes` (of all fakes) and `splits`.
    """
    fakes = int((pictures["label"] == "fake").sum())
    sizes = pictures["group"].value_counts()
    found = []
    for name in sorted(sizes.index, key=lambda name: (-sizes[name], name))[:n]:
        inside = pictures[pictures["group"] == name]
        n_fake = int((inside["label"] == "fake").sum())
        found.append(
            {
                "group": str(name),
                "title": f"that of {min(inside['path'])}" if str(name).startswith(_NAMELESS) else str(name),
                "pictures": len(inside),
                "fakes": n_fake,
                "share_of_fakes": n_fake / fakes if fakes else 0.0,
                "splits": sorted(inside["split"].unique()),
            }
        )
    return found


def list_pairs(pictures: pd.DataFrame, pairs: np.ndarray) -> list[dict[Any, Any]]:
    """List the first `LISTED` pairs: path, label and split of both."""
    columns = ["path", "label", "split"]
    one, other = (pictures.iloc[pairs[:LISTED, side]][columns].reset_index(drop=True) for side in (0, 1))
    return one.join(other.add_prefix("other_")).astype(str).to_dict("records")


def find_conflicts(pictures: pd.DataFrame, alike: np.ndarray, not_compared: int) -> dict[str, Any]:
    """Find pictures that are there under both labels.

    Args:
        pictures: columns `path`, `label`, `split`, `source_ids`, `source_sha256` and `pixel_sha256`.
        alike: pairs of unlike labels.
        not_compared: pairs besides them.

    Returns:
        `identical`: number of pictures whose pixels or bytes are there under the other label, and the first
        few of them; `alike`: number of pairs, of those that share no source id, and the first few of these.
    """
    identical = np.zeros(len(pictures), dtype=bool)
    for column in ("source_sha256", "pixel_sha256"):
        labels = pictures.groupby(column)["label"].transform("nunique")
        identical |= (labels > 1).to_numpy()
    sources = [set(filter(None, ids.split(ID_SEPARATOR))) for ids in pictures["source_ids"]]
    unlike_pixels = across(alike, pictures["pixel_sha256"].to_numpy())
    unexplained = [not sources[one] & sources[other] for one, other in unlike_pixels]
    named = pictures.loc[identical].sort_values(["pixel_sha256", "path"])[:LISTED]
    return {
        "identical": int(identical.sum()),
        "identical_pictures": named[["path", "label", "split"]].to_dict("records"),
        "alike": len(alike),
        "alike_unexplained": sum(unexplained),
        "alike_pairs": list_pairs(pictures, unlike_pixels[np.array(unexplained, dtype=bool)]),
        "alike_not_compared": not_compared,
    }


def check_masks(pictures: pd.DataFrame, shares: pd.DataFrame, rejected: pd.DataFrame) -> dict[str, Any]:
    """Look for masks that cannot be right.

    Args:
        pictures: columns `path`, `label`, `collection`, `mask_share` and `mask_background`.
        shares: of the same pictures: marked share of the `whole` and of the `border`, NaN without a mask.
        rejected: `rejected.csv`.

    Returns:
        `fakes`, `with_mask`, `median_share` of the picture that is marked; the paths of `empty`, `full` and
        `inverted` masks' pictures; `rejected` masks with their reasons; `read`: what was taken as background,
        see `pipeline.conversion.losses.sum_up_masks`.
    """
    masks = pictures[pictures["mask_share"] != ""]
    whole, paths = shares["whole"], pictures["path"].to_numpy()
    full = whole >= FULL
    inverted = (whole > 0.5) & (shares["border"] >= _BORDER) & ~full
    return {
        "fakes": int((pictures["label"] == "fake").sum()),
        "with_mask": int(whole.notna().sum()),
        "median_share": float(whole.median()) if whole.notna().any() else None,
        "empty": paths[whole == 0].tolist(),
        "full": paths[full].tolist(),
        "inverted": paths[inverted].tolist(),
        "rejected": rejected[rejected["reason"].str.startswith(_AS_MASK)].to_dict("records"),
        "read": sum_up_masks(
            zip(masks["collection"], masks["mask_background"], masks["mask_share"].astype(float), strict=True)
        ),
    }
