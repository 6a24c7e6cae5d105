"""What a manifest holds and what it leaks: as numbers to keep, and as a few lines for the terminal."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pipeline.manifests.build import Manifest
from pipeline.manifests.tables import LABELS, SPLITS

WORTH_A_LINE = 0.15  # share of the training pictures above which one group is named


def count_manifest(manifest: Manifest, tested_only: frozenset[str]) -> dict[str, Any]:
    """Count pictures, groups and masks by split, and the test pictures whose relatives were trained on.

    Args:
        manifest: the tables.
        tested_only: collections with the role test; they are counted one by one.

    Returns:
        nested counts: `train`, `validation`, `test`, `test_only.<collection>`, `left_out.<reason>`, `leak`
        and `largest_training_group`.
    """
    train, test = manifest.splits["train"], manifest.splits["test"]
    elsewhere = test["collection"].isin(tested_only)
    here = test[~elsewhere]
    return {
        "train": _count(train),
        "validation": _count(manifest.splits["validation"]),
        "test": _count(here),
        "test_only": {str(name): _count(rows) for name, rows in test[elsewhere].groupby("collection")},
        "left_out": {
            str(reason): len(rows) for reason, rows in manifest.left_out.groupby("reason", sort=True)
        },
        "leak": {label: _leak(here[here["label"] == label], train) for label in LABELS},
        "largest_training_group": _largest_group(train),
    }


def count_same(files: pd.DataFrame, look: np.ndarray) -> dict[str, int]:
    """Count the pictures that are there more than once.

    Args:
        files: `files.csv`.
        look: (n,) one number for pictures that show the same.

    Returns:
        pictures that have a twin by `bytes`; one with other bytes by `pixels`; one with other pixels by
        `looks`.
    """
    pixels, source = files["pixel_sha256"], files["source_sha256"]
    return {
        "bytes": int(source.duplicated(keep=False).sum()),
        "pixels": int((source.groupby(pixels).transform("nunique") > 1).sum()),
        "looks": int((pixels.groupby(look).transform("nunique") > 1).sum()),
    }


def same_line(same: Mapping[str, int]) -> str:
    """Say in a line of the terminal what `count_same` found."""
    found = [f"{count:,} by {kind}" for kind, count in same.items() if count]
    return f"the same picture more than once: {', '.join(found)}" if found else ""


def count_lines(counts: Mapping[str, Any]) -> str:
    """Lay `count_manifest` out for a terminal of 80 columns."""
    rows = {name: counts[name] for name in SPLITS}
    rows |= {f"test only: {name}": count for name, count in counts["test_only"].items()}
    width = max(map(len, rows))
    lines = [f"{'':<{width}}" + "".join(f" {head:>9}" for head in ("genuine", "fake", "groups", "masks"))]
    lines += [
        f"{name:<{width}}" + "".join(f" {number:>9,}" for number in count.values())
        for name, count in rows.items()
    ]
    return "\n".join([*lines, *_remarks(counts)])


def _remarks(counts: Mapping[str, Any]) -> list[str]:
    remarks = []
    leaking = counts["leak"]["fake"]
    if leaking["with_relatives_in_train"]:
        share = leaking["with_relatives_in_train"] / leaking["pictures"]
        remarks.append(f"this split leaks: {share:.0%} of the test fakes have a relative in train")
    remarks += [f"{n:,} pictures left out: {reason}" for reason, n in counts["left_out"].items()]
    largest = counts["largest_training_group"]
    if largest["pictures"] > WORTH_A_LINE * sum(counts["train"][label] for label in LABELS):
        remarks.append(f"one group, {largest['group']}, holds {largest['pictures']:,} training pictures")
    return remarks


def _count(table: pd.DataFrame) -> dict[str, int]:
    return {
        "genuine": int((table["label"] == "genuine").sum()),
        "fake": int((table["label"] == "fake").sum()),
        "groups": int(table["group"].nunique()),
        "masks": int((table["mask_path"] != "").sum()),
    }


def _leak(tested: pd.DataFrame, train: pd.DataFrame) -> dict[str, int]:
    related = tested["group"].astype(object).isin(train["group"].unique().astype(object))
    return {"pictures": len(tested), "with_relatives_in_train": int(related.sum())}


def _largest_group(train: pd.DataFrame) -> dict[str, Any]:
    sizes = train["group"].value_counts()
    if sizes.empty:
        return {"group": "", "pictures": 0}
    largest = min(sizes.index[sizes == sizes.iloc[0]])  # of equals the first by name
    return {"group": str(largest), "pictures": int(sizes.iloc[0])}
