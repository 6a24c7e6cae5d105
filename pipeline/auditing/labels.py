"""Check 6 of an audit: labels and masks that cannot be right.

The same picture under both labels teaches nothing but noise; an empty or inverted mask teaches the wrong
place. A fake that merely looks like a genuine picture is usual, since it was made from it: such a pair is
listed only where nothing in the names says so.
"""

from typing import Any

import numpy as np
import pandas as pd

from pipeline.auditing.leaks import LISTED, list_pairs
from pipeline.auditing.likeness import Pairs
from pipeline.manifests.tables import ID_SEPARATOR

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
