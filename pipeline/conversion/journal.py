"""What a conversion remembers beside its folder, so that nothing is opened or done twice.

What was found out is in place as soon as it is, so a conversion that was killed goes on from there; the next
one of the same folder begins from there. The journal lies beside the folder, not in it, because it holds
times of this machine's files and is no result.
"""

import json
import os
import sqlite3
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.storage import open_database, sqlite_errors

_VERSION = 2  # raise it when what is remembered changes its form: then everything is looked at again
# A file that was written less than this before it was looked at may change without its times changing,
# where a file system counts in full seconds (FAT counts in pairs).
_UNSURE_NS = 2_000_000_000
_AT_ONCE = 1024  # values that are parsed together: one by one takes twice as long
_TABLE = "CREATE TABLE memory (kind TEXT, key TEXT, value TEXT, PRIMARY KEY (kind, key)) WITHOUT ROWID"


def journal_path(output: Path) -> Path:
    """Return the journal of an output folder.

    >>> journal_path(Path("data/converted")).as_posix()
    'data/.converted.journal'
    """
    return output.with_name(f".{output.name}.journal")


class Journal:
    """Kinds of keys with what is known of each, in an SQLite file.

    A file that is damaged, of another version or no such thing is begun anew.

    Raises:
        UserError: by each method: it cannot be written, or the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with sqlite_errors(path):
            self._db = open_database(path, _VERSION, _TABLE)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *error: object) -> None:
        self._db.close()

    def read(self, kind: str) -> dict[str, Any]:
        """Return what is known of each key of a kind."""
        with sqlite_errors(self._path):
            try:
                rows = self._db.execute("SELECT key, value FROM memory WHERE kind = ?", (kind,))
                known: dict[str, Any] = {}
                while some := rows.fetchmany(_AT_ONCE):
                    keys, values = zip(*some, strict=True)
                    known.update(zip(keys, json.loads(f"[{','.join(values)}]"), strict=True))
                return known
            except sqlite3.OperationalError:
                raise
            except (sqlite3.DatabaseError, ValueError):
                self._begin_anew()
                return {}

    def write(self, kind: str, known: Mapping[str, Any]) -> None:
        """Remember values that JSON can hold, all of them or none."""
        rows = [(kind, key, json.dumps(value, separators=(",", ":"))) for key, value in known.items()]
        self._change("INSERT OR REPLACE INTO memory VALUES (?, ?, ?)", rows)

    def keep(self, kind: str, keys: Collection[str]) -> None:
        """Forget all other keys of a kind."""
        with sqlite_errors(self._path):
            there = self._db.execute("SELECT key FROM memory WHERE kind = ?", (kind,)).fetchall()
        stale = {key for (key,) in there}.difference(keys)
        self._change("DELETE FROM memory WHERE kind = ? AND key = ?", [(kind, key) for key in stale])

    def _change(self, statement: str, rows: Sequence[tuple[str, ...]]) -> None:
        if rows:
            with sqlite_errors(self._path), self._db:
                self._db.executemany(statement, rows)

    def _begin_anew(self) -> None:
        self._db.close()
        self._db = open_database(self._path, _VERSION, _TABLE, anew=True)


def stamp(*paths: Path | str | None) -> str:
    """Write down what the file system says of files; all of it the same means that their bytes are the same.

    Returns:
        size, times of change in nanoseconds and inode of each, `-` for what is not there.
    """
    return ";".join(map(_status, paths))


def size_of(path: Path) -> int:
    """Return the size of a file in bytes; 0 where it is gone."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def settled_stamp(*paths: Path | str | None) -> str:
    """Write down the same of files that could not change any more without it; else ""."""
    now = time.time_ns()
    found = [_status(path) for path in paths]
    changed = [int(each.split(",")[2]) for each in found if each != "-"]
    return ";".join(found) if all(when < now - _UNSURE_NS for when in changed) else ""


def _status(path: Path | str | None) -> str:
    if path is None:
        return "-"
    try:
        status = os.stat(path)  # noqa: PTH116 - called for every picture, and a Path costs as much again
    except OSError:
        return "-"
    return f"{status.st_size},{status.st_mtime_ns},{status.st_ctime_ns},{status.st_ino}"
