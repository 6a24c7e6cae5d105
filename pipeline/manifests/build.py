"""The manifest: which picture is used for what."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import config
from pipeline.errors import UserError
from pipeline.manifests.groups import group_pictures
from pipeline.manifests.splits import deal
from pipeline.manifests.tables import COLUMNS, FILES, LABELS, SPLITS
from pipeline.storage.atomic import write_csv, write_json
from pipeline.storage.folder import replacing_folder

BUILT_FROM = "built_from.json"
LEFT_OUT = "left_out.csv"
COUNTS = "counts.json"
LEFT_OUT_COLUMNS = ["path", "label", "group", "collection", "reason"]


@dataclass(frozen=True)
class Manifest:
    """The tables of a manifest, each sorted by path.

    Attributes:
        splits: "train", "validation", "test" -> table with `COLUMNS`. Pictures of test collections stand
            in "test", told by their collection.
        left_out: pictures of test collections that training has a relative of, with the reason.
    """

    splits: Mapping[str, pd.DataFrame]
    left_out: pd.DataFrame


def build_manifest(
    files: pd.DataFrame, converted: Path, data: config.Data, split: config.Split, seed: int
) -> Manifest:
    """Group the converted pictures and deal them out; each is in one of the four tables, once.

    Args:
        files: `files.csv` as `read_files` gives it.
        converted: folder that its paths start from, relative to the repository.
        data: roles of the collections.
        split: method and shares.
        seed: of the split.

    Raises:
        UserError: the files belong to another dataset, or a split would lack a class.
    """
    _check_collections(files, converted, data)
    files = files.reset_index(drop=True)  # the rows of `table` are found in it by their index
    table = label_table(files, converted)
    tested_only = table["collection"].isin(test_collections(data)).to_numpy()
    training = table[~tested_only]
    if training.empty:
        raise UserError(
            "no collection of the data has the role train, so there is nothing to train on; set "
            "data.collections.<name>.role=train, or test a trained detector with python -m pipeline.score"
        )
    place = np.full(len(table), "test", dtype=object)
    place[~tested_only] = deal(training.assign(path=files["path"]), split, seed)
    related = tested_only & table["group"].isin(training["group"]).to_numpy()
    place[related] = "left out"
    splits = {name: table[place == name].reset_index(drop=True) for name in SPLITS}
    left_out = table[related].merge(_relatives(training), on="group", how="left")
    left_out["reason"] = "in one group with " + left_out["relative"] + " of a training collection"
    if sum(map(len, splits.values())) + len(left_out) != len(files):
        raise RuntimeError("pictures were lost or doubled between files.csv and the manifest")
    return Manifest(splits, left_out[LEFT_OUT_COLUMNS])


def label_table(files: pd.DataFrame, converted: Path) -> pd.DataFrame:
    """Turn `files.csv` into manifest rows: numbered target, group, paths from the repository's root.

    Returns:
        one row a picture with `COLUMNS`, sorted by path.
    """
    wrong = files.loc[~files["label"].isin(LABELS)]
    if len(wrong):
        raise UserError(
            f"{converted / FILES}: {wrong.iloc[0]['path']} has label {wrong.iloc[0]['label']!r}; expected "
            "genuine or fake; write the table again with python -m pipeline.convert"
        )
    folder = converted.as_posix() + "/"
    masks = files["mask_path"].where(files["mask_path"] == "", folder + files["mask_path"])
    table = files.assign(
        path=folder + files["path"],
        mask_path=masks,
        target=(files["label"] == "fake").astype("int64"),
        group=group_pictures(files),
    )
    return table[COLUMNS].sort_values("path")


def test_collections(data: config.Data) -> frozenset[str]:
    """Name the collections that are tested only."""
    return frozenset(name for name, collection in data.collections.items() if collection.role == "test")


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


def _relatives(training: pd.DataFrame) -> pd.DataFrame:
    first = training.drop_duplicates("group")
    return pd.DataFrame({"group": first["group"], "relative": first["path"]})


def _check_collections(files: pd.DataFrame, converted: Path, data: config.Data) -> None:
    unknown: Collection[str] = sorted(set(files["collection"]) - set(data.collections))
    if unknown:
        raise UserError(
            f"{converted / FILES} holds the collections {', '.join(unknown)}, which data={data.name} does "
            "not have: it was converted from other data; run make repro, or python -m pipeline.convert "
            "with the same data first"
        )
