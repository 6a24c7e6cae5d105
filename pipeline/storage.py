"""Writes that replace a file whole: a reader meets the old content or the new, never half.

Also what to say of a path that leads nowhere.
"""

import contextlib
import csv
import errno
import hashlib
import json
import os
import secrets
import shutil
import sqlite3
import unicodedata
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock

from pipeline.errors import UserError

if TYPE_CHECKING:  # workers that write files need no tables, and start faster without
    import pandas as pd

PARTIAL_SUFFIX = ".partial"
_LONGEST_NAME = 255  # bytes, of the file systems in use
_LONGEST_ENDING = 32
_PATIENCE_SECONDS = 5.0  # with another process that has a database open


def fitting(name: str, ending: str = "", most: int = _LONGEST_NAME) -> str:
    """Return the name of a file, cut where a file system has no room for it, and told apart by a hash then.

    >>> fitting("a", ".jpg")
    'a.jpg'
    >>> fitting("b" * 300, ".jpg")[-20:], len(fitting("b" * 300, ".jpg"))
    ('bbb~dccc1450d6fc.jpg', 255)
    """
    if len(os.fsencode(name + ending)) <= most:
        return name + ending
    told_apart = f"~{hashlib.sha256(os.fsencode(name)).hexdigest()[:12]}{ending}"
    kept = os.fsencode(name)[: most - len(os.fsencode(told_apart))]
    return kept.decode(errors="ignore") + told_apart


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a name beside `path` to write to, and rename it onto `path` when the block ends.

    A block that raises leaves `path` as it was and removes what it had written. The name ends as `path` does,
    for writers that look at the ending. Raises UserError where it cannot be written, or the disk is full.
    """
    ending = path.suffix if len(os.fsencode(path.suffix)) <= _LONGEST_ENDING else ""
    partial = path.with_name(f".{secrets.token_hex(4)}{PARTIAL_SUFFIX}{ending}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def cannot_write(path: Path, error: OSError) -> UserError:
    """Return in words why `path` could not be written and what to do about it."""
    advice = {
        errno.ENOSPC: "free some space on that disk",
        errno.EDQUOT: "free some of your quota on that disk",
        errno.EFBIG: "raise the limit on file sizes (ulimit -f) or use another disk",
        errno.EACCES: "give yourself the right to write there",
        errno.EPERM: "give yourself the right to write there",
        errno.EROFS: "choose a folder on a disk that can be written to",
    }.get(error.errno or 0, "check the folder")
    return UserError(
        f"cannot write {path}: {error.strerror or error}; {advice}, then run the same command "
        "again. Earlier results were left as they were."
    )


@contextlib.contextmanager
def sqlite_errors(path: Path) -> Iterator[None]:
    """Raise UserError where the block finds that a database cannot be written, or the disk is full."""
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error) from error
    except sqlite3.Error as error:
        number = {sqlite3.SQLITE_FULL: errno.ENOSPC, sqlite3.SQLITE_READONLY: errno.EACCES}.get(
            getattr(error, "sqlite_errorcode", 0) & 0xFF, 0
        )
        raise cannot_write(path, OSError(number, str(error))) from error


def open_database(path: Path, version: int, tables: str, *, anew: bool = False) -> sqlite3.Connection:
    """Open an SQLite file that is a memory of ours and no result, for this process alone.

    Args:
        path: of it; one that is damaged, of another version or no such thing is begun anew.
        version: of what is in it.
        tables: the statements that make them.
        anew: begin anew in any case.

    Raises:
        OSError, sqlite3.Error: to be said by `sqlite_errors`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not anew:
        opened = sqlite3.connect(path, timeout=_PATIENCE_SECONDS)
        try:
            _for_this_process(opened)
            if opened.execute("PRAGMA user_version").fetchone() == (version,):
                return opened
        except sqlite3.OperationalError:
            opened.close()
            raise
        except sqlite3.DatabaseError:
            pass
        opened.close()
    for each in (path, path.with_name(f"{path.name}-journal")):
        each.unlink(missing_ok=True)
    begun = sqlite3.connect(path, timeout=_PATIENCE_SECONDS)
    _for_this_process(begun)
    with begun:
        begun.executescript(f"{tables}; PRAGMA user_version = {version};")
    return begun


def _for_this_process(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA locking_mode = EXCLUSIVE")  # no lock files beside it
    # A killed process loses nothing by this; a computer without power may, and everything is looked at again.
    database.execute("PRAGMA synchronous = OFF")


def write_bytes(path: Path, content: bytes) -> None:
    """Replace `path` by `content`."""
    with replacing(path) as partial:
        partial.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Replace `path` by `content` in UTF-8 with POSIX line ends."""
    write_bytes(path, content.encode("utf-8"))


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Replace `path` by readable JSON; NaN is refused because JSON has none."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def write_csv(path: Path, table: "pd.DataFrame") -> None:
    """Replace `path` by a CSV without an index column."""
    text = table.to_csv(index=False, lineterminator="\n")
    if "\r" in text:  # in a name: it ends a row for those who read, and is not quoted by itself
        text = table.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_ALL)
    write_text(path, text)


@contextlib.contextmanager
def unbroken(path: Path, again: str) -> Iterator[None]:
    """Raise UserError where reading a file that we wrote shows that it is not there, or not as we wrote it.

    Args:
        path: the file.
        again: how a user gets a whole one.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise UserError(f"{path} is not there; {again}") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error}); {again}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error).partition("\n")[0]
        raise UserError(f"{path} is broken, or another version wrote it ({reason}); {again}") from error


def read_json(path: Path, again: str, *keys: str) -> dict[str, Any]:
    """Read an object of JSON that has some keys; raise as `unbroken`."""
    with unbroken(path, again):
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise TypeError(f"found {type(content).__name__}, expected keys with values")
        for key in keys:
            content[key]
        return content


@contextlib.contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside `folder` to write to, and put it in its place when the block ends.

    A block that raises leaves `folder` as it was and removes what it had written. What a killed
    writer left behind is cleared away by the next, so there must be one writer at a time.
    Raises UserError where it cannot be written, or the disk is full.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    earlier = folder.with_name(f".{folder.name}.earlier")
    try:
        if earlier.exists() and not folder.exists():  # killed between the two renames below
            earlier.replace(folder)
        _clear(partial, earlier)
        partial.mkdir(parents=True)
        yield partial
        if folder.exists():
            folder.replace(earlier)
        partial.replace(folder)
        _clear(earlier)
    except OSError as error:
        raise cannot_write(folder, error) from error
    finally:
        with contextlib.suppress(OSError):
            _clear(partial)


def _clear(*folders: Path) -> None:
    for folder in folders:
        if folder.exists():
            shutil.rmtree(folder)


LOCK_FOLDER = Path(".locks")


@contextlib.contextmanager
def sole_writer(output: Path, lock_file: Path | None = None) -> Iterator[None]:
    """Hold the lock of `output`, which the operating system lets go when the process ends.

    It lies in `LOCK_FOLDER`, or is `lock_file`. Raises UserError where another process holds it.
    """
    name = fitting(output.as_posix().strip("/").replace("/", "-"), ".lock")
    path = lock_file or LOCK_FOLDER / name
    lock = filelock.FileLock(path)
    try:
        path.parent.mkdir(parents=lock_file is not None, exist_ok=True)
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise UserError(
            f"{output} is being written by another process (it holds {lock.lock_file}); "
            "wait until it ends, or end it, then run the same command again"
        ) from error
    except OSError as error:
        if path.is_symlink():  # which is not followed: locking empties a file
            raise UserError(f"{path} is a link, where a lock is a file of its own; remove it") from error
        raise cannot_write(path, error) from error
    try:
        yield
    finally:
        lock.release()


# Where a path of a user's leads nowhere: what is there in its place.

_LISTED = 5  # names in a message


def local_path(where: str, key: str) -> Path:
    """Return a path; raise UserError for an address (https://…), which a path would quietly cut short.

    >>> local_path("data//raw", "data.root").as_posix()
    'data/raw'
    """
    if "://" in where:
        raise UserError(
            f"{key} is {where}, an address, and only files of this machine are read; download what is there, "
            "and name the file or folder that it lies in"
        )
    return Path(where)


def other_spelling(path: Path) -> Path | None:
    """Return what is there under the name of `path` but for case and the form of accents, else None."""
    return _nearest(path, close=False)[0]


def what_is_there(path: Path) -> str:
    """Return what goes behind a message that `path` is not there: `; /abs/Genuine is there`."""
    near, above = _nearest(path, close=True)
    if near is not None:
        return f"; {near} is there"
    if above != path.parent:
        return f"; {path.parent} is not there either"
    with contextlib.suppress(OSError):
        names = [each.name + "/" * each.is_dir() for each in sorted(above.iterdir())]
        shown = [name for name in names if not name.startswith(".")]
        more = f" and {len(shown) - _LISTED} more" if len(shown) > _LISTED else ""
        return f"; in {above.resolve()} there is {', '.join(shown[:_LISTED]) or 'nothing'}{more}"
    return ""


def _nearest(path: Path, close: bool) -> tuple[Path | None, Path]:
    """Return what is there under a like name, part by part, or None; and the last folder on the way."""
    above = next((each for each in path.parents if each.is_dir()), Path())
    parts = path.relative_to(above).parts if path.is_relative_to(above) else path.parts
    for part in parts:
        try:
            names = {folded(each.name): each for each in sorted(above.iterdir(), reverse=True)}
        except OSError:
            return None, above
        alike = get_close_matches(folded(part), names, n=1, cutoff=0.75 if close else 1.0)
        if not alike:
            return None, above
        above = names[alike[0]]
    return above, above


def folded(name: str) -> str:
    r"""Return a name as it is compared with others: in any case, and in any form of accents.

    >>> folded("Cafe\u0301") == folded("CAF\u00c9")
    True
    """
    return unicodedata.normalize("NFC", name).casefold()
