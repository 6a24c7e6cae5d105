"""The tables between the stages: their columns, how they are read back, and whether they still hold."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.config import TABLES, Config, flatten
from pipeline.config_data import Data
from pipeline.conversion.file_table import FILE_COLUMNS, FILES
from pipeline.errors import UserError
from pipeline.images.hashes import sha256_of_file
from pipeline.storage import read_json

BUILT_FROM = "built_from.json"
LEFT_OUT = "left_out.csv"
COUNTS = "counts.json"
LABELS = ("genuine", "fake")
SPLITS = ("train", "validation", "test")
ID_SEPARATOR = "|"
NAMED = 5  # mistakes that a message lists one by one

# Columns of train.csv, validation.csv and test.csv. From `source_ids` on: for looking into the results.
COLUMNS = [
    "path",
    "label",
    "target",
    "group",
    "collection",
    "subset",
    "mask_path",
    "sha256",
    "mask_sha256",
    "source_ids",
    "source_format",
    "width",
    "height",
    "bytes",
    "jpeg_quality",
    "source_path",
    "source_sha256",
    "page",
    "phash",
]
FROM_FILES = [column for column in FILE_COLUMNS if column != "policy"]  # that the audit alone needs


def read_files(converted: Path, columns: Sequence[str] = FROM_FILES) -> pd.DataFrame:
    """Read `files.csv` of the converted pictures; every column is text, nothing is "" and not NaN.

    Raises:
        UserError: it is not there, or one of the columns is missing.
    """
    return _read(converted / FILES, columns, "python -m pipeline.convert")


def read_table(path: Path) -> pd.DataFrame:
    """Read a manifest table; `target` is a number (1 fake, 0 genuine), every other column text.

    Raises:
        UserError: it is not there, a column is missing, or a label is unknown.
    """
    table = _read(path, COLUMNS, "python -m pipeline.manifest")
    wrong = table.loc[~table["target"].isin(["0", "1"]) | ~table["label"].isin(LABELS)]
    if len(wrong):
        row = wrong.iloc[0]
        raise UserError(
            f"{path}: {row['path']} has label {row['label']!r} and target {row['target']!r}; expected "
            "genuine and 0, or fake and 1; write the table again with python -m pipeline.manifest"
        )
    return table.assign(target=table["target"].astype("int64"))


def _read(path: Path, columns: Sequence[str], command: str) -> pd.DataFrame:
    try:
        # A list of columns: with all of them, or with a function, pandas takes three times the memory.
        there = pd.read_csv(path, nrows=0, encoding="utf-8").columns
        wanted = [column for column in columns if column in there]
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8", usecols=wanted)[wanted]
    except FileNotFoundError as error:
        raise UserError(f"{path} is not there; write it with {command}, or run make repro") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no table ({error}); write it again with {command}") from error
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise UserError(
            f"{path} has no column {', '.join(missing)}; another version wrote it: write it again "
            f"with {command}"
        )
    return table


def with_sources(table: pd.DataFrame, root: str) -> pd.DataFrame:
    """Add `source_file` to a manifest table: the path of each original, from `root` (`data.root`) on.

    >>> with_sources(pd.DataFrame({"source_path": ["fake/a.tif"]}), "data/raw")["source_file"].tolist()
    ['data/raw/fake/a.tif']
    """
    return table.assign(source_file=[(Path(root) / path).as_posix() for path in table["source_path"]])


def genuine_sources(table: pd.DataFrame) -> pd.DataFrame:
    """Return `path` and `sha256` of the genuine originals of such a table, to be checked."""
    genuine = table[table["target"] == 0]
    return pd.DataFrame({"path": genuine["source_file"], "sha256": genuine["source_sha256"]})


def cross_dataset_collections(data: Data) -> frozenset[str]:
    """Return the collections that are tested only."""
    return frozenset(name for name, collection in data.collections.items() if collection.role == "test")


def background_collections(data: Data) -> frozenset[str]:
    """Return the collections of genuine pictures alone, which are trained on and never tested."""
    return frozenset(name for name, collection in data.collections.items() if collection.role == "background")


# Whether tables and pictures are still what they were when the manifest was built.


def built_from(config: Config) -> dict[str, Any]:
    """Return the part of a configuration that a manifest, and what is made from it, depends on."""
    return config.choose(*TABLES)


def check_built_from(folder: Path, config: Config) -> None:
    """Raise UserError where the manifest in `folder` is not there or was built from another configuration."""
    path = folder / BUILT_FROM
    if not path.is_file():
        raise UserError(
            f"{path} is not there; build the manifest with make repro or python -m pipeline.manifest"
        )
    found = read_json(path, "build the manifest again with make repro or python -m pipeline.manifest")
    commands = "python -m pipeline.convert … and python -m pipeline.manifest …"
    check_same_choice(found, config, f"the tables in {folder} were built", commands)


def check_learnt_from(folder: Path, tables: Mapping[str, Mapping[str, str]]) -> None:
    """Raise UserError where a detector was not trained with the manifest in `folder`.

    What it learnt may then be among what is tested. `tables` is of a training's record: split -> `sha256`
    of its table.
    """
    for split, table in tables.items():
        path = folder / f"{split}.csv"
        if not path.is_file() or sha256_of_file(path) != table["sha256"]:
            raise UserError(
                f"the detector was not trained with {path} as it is now, so its own training pictures may be "
                "among the test pictures; train again with make repro or python -m pipeline.train, or test "
                "this one on other pictures with python -m pipeline.score"
            )


def check_same_choice(found: Mapping[str, Any], config: Config, what: str, commands: str) -> None:
    """Raise UserError where `found`, as of `built_from`, differs from what is asked for.

    `what` says what was made how, `commands` which commands make it by hand.
    """
    there, asked = flatten(found), flatten(built_from(config))
    keys = [key for key in sorted({*there, *asked}) if there.get(key) != asked.get(key)]
    if keys:
        listed = "\n".join(
            f"  {key}: {there.get(key)!r} there, {asked.get(key)!r} asked for" for key in keys[:NAMED]
        )
        raise UserError(
            f"{what} from another configuration:\n{listed}\n"
            "Run all stages with that choice (python -m pipeline.repro key=value, or make repro after "
            f"editing conf/), or {commands} with it first"
        )


def check_files(*tables: pd.DataFrame) -> None:
    """Raise UserError where pictures are missing or are not the bytes that the manifest was built from."""
    rows = pd.concat(tables)[["path", "sha256"]]
    with ThreadPoolExecutor() as threads:
        found = list(threads.map(_sha256_or_none, rows["path"]))
    wrong = [
        f"  {path}: {'is missing' if now is None else 'has changed'}"
        for path, then, now in zip(rows["path"], rows["sha256"], found, strict=True)
        if now != then
    ]
    if wrong:
        more = [f"  and {len(wrong) - NAMED} more"] if len(wrong) > NAMED else []
        raise UserError(
            f"{len(wrong)} of {len(rows)} pictures are not what the manifest was built from:\n"
            + "\n".join(wrong[:NAMED] + more)
            + "\nConvert them again: make repro, or python -m pipeline.convert, then pipeline.manifest"
        )


def _sha256_or_none(path: str) -> str | None:
    return sha256_of_file(Path(path)) if Path(path).is_file() else None


# Labels permuted, to see whether anything but the labels teaches a detector. What is trained on such a table
# must tell the true classes of the test pictures no better than chance; if it does, the label reaches it by
# another way: through a mask, a name, or what is done to one class only. Labels go from group to group, as
# whole groups are what is drawn by chance (Ojala and Garriga, Permutation tests for studying classifier
# performance, JMLR 11, 2010).

_MOST = 0.5  # share of the pictures in one group, beyond which there are too few groups to permute


def shuffle_labels(table: pd.DataFrame, seed: list[int]) -> pd.DataFrame:
    """Permute the labels of a manifest table; masks, which tell fakes too, are taken out.

    Groups in one random order take the labels of the groups in another one, as far as they go; a group's
    labels come in random order. So groups of one label go on being so for the most part, and a group with
    both has another mixture. Where one group holds more than half of the pictures, as in CASIA's training
    table, labels are permuted picture by picture instead. `seed` is of the run and of the table, so that two
    tables are permuted differently. Pictures keep their order, and as many have each label as before.
    """
    rng = np.random.default_rng(seed)
    targets = table["target"].to_numpy()
    codes, names = pd.factorize(table["group"], sort=True)
    if np.bincount(codes, minlength=1).max() > _MOST * len(table):
        permuted = rng.permutation(targets)
    else:
        # Two orders in which the rows of a group stand together, everything else at random.
        taking, giving = (
            np.lexsort((rng.random(len(codes)), rng.permutation(len(names))[codes])) for _ in range(2)
        )
        permuted = np.empty_like(targets)
        permuted[taking] = targets[giving]
    labels = np.array(LABELS, dtype=object)[permuted]
    return table.assign(target=permuted, label=labels, mask_path="", mask_sha256="")
