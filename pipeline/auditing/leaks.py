"""Check 2 of an audit: what the tested pictures share with those that are trained on.

A relation is one way of being the same: in one group, identical bytes or pixels, or alike to look at. For
each tested split the pictures are counted that have such a relative among the training pictures, by the
label of both: a fake that was seen as a fake is remembered, one that was seen as genuine is a mistake.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.config import Compute
from pipeline.datasets.near_duplicates import (
    CORRELATION,
    correlate,
    hash_numbers,
    near_pairs,
    read_thumbnails,
)
from pipeline.datasets.tables import ID_SEPARATOR

# Pairs of pictures that look alike although something else about them differs: their split, or their label.
#
# Found and confirmed as the manifest does it when it groups pictures; what it has joined stands on one side
# of the split, unless the split was told otherwise. Here each pair counts, so that it can be named.
#

MOST_ALIKE = 50  # pictures with one hash; more have it because they are flat, and it says nothing of them
MOST_PAIRS = 20_000  # compared on their pixels


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
    hashes = hash_numbers(searched["phash"], searched["phash_turned"])
    one, other, orientation = near_pairs(hashes[:, 0], hashes)
    unlike = differing[places[one]] != differing[places[other]]
    pairs = np.stack([places[one], places[other]], axis=1)[unlike]
    compared, indices = np.unique(pairs[:MOST_PAIRS], return_inverse=True)
    thumbnails = read_thumbnails(pictures["path"].iloc[compared].tolist(), Path(), compute)
    indices = indices.reshape(-1, 2)
    correlation = correlate(thumbnails, indices[:, 0], indices[:, 1], orientation[unlike][:MOST_PAIRS])
    alike = np.sort(pairs[:MOST_PAIRS][correlation >= CORRELATION], axis=1)
    each = np.unique(alike, axis=0)  # in several orientations is one pair all the same
    return Pairs(each[:, 0], each[:, 1], max(len(pairs) - MOST_PAIRS, 0))


TRAIN = "train"
TESTED = ("validation", "test", "elsewhere")
GROUP, BYTES, CONVERTED, PIXELS, ALIKE = (
    "in one group",
    "identical bytes",
    "identical bytes once converted",
    "identical pixels",
    "alike to look at",
)
_COLUMN = {GROUP: "group", BYTES: "source_sha256", CONVERTED: "sha256", PIXELS: "pixel_sha256"}
COLUMNS = ["relation", "split", "label", "label_in_train", "pictures", "of"]
LISTED = 50  # pairs that are named
_NAMELESS = "bytes:"  # what the manifest begins the name of a group with where names tell no source


def count_leaks(pictures: pd.DataFrame, alike: Pairs) -> pd.DataFrame:
    """Count tested pictures with a relative among the training pictures.

    Args:
        pictures: columns `split` (train, or one of `TESTED`), `label`, and those of the relations.
        alike: pairs of places in `pictures`, of unlike splits.

    Returns:
        `COLUMNS`: one row a relation, split and pair of labels that some picture has; `of` is the number of
        pictures of that split and label.
    """
    rows: list[dict[str, Any]] = []
    for relation, column in _COLUMN.items():
        keys = pictures[column]
        for label in ("genuine", "fake"):
            trained = keys[(pictures["split"] == TRAIN) & (pictures["label"] == label)]
            rows += _rows(relation, pictures, keys.isin(trained).to_numpy(), label)
    for label in ("genuine", "fake"):
        related = np.zeros(len(pictures), dtype=bool)
        of_label = ((pictures["split"] == TRAIN) & (pictures["label"] == label)).to_numpy()
        for one, other in ((alike.one, alike.other), (alike.other, alike.one)):
            related[one[of_label[other]]] = True
        rows += _rows(ALIKE, pictures, related, label)
    return pd.DataFrame(rows, columns=COLUMNS)


def groups_in_several_splits(pictures: pd.DataFrame) -> int:
    """Count the groups that are trained on and tested, or lie in two tested splits."""
    return int((pictures.groupby("group")["split"].nunique() > 1).sum())


def largest_groups(pictures: pd.DataFrame, n: int = 5) -> list[dict[str, Any]]:
    """Give the groups with the most pictures.

    Returns:
        for each: `group`, `title` (its name, or a picture of it where that is but a hash), `pictures`,
        `fakes`, `share_of_fakes` (of all fakes) and `splits`.
    """
    fakes = int((pictures["label"] == "fake").sum())
    sizes = pictures["group"].value_counts()
    largest = sorted(sizes.index, key=lambda name: (-sizes[name], name))[:n] if len(sizes) else []
    found = []
    for name in largest:
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


def list_pairs(
    pictures: pd.DataFrame, pairs: Pairs, chosen: Sequence[int] | np.ndarray
) -> list[dict[str, str]]:
    """Name the first `LISTED` of the chosen pairs: path, label and split of both."""
    listed = []
    for at in np.asarray(chosen, dtype=np.intp)[:LISTED]:
        one, other = (pictures.iloc[int(places[at])] for places in (pairs.one, pairs.other))
        listed.append(
            {
                "path": str(one["path"]),
                "label": str(one["label"]),
                "split": str(one["split"]),
                "other_path": str(other["path"]),
                "other_label": str(other["label"]),
                "other_split": str(other["split"]),
            }
        )
    return listed


def _rows(relation: str, pictures: pd.DataFrame, related: np.ndarray, trained: str) -> list[dict[str, Any]]:
    """Count the related pictures of each tested split and label, those that there are."""
    rows = []
    for split in TESTED:
        for label in ("genuine", "fake"):
            tested = ((pictures["split"] == split) & (pictures["label"] == label)).to_numpy()
            count = int((tested & related).sum())
            if count:
                rows.append(
                    dict(
                        zip(COLUMNS, (relation, split, label, trained, count, int(tested.sum())), strict=True)
                    )
                )
    return rows


# Check 6 of an audit: labels and masks that cannot be right.
#
# The same picture under both labels teaches nothing but noise; an empty or inverted mask teaches the wrong
# place. A fake that merely looks like a genuine picture is usual, since it was made from it: such a pair is
# listed only where nothing in the names says so.
#

FULL = 0.99  # of the picture marked: the whole of it
_BORDER = 0.9  # of the outermost pixels marked, and more than half of all: inside and outside changed places
_AS_MASK = "as a mask of "  # how rejected.csv names a mask that could not be used


def find_conflicts(pictures: pd.DataFrame, alike: Pairs) -> dict[str, Any]:
    """Find pictures that are there under both labels.

    Args:
        pictures: columns `path`, `label`, `split`, `source_ids`, `source_sha256` and `pixel_sha256`.
        alike: pairs of places in `pictures`, of unlike labels.

    Returns:
        `identical`: number of pictures whose pixels or bytes are there under the other label, and the first
        few of them; `alike`: number of pairs, of those that share no source id, and the first few of these.
    """
    identical = np.zeros(len(pictures), dtype=bool)
    for column in ("source_sha256", "pixel_sha256"):
        labels = pictures.groupby(column)["label"].transform("nunique")
        identical |= (labels > 1).to_numpy()
    sources = [set(filter(None, ids.split(ID_SEPARATOR))) for ids in pictures["source_ids"]]
    same_pixels = pictures["pixel_sha256"].to_numpy()
    unexplained = [
        at
        for at, (one, other) in enumerate(zip(alike.one, alike.other, strict=True))
        if not sources[one] & sources[other] and same_pixels[one] != same_pixels[other]
    ]
    named = pictures.loc[identical].sort_values(["pixel_sha256", "path"])
    return {
        "identical": int(identical.sum()),
        "identical_pictures": [
            {"path": row.path, "label": row.label, "split": row.split} for row in named[:LISTED].itertuples()
        ],
        "alike": len(alike.one),
        "alike_unexplained": len(unexplained),
        "alike_pairs": list_pairs(pictures, alike, unexplained),
        "alike_not_compared": alike.not_compared,
    }


def check_masks(pictures: pd.DataFrame, shares: pd.DataFrame, rejected: pd.DataFrame) -> dict[str, Any]:
    """Look for masks that cannot be right.

    Args:
        pictures: columns `path`, `label` and `mask_path`.
        shares: of the same pictures: marked share of the `whole` and of the `border`, NaN without a mask.
        rejected: `rejected.csv`.

    Returns:
        `fakes`, `with_mask`, `median_share` of the picture that is marked; the paths of `empty`, `full` and
        `inverted` masks' pictures; `rejected` masks with their reasons.
    """
    whole, border = shares["whole"].to_numpy(), shares["border"].to_numpy()
    there = ~np.isnan(whole)
    full = whole >= FULL
    inverted = (whole > 0.5) & (border >= _BORDER) & ~full
    paths = pictures["path"].to_numpy()
    refused = rejected[rejected["reason"].str.startswith(_AS_MASK)]
    return {
        "fakes": int((pictures["label"] == "fake").sum()),
        "with_mask": int(there.sum()),
        "median_share": float(np.median(whole[there])) if there.any() else None,
        "empty": paths[whole == 0].tolist(),
        "full": paths[full].tolist(),
        "inverted": paths[inverted].tolist(),
        "rejected": refused.to_dict("records"),
    }
