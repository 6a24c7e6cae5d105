"""What a screening knows between two starts, on disk: what is to be looked at, and what was, by its hash.

The parts of the answers are what counts: a ledger that is lost, damaged or of another version is made anew
from them. Memory does not grow with the archive.
"""

import itertools
import json
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.screening.archive import Listed, PassedOver
from pipeline.storage import open_database, sqlite_errors

LEDGER = ".ledger.sqlite"
_VERSION = 1
_TOGETHER = 5_000  # rows of one statement
_IN_A_QUERY = 500  # values, below SQLite's limit
_TABLES = """
CREATE TABLE pictures (number INTEGER PRIMARY KEY, name TEXT UNIQUE, path BLOB, refused TEXT, part INTEGER);
CREATE INDEX waiting ON pictures (number) WHERE part IS NULL;
CREATE INDEX parts ON pictures (part);
CREATE TABLE seen (sha256 TEXT PRIMARY KEY, answer TEXT) WITHOUT ROWID;
"""


class Waiting(NamedTuple):
    """A picture without an answer: its number, its name in tables, where it is opened, why it is not."""

    number: int
    name: str
    path: str
    refused: str


class Ledger:
    """An SQLite file beside the answers.

    Raises:
        UserError: by each method: it cannot be written, or the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with sqlite_errors(path):
            self._db = open_database(path, _VERSION, _TABLES)
            try:
                (found,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
            except sqlite3.DatabaseError as error:
                found = str(error)
            if found != "ok":
                self._db.close()
                self._db = open_database(path, _VERSION, _TABLES, anew=True)

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *error: object) -> None:
        self._db.close()

    def add(self, listed: Iterable[Listed | PassedOver]) -> int:
        """Note pictures that are not known yet, all or none; return how many things were no pictures."""
        passed_over = 0
        with sqlite_errors(self._path), self._db:
            names = iter(listed)
            while together := list(itertools.islice(names, _TOGETHER)):
                pictures = [each for each in together if isinstance(each, Listed)]
                passed_over += len(together) - len(pictures)
                self._db.executemany(
                    "INSERT OR IGNORE INTO pictures (name, path, refused) VALUES (?, ?, ?)",
                    [_row(each) for each in pictures],
                )
        return passed_over

    def count(self) -> tuple[int, int]:
        """Return how many pictures there are, and how many of them wait for an answer."""
        return self._number("SELECT count(*) FROM pictures"), self._number(
            "SELECT count(*) FROM pictures WHERE part IS NULL"
        )

    def waiting(self, most: int) -> list[Waiting]:
        """Return the first pictures without an answer, in the order in which they were listed."""
        query = "SELECT number, name, path, refused FROM pictures WHERE part IS NULL ORDER BY number LIMIT ?"
        with sqlite_errors(self._path):
            rows = self._db.execute(query, (most,)).fetchall()
        return [
            Waiting(number, name, name if path is None else os.fsdecode(path), refused)
            for number, name, path, refused in rows
        ]

    def seen(self, hashes: Iterable[str]) -> dict[str, Any]:
        """Return the answers that are known, by the hash of the picture."""
        known: dict[str, Any] = {}
        wanted = iter(dict.fromkeys(hashes))
        while some := list(itertools.islice(wanted, _IN_A_QUERY)):
            query = f"SELECT sha256, answer FROM seen WHERE sha256 IN ({', '.join('?' * len(some))})"
            with sqlite_errors(self._path):
                known |= {sha256: json.loads(answer) for sha256, answer in self._db.execute(query, some)}
        return known

    def remember(self, answers: Mapping[str, Any]) -> None:
        """Keep answers by the hash of the picture, all or none."""
        rows = [(sha256, json.dumps(answer, separators=(",", ":"))) for sha256, answer in answers.items()]
        with sqlite_errors(self._path), self._db:
            self._db.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?)", rows)

    def finish(self, part: int, numbers: Sequence[int]) -> None:
        """Note that pictures are answered in a part."""
        with sqlite_errors(self._path), self._db:
            rows = [(part, number) for number in numbers]
            self._db.executemany("UPDATE pictures SET part = ? WHERE number = ?", rows)

    def parts(self) -> set[int]:
        """Return the parts that pictures are answered in."""
        with sqlite_errors(self._path):
            rows = self._db.execute("SELECT DISTINCT part FROM pictures WHERE part IS NOT NULL")
            return {part for (part,) in rows}

    def forget(self, part: int) -> None:
        """Note that a part is gone: its pictures wait for an answer again, what was seen is still known."""
        with sqlite_errors(self._path), self._db:
            self._db.execute("UPDATE pictures SET part = NULL WHERE part = ?", (part,))

    def take_in(self, part: int, answered: Iterable[str], answers: Mapping[str, Any]) -> None:
        """Note a part that was written and not noted: names in tables, and answers by hash."""
        self.remember(answers)
        with sqlite_errors(self._path), self._db:
            self._db.executemany(
                "INSERT INTO pictures (name, refused, part) VALUES (?, '', ?) "
                "ON CONFLICT (name) DO UPDATE SET part = excluded.part",
                [(name, part) for name in answered],
            )

    def _number(self, query: str) -> int:
        with sqlite_errors(self._path):
            return int(self._db.execute(query).fetchone()[0])


def _row(listed: Listed) -> tuple[str, bytes | None, str]:
    name = os.fsencode(listed.path).decode("utf-8", errors="backslashreplace")
    return name, None if name == listed.path else os.fsencode(listed.path), listed.refused
