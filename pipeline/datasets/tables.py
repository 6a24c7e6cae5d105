"""The tables between the stages: their columns, and how they are read back."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import config
from pipeline.conversion.file_table import FILE_COLUMNS, FILES
from pipeline.errors import UserError

BUILT_FROM = "built_from.json"
LEFT_OUT = "left_out.csv"
COUNTS = "counts.json"
LABELS = ("genuine", "fake")
SPLITS = ("train", "validation", "test")
ID_SEPARATOR = "|"

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


def cross_dataset_collections(data: config.Data) -> frozenset[str]:
    """Return the collections that are tested only."""
    return frozenset(name for name, collection in data.collections.items() if collection.role == "test")


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
    table, labels are permuted picture by picture instead.

    Args:
        table: of a manifest.
        seed: of the run and of the table, so that two tables are permuted differently.

    Returns:
        the same pictures in the same order, as many of each label as before.
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
