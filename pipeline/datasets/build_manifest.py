"""The manifest: which picture is used for what."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import config_data
from pipeline.conversion.file_table import FILES
from pipeline.datasets.groups import SAME_PICTURE, group_pictures, source_relation
from pipeline.datasets.splits import LEFT_OUT as NO_SIDE
from pipeline.datasets.splits import TEST, TRAIN, assign
from pipeline.datasets.tables import (
    BUILT_FROM,
    COLUMNS,
    COUNTS,
    FROM_FILES,
    LABELS,
    LEFT_OUT,
    SPLITS,
    background_collections,
    cross_dataset_collections,
)
from pipeline.errors import UserError, counted
from pipeline.storage import replacing_folder, write_csv, write_json

# Which pictures of a dataset are used (`data.protocol`): what is left out, and why.

NO_JPEG = "jpeg_only: the file was no JPEG"
NO_SOURCE = "source_matched: no fake was made from it"


_NOTHING_TO_TRAIN_ON = (
    "no collection of the data has the role train, so there is nothing to train on; set "
    "data.collections.<name>.role=train, or test a trained detector with python -m pipeline.score"
)


def leave_out(files: pd.DataFrame, data: config_data.Data) -> np.ndarray:
    """Return why the protocol leaves out each row of `files.csv`: (n,) texts, "" where it is used.

    Raises:
        UserError: the training collections would lose a class.
    """
    reasons = np.full(len(files), "", dtype=object)
    for name, rule in RULES.items():  # in this order, whatever theirs in the configuration
        if name in data.protocol:
            kept = reasons == ""
            reasons[kept] = rule(files[kept].reset_index(drop=True))
    _check_classes(files, reasons, data)
    return reasons


def _jpeg_only(files: pd.DataFrame) -> np.ndarray:
    return np.where(files["source_format"] == "JPEG", "", NO_JPEG).astype(object)


def _source_matched(files: pd.DataFrame) -> np.ndarray:
    # Names without a source are left out too.
    fake = (files["label"] == "fake").to_numpy()
    sources = source_relation(files)
    used = pd.Index(sources.keys[fake[sources.rows]]).unique()
    matched = np.zeros(len(files), dtype=bool)
    matched[sources.rows[pd.Index(sources.keys).isin(used)]] = True
    return np.where(matched | fake, "", NO_SOURCE).astype(object)


RULES: dict[str, Callable[[pd.DataFrame], np.ndarray]] = {
    "jpeg_only": _jpeg_only,
    "source_matched": _source_matched,
}


def _check_classes(files: pd.DataFrame, reasons: np.ndarray, data: config_data.Data) -> None:
    if not data.protocol:
        return
    trained = ~files["collection"].isin(cross_dataset_collections(data)).to_numpy()
    for label in LABELS:
        of_label = trained & (files["label"] == label).to_numpy()
        if of_label.any() and (reasons[of_label] != "").all():
            commonest = pd.Series(reasons[of_label]).mode()[0]
            raise UserError(
                f"data.protocol is {', '.join(data.protocol)}, which leaves out each of the "
                f"{int(of_label.sum())} {label} pictures to train on ({commonest}); source_matched needs "
                "names that tell the sources (data.collections.<name>.naming.source), jpeg_only needs JPEG "
                "files; set data.protocol=[] to use all pictures"
            )


LEFT_OUT_COLUMNS = ["path", "label", "group", "collection", "subset", "source_ids", "reason", "detail"]
# Of files.csv. The hashes of the turned picture are half of its size, and `duplicates` holds what they tell.
NEEDED = [column for column in FROM_FILES if column != "phash_turned"]
RELATED = "a relative is in a training collection"
HELD_OUT = "background: a relative is in validation or test"


@dataclass(frozen=True)
class Manifest:
    """The tables of a manifest, each sorted by path."""

    # Side of the split -> table with `COLUMNS`. Pictures of test collections stand in "test",
    # known by their collection
    splits: Mapping[str, pd.DataFrame]
    # What the protocol or the split leaves out, and pictures of test collections that training has a relative
    # of. `reason` is in the same words for all of a kind, `detail` about this one
    left_out: pd.DataFrame


def build_manifest(
    files: pd.DataFrame,
    converted: Path,
    data: config_data.Data,
    split: config_data.Split,
    seed: int,
    duplicates: np.ndarray | None = None,
) -> Manifest:
    """Group the converted pictures and split them; each is in one of the four tables, once.

    Groups are those of the pictures that are used: one that is left out ties no others together.

    Args:
        files: `files.csv` as of `read_files`.
        converted: folder that its paths start from, relative to the repository.
        data: roles of the collections, and the protocol.
        split: method and shares.
        seed: of the split.
        duplicates: (n,) one number for near-duplicates (`near_duplicates.find_near_duplicates`); None: not
            looked for.

    Raises:
        UserError: the files belong to another dataset, or a split would lack a class.
    """
    _check_collections(files, converted, data)
    _check_labels(files, converted)
    numbers = np.arange(len(files)) if duplicates is None else duplicates
    files = _in_order(files[NEEDED].assign(duplicates=numbers)).reset_index(drop=True)
    reasons, details = leave_out(files, data), np.full(len(files), "", dtype=object)
    tested_only = files["collection"].isin(cross_dataset_collections(data)).to_numpy()
    used = reasons == ""
    # `parents` cuts between sources what a table of groups ties together as a whole.
    tied = ["source_ids", *SAME_PICTURE] + ["known_group"] * (split.method != "parents")
    group = _group_used(files, used, tied)
    background = files["collection"].isin(background_collections(data)).to_numpy()
    training = used & ~tested_only & ~background
    if not training.any():
        raise UserError(_NOTHING_TO_TRAIN_ON)
    side = np.where(tested_only, TEST, NO_SIDE)
    assigned = assign(files.assign(group=group)[training], split, seed)
    side[training], reasons[training], details[training] = assigned
    if NO_SIDE in assigned.sides:
        used = reasons == ""
        training = used & ~tested_only & ~background
        group = _group_used(files, used, tied)
    related = used & tested_only & pd.Series(group).isin(pd.Series(group[training])).to_numpy()
    table = label_table(files, converted, group=group)
    first = table[training].drop_duplicates("group").set_index("group")["path"]
    reasons[related], details[related] = RELATED, first.loc[table["group"][related]].to_numpy(dtype=object)
    held_out = used & ~background & ~related & (side != TRAIN)
    torn = used & background & pd.Series(group).isin(pd.Series(group[held_out])).to_numpy()
    side[background], reasons[torn] = TRAIN, HELD_OUT
    side[reasons != ""] = NO_SIDE
    left_out = table.assign(reason=reasons, detail=details)[side == NO_SIDE]
    splits = {name: table[side == number].reset_index(drop=True) for number, name in enumerate(SPLITS)}
    if sum(map(len, splits.values())) + len(left_out) != len(files) or (left_out["reason"] == "").any():
        raise RuntimeError("pictures were lost or doubled between files.csv and the manifest")
    return Manifest(splits, left_out[LEFT_OUT_COLUMNS].reset_index(drop=True))


def label_table(
    files: pd.DataFrame,
    converted: Path,
    duplicates: np.ndarray | None = None,
    group: np.ndarray | None = None,
) -> pd.DataFrame:
    """Turn `files.csv` into manifest rows: numbered target, group, paths from the repository's root.

    Arguments are those of `build_manifest`, and (n,) names of the groups; None: made from sources, hashes and
    `duplicates`. Returns one row a picture with `COLUMNS`, sorted by path.
    """
    _check_labels(files, converted)
    folder = converted.as_posix() + "/"
    masks = files["mask_path"].where(files["mask_path"] == "", folder + files["mask_path"])
    table = files.assign(
        path=folder + files["path"],
        mask_path=masks,
        target=(files["label"] == "fake").astype("int64"),
        group=group_pictures(files, duplicates) if group is None else group,
    )
    return _in_order(table[COLUMNS])


def write_manifest(
    folder: Path, manifest: Manifest, counts: Mapping[str, Any], built_from: Mapping[str, Any]
) -> None:
    """Replace the folder of the manifest: the tables, their counts and what they were made from.

    All at once, so that the training table of one split never stands beside the test table of another.
    """
    with replacing_folder(folder) as new:
        for name, table in manifest.splits.items():
            write_csv(new / f"{name}.csv", table)
        write_csv(new / LEFT_OUT, manifest.left_out)
        write_json(new / COUNTS, counts)
        write_json(new / BUILT_FROM, built_from)


def _in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Sort by path; a table that is sorted already, as `files.csv` is, is not copied."""
    return table if table["path"].is_monotonic_increasing else table.sort_values("path")


def _group_used(files: pd.DataFrame, used: np.ndarray, tied: list[str]) -> np.ndarray:
    """Name the groups of the pictures that are used, by the columns `tied` and near-duplicates; else ""."""
    group = np.full(len(files), "", dtype=object)
    needed = files[tied]
    group[used] = group_pictures(needed if used.all() else needed[used], files["duplicates"].to_numpy()[used])
    return group


def _check_labels(files: pd.DataFrame, converted: Path) -> None:
    wrong = files.loc[~files["label"].isin(LABELS)]
    if len(wrong):
        raise UserError(
            f"{converted / FILES}: {wrong.iloc[0]['path']} has label {wrong.iloc[0]['label']!r}; expected "
            "genuine or fake; write the table again with python -m pipeline.convert"
        )


def _check_collections(files: pd.DataFrame, converted: Path, data: config_data.Data) -> None:
    unknown = sorted(set(files["collection"]) - set(data.collections))
    if unknown:
        raise UserError(
            f"{converted / FILES} holds the collections {', '.join(unknown)}, which data={data.name} does "
            "not have: it was converted from other data; run make repro, or python -m pipeline.convert "
            "with the same data first"
        )


# What a manifest holds and what it leaks: as numbers to keep, and as a few lines for the terminal.

WORTH_A_LINE = 0.15  # share of the training pictures above which one group is named


def count_manifest(manifest: Manifest, tested_only: frozenset[str]) -> dict[str, Any]:
    """Count pictures, groups and masks by split, and the test pictures whose relatives were trained on.

    Returns:
        nested counts: `train`, `validation`, `test`, `test_only.<collection>` for each of `tested_only`,
        `left_out.<reason>`, `leak` and `largest_training_group`.
    """
    train, test = manifest.splits["train"], manifest.splits["test"]
    elsewhere = test["collection"].isin(tested_only)
    here = test[~elsewhere]
    return {
        "train": _count(train),
        "validation": _count(manifest.splits["validation"]),
        "test": _count(here),
        "test_only": {str(name): _count(rows) for name, rows in test[elsewhere].groupby("collection")},
        "left_out": {str(reason): len(rows) for reason, rows in manifest.left_out.groupby("reason")},
        "leak": {label: _leak(here[here["label"] == label], train) for label in LABELS},
        "largest_training_group": _largest_group(train),
    }


def count_same(files: pd.DataFrame, duplicates: np.ndarray) -> dict[str, int]:
    """Count the pictures of `files.csv` that are there more than once.

    They have a copy by `bytes`; one with other bytes by `pixels`; one with other pixels by `looks`.
    """
    pixels, source = files["pixel_sha256"], files["source_sha256"]
    return {
        "bytes": int(source.duplicated(keep=False).sum()),
        "pixels": int((source.groupby(pixels).transform("nunique") > 1).sum()),
        "looks": int((pixels.groupby(duplicates).transform("nunique") > 1).sum()),
    }


def same_line(same: Mapping[str, int]) -> str:
    """Write what `count_same` found as a line for the terminal."""
    found = [f"{count:,} by {kind}" for kind, count in same.items() if count]
    return f"the same picture more than once: {', '.join(found)}" if found else ""


def count_lines(counts: Mapping[str, Any]) -> str:
    """Write `count_manifest` as lines for a terminal of 80 columns."""
    rows = {name: counts[name] for name in SPLITS}
    rows |= {f"test only: {name}": count for name, count in counts["test_only"].items()}
    width = max(map(len, rows))
    lines = [f"{'':<{width}}" + "".join(f" {head:>9}" for head in ("genuine", "fake", "groups", "masks"))]
    lines += [
        f"{name:<{width}}" + "".join(f" {number:>9,}" for number in count.values())
        for name, count in rows.items()
    ]
    return "\n".join([*lines, *_warnings(counts)])


def _warnings(counts: Mapping[str, Any]) -> list[str]:
    lines = []
    leaking = counts["leak"]["fake"]
    if leaking["with_relatives_in_train"]:
        share = leaking["with_relatives_in_train"] / leaking["pictures"]
        lines.append(f"this split leaks: {share:.0%} of the test fakes have a relative in train")
    lines += [f"{counted(n, 'picture')} left out: {reason}" for reason, n in counts["left_out"].items()]
    largest = counts["largest_training_group"]
    if largest["pictures"] > 1 and largest["pictures"] > WORTH_A_LINE * sum(
        counts["train"][label] for label in LABELS
    ):
        nameless = largest["group"].startswith("bytes:")  # a hash, where file names tell no source
        group = "one group" if nameless else f"one group, {largest['group']},"
        lines.append(f"{group} holds {largest['pictures']:,} training pictures")
    return lines


def _count(table: pd.DataFrame) -> dict[str, int]:
    labels = {label: int((table["label"] == label).sum()) for label in LABELS}
    return {**labels, "groups": table["group"].nunique(), "masks": int((table["mask_path"] != "").sum())}


def _leak(tested: pd.DataFrame, train: pd.DataFrame) -> dict[str, int]:
    related = tested["group"].astype(object).isin(train["group"].unique().astype(object))
    return {"pictures": len(tested), "with_relatives_in_train": int(related.sum())}


def _largest_group(train: pd.DataFrame) -> dict[str, Any]:
    sizes = train["group"].value_counts()
    largest = min(sizes.index[sizes == sizes.max()], default="")  # of equals the first by name
    return {"group": str(largest), "pictures": int(sizes.get(largest, 0))}
