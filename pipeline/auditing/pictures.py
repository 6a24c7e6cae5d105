"""The pictures of a manifest with what `files.csv` knows of them, and what is to be measured of each."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.auditing.measure import Task
from pipeline.auditing.names import ELSEWHERE
from pipeline.errors import UserError
from pipeline.manifests.tables import FILES, read_files

KEPT = ["path", "split", "label", "target", "group", "collection", "subset", "mask_path"]
FROM_FILES = [
    "source_path",
    "source_ids",
    "source_format",
    "source_sha256",
    "pixel_sha256",
    "sha256",
    "phash",
    "phash_turned",
    "page",
    "width",
    "height",
    "jpeg_quality",
    "policy",
]

_TASK_COLUMNS = (
    "path",
    "source_path",
    "source_sha256",
    "sha256",
    "mask_path",
    "width",
    "height",
    "page",
)


def read_converted(converted: Path) -> pd.DataFrame:
    """Read `files.csv` with its column `policy`, which says how each file was saved; texts.

    Raises:
        UserError: it is not there, or a column is missing.
    """
    files = read_files(converted)
    try:
        saved = pd.read_csv(
            converted / FILES, dtype=str, keep_default_na=False, encoding="utf-8", usecols=["policy"]
        )
    except ValueError as error:
        raise UserError(
            f"{converted / FILES} has no column policy; another version wrote it: write it again with "
            "python -m pipeline.convert"
        ) from error
    return files.assign(policy=saved["policy"])


def gather_pictures(
    files: pd.DataFrame, tables: Mapping[str, pd.DataFrame], converted: Path, tested_only: frozenset[str]
) -> pd.DataFrame:
    """Join the tables of a manifest with `files.csv`.

    Args:
        files: as of `read_converted`.
        tables: "train", "validation", "test" -> table of the manifest.
        converted: folder that the paths of `files` start from.
        tested_only: collections with the role test; their split is called elsewhere.

    Returns:
        one row a picture of the tables, sorted by path, with `KEPT` and `FROM_FILES`.

    Raises:
        UserError: a picture of the manifest is not in `files.csv`, or was converted anew since.
    """
    rows = pd.concat([table.assign(split=name) for name, table in tables.items()], ignore_index=True)
    rows.loc[rows["collection"].isin(list(tested_only)), "split"] = ELSEWHERE
    known = files.assign(path=converted.as_posix() + "/" + files["path"])
    known = known.reindex(columns=["path", *FROM_FILES], fill_value="")
    joined = rows[[*KEPT, "sha256"]].merge(known, on="path", how="left", suffixes=("_then", ""))
    stale = joined[joined["sha256"] != joined["sha256_then"]]
    if len(stale):
        raise UserError(
            f"{stale.iloc[0]['path']} and {len(stale) - 1} others are not in {converted / 'files.csv'} as "
            "the manifest has them; build it anew with make repro, or python -m pipeline.manifest"
        )
    return joined.drop(columns="sha256_then").sort_values("path", ignore_index=True)


def read_rejected(path: Path) -> pd.DataFrame:
    """Read `rejected.csv`: columns `path` and `reason`, texts.

    Raises:
        UserError: it is not there.
    """
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError as error:
        raise UserError(
            f"{path} is not there; write it with make repro, or python -m pipeline.convert"
        ) from error


def plan_measurements(pictures: pd.DataFrame, root: Path, probe_pictures: int | None) -> list[Task]:
    """Say what is to be measured of each picture, in the order of `pictures`.

    Args:
        pictures: as of `gather_pictures`.
        root: `data.root`, from which relative source paths start.
        probe_pictures: of a collection, both labels alike; None: all.
    """
    probed = _probed(pictures, probe_pictures)
    texts = pictures[list(_TASK_COLUMNS)].astype(str).to_dict("records")
    return [
        Task(
            source=str((root / row["source_path"]).absolute()),
            converted=str(Path(row["path"]).absolute()),
            source_sha256=row["source_sha256"],
            sha256=row["sha256"],
            mask=str(Path(row["mask_path"]).absolute()) if row["mask_path"] else "",
            width=int(row["width"]),
            height=int(row["height"]),
            page=int(row["page"] or 0),
            probed=bool(looked_at),
        )
        for row, looked_at in zip(texts, probed, strict=True)
    ]


def _probed(pictures: pd.DataFrame, wanted: int | None) -> np.ndarray:
    """Choose pictures by the hash of their bytes, so that new ones push few others out."""
    if wanted is None:
        return np.ones(len(pictures), dtype=bool)
    key = [hashlib.sha256(f"probe {sha256}".encode()).hexdigest() for sha256 in pictures["source_sha256"]]
    rank = pictures.assign(key=key).groupby(["collection", "label"])["key"].rank(method="first")
    return (rank <= -(-wanted // 2)).to_numpy()
