"""The tables that stand beside the converted pictures: files.csv and rejected.csv."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from pipeline.conversion.journal import Entry
from pipeline.conversion.plan import Task
from pipeline.images.files import Rejected

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
    "phash",  # of the source, upright
    "phash_turned",  # of its seven other poses in a row, see `hashes.POSES`
    "jpeg_quality",  # of the source, nearest of libjpeg's; empty where it is no JPEG
    "policy",
    "page",  # of a file that holds several, from 0
    "official",  # side of the published split; empty where there is none
    "known_group",  # of the dataset's table of such; empty where there is none
]
REJECTED_COLUMNS = ["path", "reason"]


def files_table(tasks: Sequence[Task], entries: Mapping[str, Entry]) -> str:
    """Give the converted pictures as CSV with `FILE_COLUMNS`, in the order of `tasks`; nothing is ""."""
    return _as_csv(FILE_COLUMNS, (_row(task, entries[task.target]) for task in tasks))


def rejected_table(rejected: Iterable[Rejected]) -> str:
    """Give the files that are not used with their reasons as CSV, sorted."""
    return _as_csv(REJECTED_COLUMNS, sorted((file.path, file.reason) for file in rejected))


def _as_csv(columns: Sequence[str], rows: Iterable[tuple[str | int, ...]]) -> str:
    """Write as pandas does, which takes several times as long for rows that are no arrays."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


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
        measured.phash_turned,
        "" if measured.jpeg_quality is None else measured.jpeg_quality,
        task.policy,
        source.page,
        source.official,
        source.known_group,
    )
