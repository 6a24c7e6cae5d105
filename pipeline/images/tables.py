"""The tables that stand beside the converted pictures: files.csv and rejected.csv."""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from pipeline.images.journal import Entry
from pipeline.images.plan import Task
from pipeline.images.sources import Rejected

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
    "pixel_sha256",  # of the source's pixels, upright
    "phash",  # of the source
    "jpeg_quality",  # of the source, nearest of libjpeg's; empty where it is no JPEG
    "policy",
]
REJECTED_COLUMNS = ["path", "reason"]


def files_table(tasks: Sequence[Task], entries: Mapping[str, Entry]) -> pd.DataFrame:
    """Give the converted pictures with `FILE_COLUMNS`, in the order of `tasks`; nothing is ""."""
    return pd.DataFrame([_row(task, entries[task.target]) for task in tasks], columns=FILE_COLUMNS)


def rejected_table(rejected: Iterable[Rejected]) -> pd.DataFrame:
    """Give the files that are not used with their reasons, sorted."""
    rows = sorted((file.path, file.reason) for file in rejected)
    return pd.DataFrame(rows, columns=REJECTED_COLUMNS)


def _row(task: Task, entry: Entry) -> tuple[str | int, ...]:
    source, measured = task.source, entry.measured
    return (
        task.target,
        source.source_path,
        source.label,
        source.collection,
        source.subset,
        "|".join(source.source_ids),
        task.mask_target if measured.mask_sha256 else "",
        measured.source_format,
        measured.width,
        measured.height,
        measured.bytes,
        measured.source_sha256,
        measured.sha256,
        measured.mask_sha256,
        measured.pixel_sha256,
        measured.phash,
        "" if measured.jpeg_quality is None else measured.jpeg_quality,
        task.policy,
    )
