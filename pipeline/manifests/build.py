"""The manifest: which picture is used for what."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import config
from pipeline.errors import UserError
from pipeline.manifests.dealt import LEFT_OUT as NO_PLACE
from pipeline.manifests.groups import SAME_PICTURE, group_pictures
from pipeline.manifests.positions import TEST
from pipeline.manifests.protocol import leave_out
from pipeline.manifests.roles import test_collections
from pipeline.manifests.splits import deal
from pipeline.manifests.tables import (
    BUILT_FROM,
    COLUMNS,
    COUNTS,
    FILES,
    FROM_FILES,
    LABELS,
    LEFT_OUT,
    SPLITS,
)
from pipeline.storage.atomic import write_csv, write_json
from pipeline.storage.folder import replacing_folder

LEFT_OUT_COLUMNS = ["path", "label", "group", "collection", "subset", "source_ids", "reason", "detail"]
# Of files.csv. The hashes of the turned picture are half of its size, and `look` holds what they tell.
NEEDED = [column for column in FROM_FILES if column != "phash_turned"]
RELATED = "a relative is in a training collection"


@dataclass(frozen=True)
class Manifest:
    """The tables of a manifest, each sorted by path.

    Attributes:
        splits: "train", "validation", "test" -> table with `COLUMNS`. Pictures of test collections stand
            in "test", told by their collection.
        left_out: pictures that are used for nothing: what the protocol or the split leaves out, and
            pictures of test collections that training has a relative of. `reason` is in the same words
            for all of a kind, `detail` about the one picture.
    """

    splits: Mapping[str, pd.DataFrame]
    left_out: pd.DataFrame


def build_manifest(
    files: pd.DataFrame,
    converted: Path,
    data: config.Data,
    split: config.Split,
    seed: int,
    look: np.ndarray | None = None,
) -> Manifest:
    """Group the converted pictures and deal them out; each is in one of the four tables, once.

    Groups are those of the pictures that are used: one that is left out ties no others together.

    Args:
        files: `files.csv` as `read_files` gives it.
        converted: folder that its paths start from, relative to the repository.
        data: roles of the collections, and the protocol.
        split: method and shares.
        seed: of the split.
        look: (n,) one number for pictures that show the same (`look_alikes.find_look_alikes`); None:
            not looked at.

    Raises:
        UserError: the files belong to another dataset, or a split would lack a class.
    """
    _check_collections(files, converted, data)
    _check_labels(files, converted)
    look = np.arange(len(files)) if look is None else look
    files = _in_order(files[NEEDED].assign(look=look)).reset_index(drop=True)
    reasons, details = leave_out(files, data), np.full(len(files), "", dtype=object)
    tested_only = files["collection"].isin(test_collections(data)).to_numpy()
    used = reasons == ""
    # `parents` cuts between sources what a table of groups ties together as a whole.
    tied = ["source_ids", *SAME_PICTURE] + ["known_group"] * (split.method != "parents")
    group = _group_used(files, used, tied)
    training = used & ~tested_only
    if not training.any():
        raise UserError(
            "no collection of the data has the role train, so there is nothing to train on; set "
            "data.collections.<name>.role=train, or test a trained detector with python -m pipeline.score"
        )
    place = np.where(tested_only, TEST, NO_PLACE)
    dealt = deal(files.assign(group=group)[training], split, seed)
    place[training], reasons[training], details[training] = dealt
    if (dealt.places == NO_PLACE).any():
        used = reasons == ""
        training = used & ~tested_only
        group = _group_used(files, used, tied)
    related = used & tested_only & pd.Series(group).isin(pd.Series(group[training])).to_numpy()
    table = label_table(files, converted, group=group)
    reasons[related], details[related] = RELATED, _relatives(table, training, related)
    place[reasons != ""] = NO_PLACE
    left_out = table.assign(reason=reasons, detail=details)[place == NO_PLACE]
    splits = {name: table[place == number].reset_index(drop=True) for number, name in enumerate(SPLITS)}
    if sum(map(len, splits.values())) + len(left_out) != len(files) or (left_out["reason"] == "").any():
        raise RuntimeError("pictures were lost or doubled between files.csv and the manifest")
    return Manifest(splits, left_out[LEFT_OUT_COLUMNS].reset_index(drop=True))


def label_table(
    files: pd.DataFrame,
    converted: Path,
    look: np.ndarray | None = None,
    group: np.ndarray | None = None,
) -> pd.DataFrame:
    """Turn `files.csv` into manifest rows: numbered target, group, paths from the repository's root.

    Args:
        files: `files.csv`.
        converted: folder that its paths start from, relative to the repository.
        look: as for `build_manifest`.
        group: (n,) names of the groups; None: made from sources, hashes and `look`.

    Returns:
        one row a picture with `COLUMNS`, sorted by path.
    """
    _check_labels(files, converted)
    folder = converted.as_posix() + "/"
    masks = files["mask_path"].where(files["mask_path"] == "", folder + files["mask_path"])
    table = files.assign(
        path=folder + files["path"],
        mask_path=masks,
        target=(files["label"] == "fake").astype("int64"),
        group=group_pictures(files, look) if group is None else group,
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
    """Name the groups of the pictures that are used, by the columns `tied` and by looks; others get none."""
    group = np.full(len(files), "", dtype=object)
    needed = files[tied]
    group[used] = group_pictures(needed if used.all() else needed[used], files["look"].to_numpy()[used])
    return group


def _relatives(table: pd.DataFrame, training: np.ndarray, related: np.ndarray) -> np.ndarray:
    """Name for each related picture the first picture of a training collection in its group."""
    first = table[training].drop_duplicates("group").set_index("group")["path"]
    return first.loc[table["group"][related]].to_numpy(dtype=object)


def _check_labels(files: pd.DataFrame, converted: Path) -> None:
    wrong = files.loc[~files["label"].isin(LABELS)]
    if len(wrong):
        raise UserError(
            f"{converted / FILES}: {wrong.iloc[0]['path']} has label {wrong.iloc[0]['label']!r}; expected "
            "genuine or fake; write the table again with python -m pipeline.convert"
        )


def _check_collections(files: pd.DataFrame, converted: Path, data: config.Data) -> None:
    unknown: Collection[str] = sorted(set(files["collection"]) - set(data.collections))
    if unknown:
        raise UserError(
            f"{converted / FILES} holds the collections {', '.join(unknown)}, which data={data.name} does "
            "not have: it was converted from other data; run make repro, or python -m pipeline.convert "
            "with the same data first"
        )
