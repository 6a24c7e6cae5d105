"""The tables that stand beside the converted pictures, files.csv and rejected.csv: columns, rows, CSV."""

import contextlib
import csv
import itertools
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import NamedTuple, TextIO

from pipeline.images.files import Rejected, Source
from pipeline.storage import replacing

FILES = "files.csv"
REJECTED = "rejected.csv"
FILE_COLUMNS = [
    "path",  # below the folder of the table, as mask_path
    "source_path",  # as handed in
    "label",
    "collection",
    "subset",
    "source_ids",  # joined by |
    "mask_path",
    "source_format",  # by content
    "width",  # upright, as height
    "height",
    "bytes",  # of the converted file
    "source_sha256",
    "sha256",  # of the converted file
    "mask_sha256",  # of the converted mask
    "mask_share",  # of the picture that it marks
    "mask_background",  # what of it marks nothing, see `images.mask`
    "pixel_sha256",  # of the source's pixels, upright
    "phash",  # of the source, upright
    "phash_turned",  # of its seven other orientations in a row, see `images.hashes`
    "jpeg_quality",  # of the source, nearest of libjpeg's; empty where it is no JPEG
    "policy",
    "page",  # of a file that holds several, from 0
    "official",  # side of the published split; empty where there is none
    "known_group",  # of the dataset's table of such; empty where there is none
]
REJECTED_COLUMNS = ["path", "reason", "collection", "label"]  # the last two of lost pictures alone


class Entry(NamedTuple):
    """One picture as it was converted: what `files.csv` says of it beyond its `plan.Task`, and two more."""

    path: str
    mask_path: str
    source_format: str
    width: int
    height: int
    bytes: int
    source_sha256: str
    sha256: str
    mask_sha256: str
    pixel_sha256: str
    phash: str
    phash_turned: str
    jpeg_quality: int | None
    policy: str
    mask_share: float | None = None
    mask_background: str = ""
    mask_read: str = ""  # how the mask was to be read, of which the three above and below are made
    mask_reason: str = ""  # why the picture's mask could not be used; "" where it could or there is none
    # Of source and its mask, then of the files that came out of them (see `journal.stamp`); "" where they
    # cannot be trusted
    stamp: str = ""


def read_entries(path: Path) -> dict[str, Entry]:
    """Read the rows of files.csv by path, for a folder that came without its journal; {} if it is damaged."""
    with (
        contextlib.suppress(OSError, ValueError, KeyError, csv.Error),
        path.open(encoding="utf-8", newline="") as file,
    ):
        return {row["path"]: _entry(row) for row in csv.DictReader(file)}
    return {}


def _entry(row: Mapping[str, str]) -> Entry:
    numbers = {name: int(row[name]) for name in ("width", "height", "bytes")}
    quality = int(row["jpeg_quality"]) if row["jpeg_quality"] else None
    share = float(row["mask_share"]) if row["mask_share"] else None
    texts = {name: row[name] for name in Entry._fields if name in FILE_COLUMNS}
    return Entry(**{**texts, **numbers, "jpeg_quality": quality, "mask_share": share})  # type: ignore[arg-type]


def write_files(path: Path, pictures: Iterable[tuple[Source, Entry]]) -> None:
    """Replace `path` by the converted pictures with `FILE_COLUMNS`, in their order."""
    joined = "source_ids"
    of_source = [name for name in FILE_COLUMNS if name not in {joined, *Entry._fields}]
    names = [*Entry._fields, joined, *of_source]
    described = attrgetter(*of_source)
    cells = itemgetter(*map(names.index, FILE_COLUMNS))
    rows = (cells((*entry, "|".join(source.source_ids), *described(source))) for source, entry in pictures)
    _write_rows(path, FILE_COLUMNS, rows)


def write_rejected(path: Path, rejected: Iterable[Rejected]) -> None:
    """Replace `path` by the files that are not used with their reasons, sorted."""
    rows = (
        (file.path, file.reason, *((file.collection, file.label) if file.lost else ("", "")))
        for file in rejected
    )
    _write_rows(path, REJECTED_COLUMNS, sorted(rows))


def _write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV row by row: a table of a million pictures, held as text, takes gigabytes."""
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        csv.writer(_Lines(file)).writerows(itertools.chain([columns], rows))


class _Lines:
    """Ends lines as POSIX does, while `csv`, which ends them with both signs, quotes a cell with either."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, line: str) -> int:
        return self._file.write(f"{line[:-2]}\n")
