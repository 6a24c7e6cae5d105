"""Everything that is looked for before training, as one nested result of plain numbers and texts."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pipeline import config, config_data
from pipeline.auditing.cross_validation import too_few
from pipeline.auditing.findings import COLLECTION, CONVERTED, ELSEWHERE, RAW, TRAINING
from pipeline.auditing.imbalance import properties, tabulate
from pipeline.auditing.leaks import (
    across,
    check_masks,
    count_leaks,
    find_alike,
    find_conflicts,
    groups_in_several_splits,
    largest_groups,
    list_pairs,
)
from pipeline.auditing.measurements import Measurements, count_savings
from pipeline.auditing.shortcuts import Evidence, score_on_test, search
from pipeline.conversion.losses import count_losses, uneven_losses
from pipeline.datasets.power import groups_by_label
from pipeline.datasets.tables import LABELS, SPLITS
from pipeline.parallel import worker_count


def audit_pictures(
    pictures: pd.DataFrame,
    measured: Measurements,
    rejected: pd.DataFrame,
    settings: config_data.Audit,
    compute: config.Compute,
    seed: int,
) -> dict[str, Any]:
    """Run checks 1, 2 and 6 of a shortcut audit, and the probes of pixels.

    Args:
        pictures: as of `measure.gather_pictures`.
        measured: of these pictures, in their order.
        rejected: `rejected.csv` of the conversion.
        settings: folds, draws, confidence and limits.
        compute: where pictures are read, and on how many cores.
        seed: of folds, draws and fits.

    Returns:
        `settings`, `pictures` and `test_groups` (counts), `parts` (part -> counts and what was found raw and
        converted), `on_test`, `leaks`, `labels`, `masks`, `losses` and `tables`.
    """
    workers = worker_count(compute)
    known = [pictures[name].to_numpy() for name in ("target", "group", "collection")]
    sides = {RAW: Evidence(*measured.raw, *known), CONVERTED: Evidence(*measured.converted, *known)}
    elsewhere = (pictures["split"] == ELSEWHERE).to_numpy()
    here = properties(pictures)[~elsewhere].reset_index(drop=True)
    of_training = pictures[~elsewhere]
    fakes = (of_training["label"] == "fake").to_numpy() & (of_training["subset"] != "").to_numpy()
    return {
        "settings": settings.model_dump(),
        "pictures": _count_splits(pictures),
        "test_groups": groups_by_label(pictures[pictures["split"] == "test"]),
        "parts": {
            name: _part(pictures, rows, sides, settings, workers, seed)
            for name, rows in _parts(pictures, elsewhere).items()
        },
        "on_test": _on_test(pictures, sides[CONVERTED], settings, workers, seed),
        **_relations(pictures, compute),
        "masks": check_masks(pictures, measured.masks, rejected),
        "losses": _losses(pictures, rejected),
        "tables": {
            "by_label": tabulate(here, of_training["label"]),
            "by_subset": tabulate(here[fakes].reset_index(drop=True), of_training.loc[fakes, "subset"]),
        },
    }


def _parts(pictures: pd.DataFrame, elsewhere: np.ndarray) -> dict[str, np.ndarray]:
    """Return the collections to train on together, and each collection, unless it is the only one there."""
    names = sorted(
        pictures["collection"].unique(),
        key=lambda name: (name in set(pictures["collection"][elsewhere]), name),
    )
    trained_on = pictures.loc[~elsewhere, "collection"].unique()
    each = {
        COLLECTION + str(name): (pictures["collection"] == name).to_numpy()
        for name in names
        if len(trained_on) > 1 or name not in trained_on
    }
    return {TRAINING: ~elsewhere} | each


def _part(
    pictures: pd.DataFrame,
    rows: np.ndarray,
    sides: Mapping[str, Evidence],
    settings: config_data.Audit,
    workers: int,
    seed: int,
) -> dict[str, Any]:
    part = pictures[rows]
    reason = too_few(part["target"].to_numpy(), part["group"].to_numpy())
    found: dict[str, Any] = dict.fromkeys(sides)
    if not reason:
        found[CONVERTED] = search(sides[CONVERTED].of(rows), settings, workers, seed)
        copied = sides[RAW].features.equals(sides[CONVERTED].features)  # under the policy raw
        found[RAW] = found[CONVERTED] if copied else search(sides[RAW].of(rows), settings, workers, seed)
    return {
        "collections": sorted(part["collection"].unique()),
        "tested_only": bool((part["split"] == ELSEWHERE).all()),
        "n_genuine": int((part["label"] == "genuine").sum()),
        "n_fake": int((part["label"] == "fake").sum()),
        "n_groups": int(part["group"].nunique()),
        "n_probed": int(sides[CONVERTED].of(rows).probed.sum()),
        **count_savings(part),
        "too_few": reason,
        **found,
    }


def _on_test(
    pictures: pd.DataFrame, evidence: Evidence, settings: config_data.Audit, workers: int, seed: int
) -> dict[str, Any]:
    """Score what is tested: the test split, elsewhere, and each collection of either."""
    split, collection = pictures["split"].to_numpy(), pictures["collection"].to_numpy()
    learnt = np.isin(split, ["train", "validation"])
    parts: dict[str, np.ndarray] = {}
    for part in ("test", ELSEWHERE):
        inside = split == part
        if inside.any():
            parts[part] = inside[~learnt]
            for name in sorted(set(collection[inside])):
                parts[COLLECTION + str(name)] = (inside & (collection == name))[~learnt]
    return score_on_test(evidence.of(learnt), evidence.of(~learnt), parts, settings, workers, seed)


def _relations(pictures: pd.DataFrame, compute: config.Compute) -> dict[str, Any]:
    """Find what splits share, and what is there under both labels."""
    split, _ = pd.factorize(pictures["split"], sort=True)
    label = pictures["target"].to_numpy()
    alike, not_compared = find_alike(pictures, split * 2 + label, compute)
    across_splits = across(alike, split)
    return {
        "leaks": {
            "groups": int(pictures["group"].nunique()),
            "groups_in_several_splits": groups_in_several_splits(pictures),
            "counts": count_leaks(pictures, across_splits).to_dict("records"),
            "alike_pairs": list_pairs(pictures, across_splits),
            "n_alike_pairs": len(across_splits),
            "alike_not_compared": not_compared,
            "largest_groups": largest_groups(pictures),
        },
        "labels": find_conflicts(pictures, across(alike, label), not_compared),
    }


def _losses(pictures: pd.DataFrame, rejected: pd.DataFrame) -> dict[str, Any]:
    lost = rejected[rejected["label"] != ""]
    kept, gone = (zip(table["collection"], table["label"], strict=True) for table in (pictures, lost))
    counts = count_losses(kept, gone)
    return {"counts": counts, "uneven": uneven_losses(counts)}


def _count_splits(pictures: pd.DataFrame) -> dict[str, dict[str, int]]:
    counts = pd.crosstab(pictures["split"], pictures["label"]).reindex(
        columns=["genuine", "fake"], fill_value=0
    )
    order = [split for split in (*SPLITS, ELSEWHERE) if split in counts.index]
    return {split: {str(label): int(counts[label][split]) for label in LABELS} for split in order}
