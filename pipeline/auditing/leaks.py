"""Check 2 of an audit: what the tested pictures share with those that are trained on.

A relation is one way of being the same: in one group, identical bytes or pixels, or alike to look at. For
each tested split the pictures are counted that have such a relative among the training pictures, by the
label of both: a fake that was seen as a fake is remembered, one that was seen as genuine is a mistake.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline.auditing.likeness import Pairs

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
