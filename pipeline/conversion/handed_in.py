"""What was handed in, as one line a folder: what DVC watches instead of the pictures themselves.

DVC would open each file of a dependency by itself: it ends at a name that is not UTF-8 or a link that leads
nowhere, without saying where, and waits for ever for a pipe. Here whatever lies in the folders is a line of
a digest, and what is no picture ends as its row in `rejected.csv`, as it does by hand. The bytes of a file
are read when its size, times or inode have changed.
"""

import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pipeline.conversion.journal import Journal, settled_stamp, stamp
from pipeline.errors import UserError
from pipeline.images.files import Rejected, files_below

_CONTENT = "content"  # what the journal knows: of files by path, their stamp and the hash of their bytes


class Folder(NamedTuple):
    """What lies in a folder, and in the folders below it; or what is in one file."""

    files: int
    sha256: str  # of names and bytes


def look_through(paths: Iterable[str], journal: Journal) -> dict[str, Folder]:
    """Return what lies at each path, a folder or a file; of what is not there, no files.

    No file is opened that is not a regular one, or that has not changed since the journal knew it. Links are
    followed. Files whose names begin with a dot do not count.
    """
    known = journal.read(_CONTENT)
    found: dict[str, list[str]] = {}
    folders = {}
    for path in dict.fromkeys(paths):
        lines = sorted(_lines(Path(path), known, found))
        folders[path] = Folder(len(lines), hashlib.sha256("\n".join(lines).encode()).hexdigest())
    journal.write(_CONTENT, {name: value for name, value in found.items() if known.get(name) != value})
    journal.keep(_CONTENT, found)
    return folders


def _lines(top: Path, known: dict[str, list[str]], found: dict[str, list[str]]) -> Iterable[str]:
    """Yield names and contents, escaped so that a line is one file; note in `found` what was read."""
    unlisted: list[Rejected] = []
    try:
        files = list(files_below(top, unlisted)) if top.is_dir() else [top] * os.path.lexists(top)
    except UserError as error:
        files, unlisted = [], [Rejected(str(top), str(error))]
    # Of a hundred thousand files, parts of a Path would cost as much again as all else.
    whole, start = os.fspath(top.absolute() / "x")[:-1], len(os.fspath(top / "x")) - 1
    for path in files:
        below = os.fsencode(os.fspath(path)[start:]).decode("utf-8", "backslashreplace")
        yield f"{below or '.'!r} {_content(path, whole + below, known, found)}"
    yield from (f"{file.path!r} {file.reason}" for file in unlisted)


def _content(path: Path, name: str, known: dict[str, list[str]], found: dict[str, list[str]]) -> str:
    """Return the hash of a file's bytes, or what it is instead of a file; `name` is that in the journal."""
    remembered = known.get(name)
    if remembered is not None and remembered[0] == stamp(path):  # no other than a file was remembered
        found[name] = remembered
        return remembered[1]
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return "no file"
        settled = settled_stamp(path)
        with path.open("rb", buffering=0) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if settled:
            found[name] = [settled, digest]
        return digest
    except OSError as error:
        return error.strerror or "unreadable"
