"""The tables between the stages: their columns, and how they are read back."""

from pathlib import Path

import pandas as pd

from pipeline.errors import UserError

FILES = "files.csv"
BUILT_FROM = "built_from.json"
LEFT_OUT = "left_out.csv"
COUNTS = "counts.json"
LABELS = ("genuine", "fake")
SPLITS = ("train", "validation", "test")
ID_SEPARATOR = "|"

# Columns of train.csv, validation.csv and test.csv. From `source_ids` on: for looking into the figures.
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
FROM_FILES = [
    "path",
    "source_path",
    "label",
    "collection",
    "subset",
    "source_ids",
    "mask_path",
    "source_format",
    "width",
    "height",
    "bytes",
    "source_sha256",
    "sha256",
    "mask_sha256",
    "pixel_sha256",
    "phash",
    "phash_turned",
    "jpeg_quality",
    "page",
    "official",
    "known_group",
]


def read_files(converted: Path) -> pd.DataFrame:
    """Read `files.csv` of the converted pictures; every column is text, nothing is "" and not NaN.

    Raises:
        UserError: it is not there, or a column that groups and splits need is missing.
    """
    return _read(converted / FILES, FROM_FILES, "python -m pipeline.convert")


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


def _read(path: Path, columns: list[str], command: str) -> pd.DataFrame:
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
