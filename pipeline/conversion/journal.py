"""What a conversion remembers: which file came out of which, so that nothing is done twice.

A line is appended for each picture as soon as its files are in place. A conversion that was killed goes
on from there; the next one of the same folder begins from there. The journal lies beside the folder,
not in it, because it holds times of this machine's files and is no result.
"""

import contextlib
import csv
import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pipeline.storage import cannot_write, write_text

# A file that was written less than this before it was looked at may change without its times changing,
# where a file system counts in full seconds (FAT counts in pairs).
_UNSURE_NS = 2_000_000_000


class Stamp(NamedTuple):
    """What the file system says of a file; all of it the same means that its bytes are the same."""

    size: int
    modified_ns: int
    changed_ns: int
    inode: int


@dataclass(frozen=True)
class Measured:
    """What was found out about one picture; names and meaning as in files.csv."""

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


@dataclass(frozen=True)
class Entry:
    """One picture as it was converted.

    Attributes:
        target: as in `plan.Task`, like `mask_target` and `policy`.
        measured: what goes into files.csv.
        mask_reason: why the picture's mask could not be used; "" where it could or there is none.
        stamps: of source, target, source of the mask, mask; None for what is not there or not known.
        recorded_ns: when, in nanoseconds since 1970.
    """

    target: str
    mask_target: str
    policy: str
    measured: Measured
    mask_reason: str
    stamps: tuple[Stamp | None, ...]
    recorded_ns: int


def stamp_of(path: Path | str | None) -> Stamp | None:
    """Look at a file; None where there is none."""
    if path is None:
        return None
    try:
        status = os.stat(path)  # noqa: PTH116 - called for every picture, and a Path costs as much again
    except OSError:
        return None
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def now_ns() -> int:
    """Give the clock that file times are compared with."""
    return time.time_ns()


def is_unchanged(entry: Entry, stamps: tuple[Stamp | None, ...]) -> bool:
    """Tell whether the files are those that were there when the entry was made, by their stamps alone."""
    source, target, mask_source, _ = entry.stamps
    return (
        entry.stamps == stamps
        and target is not None
        and is_settled(source, entry.recorded_ns)
        and (mask_source is None or is_settled(mask_source, entry.recorded_ns))
    )


def is_settled(stamp: Stamp | None, recorded_ns: int) -> bool:
    """Tell whether a file that was looked at then could not change later without its stamp."""
    return stamp is not None and stamp.changed_ns < recorded_ns - _UNSURE_NS


def journal_path(output: Path) -> Path:
    """Give the journal of an output folder: `data/.converted.journal` for `data/converted`."""
    return output.with_name(f".{output.name}.journal")


def read_journal(path: Path) -> dict[str, Entry]:
    """Give the entries by target, of several the last; a line that was cut off is passed over."""
    entries: dict[str, Entry] = {}
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if entry := _parse(line):
                    entries[entry.target] = entry
    except FileNotFoundError:
        pass
    return entries


def read_table(path: Path) -> dict[str, Entry]:
    """Give the rows of files.csv as entries without stamps, for a folder that came without its journal."""
    entries: dict[str, Entry] = {}
    with (
        contextlib.suppress(OSError, ValueError, KeyError, csv.Error),
        path.open(encoding="utf-8", newline="") as file,
    ):
        for row in csv.DictReader(file):
            measured = Measured(
                row["source_format"],
                int(row["width"]),
                int(row["height"]),
                int(row["bytes"]),
                row["source_sha256"],
                row["sha256"],
                row["mask_sha256"],
                row["pixel_sha256"],
                row["phash"],
                row["phash_turned"],
                int(row["jpeg_quality"]) if row["jpeg_quality"] else None,
            )
            stamps = (None, None, None, None)
            entries[row["path"]] = Entry(
                row["path"], row["mask_path"], row["policy"], measured, "", stamps, 0
            )
    return entries


def write_journal(path: Path, entries: Iterable[Entry]) -> None:
    """Replace the journal by one line for each entry."""
    write_text(path, "".join(_line(entry) for entry in entries))


class JournalWriter:
    """Appends entries to a journal; what was appended is on its way to the disk when the call returns.

    Raises:
        UserError: on opening, appending or closing: it cannot be written, or the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._plain_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a", encoding="utf-8")
            self._file.write("\n")  # ends a line that was cut off

    def append(self, entries: Iterable[Entry]) -> None:
        """Write one line for each entry."""
        with self._plain_errors():
            self._file.write("".join(_line(entry) for entry in entries))
            self._file.flush()

    def close(self) -> None:
        """Let the file go."""
        with self._plain_errors():
            self._file.close()

    @contextlib.contextmanager
    def _plain_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise cannot_write(self._path, error) from error


def _line(entry: Entry) -> str:
    measured = list(vars(entry.measured).values())
    values = [entry.target, entry.mask_target, entry.policy, measured, entry.mask_reason, entry.stamps]
    return json.dumps([*values, entry.recorded_ns], separators=(",", ":")) + "\n"


def _parse(line: str) -> Entry | None:
    try:
        target, mask_target, policy, measured, mask_reason, stamps, recorded_ns = json.loads(line)
        known = tuple(None if stamp is None else Stamp(*stamp) for stamp in stamps)
        return Entry(target, mask_target, policy, Measured(*measured), mask_reason, known, recorded_ns)
    except (ValueError, TypeError, RecursionError):
        return None
