"""What is to be screened, one picture after the other: a folder, a list of paths, or an address of either.

An address is what fsspec opens: `s3://bucket/scans`, `file:///srv/list.parquet`. Nothing is held in memory
but the names in one folder.
"""

import itertools
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

from pipeline.errors import UserError, not_installed
from pipeline.images.files import (
    BEGINNING_BYTES,
    Rejected,
    files_below,
    format_of_content,
    format_of_name,
    refuse,
    utf8_name,
    what_it_is,
)
from pipeline.storage import what_is_there

COLUMN = "path"  # of a Parquet list
_LONGEST_LINE = 32_768  # bytes of a path in a list; a text without line ends is none
_ROWS = 4_096  # of a Parquet list that are read at a time
_PARQUET = b"PAR1"


class Listed(NamedTuple):
    """A picture of an archive.

    Attributes:
        path: a file, with bytes that are not UTF-8 as surrogates; or an address.
        refused: why it is not to be opened, e.g. the raw file of a camera; "": it is.
    """

    path: str
    refused: str = ""


class PassedOver(NamedTuple):
    """A file that lies among pictures and is none, or a line without a path."""

    path: str


def is_address(where: str) -> bool:
    """Return whether something is opened by fsspec rather than by the operating system."""
    return "://" in where


def place_of(source: str) -> str:
    """Return a source as it is told apart from others, wherever a command is called.

    >>> place_of("s3://bucket/scans/")
    's3://bucket/scans'
    """
    return source.rstrip("/") if is_address(source) else str(Path(source).absolute())


def name_of(source: str) -> str:
    """Return what a screening of a source is called.

    >>> name_of("s3://bucket/scans/"), name_of("lists/march.parquet")
    ('scans', 'march')
    """
    path = (
        PurePosixPath(place_of(source).partition("://")[2]) if is_address(source) else Path(source).resolve()
    )
    is_list = path.suffix.lower() in {".txt", ".parquet", ".csv", ".list", ".lst"}
    return (path.stem if is_list else path.name) or "archive"


def still_there(source: str) -> bool:
    """Return whether a folder or list is where it was: what it held is not unreadable if it is not."""
    try:
        system, path = _opened(source)
        return bool(system.exists(path)) if system is not None else os.path.lexists(path)
    except Exception:  # a network that is away answers with anything
        return False


def list_archive(source: str) -> Iterator[Listed | PassedOver]:
    """Yield what lies in a folder and below it, sorted by folder, or what a list names.

    Raises:
        UserError: there is no such thing, or it cannot be read, or it is no folder and no list.
    """
    system, path = _opened(source)
    if system is None:
        if Path(path).is_dir():
            return _of_folder(Path(path).absolute())
        if not Path(path).exists():
            raise UserError(f"{source} is not there{what_is_there(Path(path))}; name a folder or a list")
    elif system.isdir(path):
        return _of_address(system, path)
    elif not system.exists(path):
        raise UserError(f"{source} is not there; name a folder or a list of paths")
    return _of_list(source)


def open_binary(where: str) -> IO[bytes]:
    """Open a file or an address.

    Raises:
        OSError: it cannot be opened, or is no file.
        UserError: fsspec, or the plugin for such addresses, is not installed.
    """
    system, path = _opened(where)
    if system is not None:
        opened: IO[bytes] = system.open(path, "rb")
        return opened
    if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - a name with surrogates; a pipe would wait
        raise OSError("it is no file")
    return open(path, "rb")  # noqa: PTH123 - the caller closes it


def _opened(where: str) -> tuple[Any, str]:
    """Return the file system of an address, None for that of this machine, and the path in it."""
    if not is_address(where):
        return None, where
    try:
        import fsspec
    except ModuleNotFoundError as error:
        raise UserError(f"{where} is an address: {not_installed(error)}") from error
    kind = where.partition("://")[0]
    try:
        system, path = fsspec.core.url_to_fs(where)
    except ImportError as error:  # which says which plugin
        raise UserError(
            f"{kind}:// addresses need a plugin of fsspec that is not installed: {error}"
        ) from error
    except ValueError as error:
        raise UserError(
            f"{where}: {error}; expected a folder, a list or an address such as s3://…"
        ) from error
    return system, path


def _of_folder(folder: Path) -> Iterator[Listed | PassedOver]:
    unlisted: list[Rejected] = []
    for path in files_below(folder, unlisted):
        yield _judged(path, refuse(path, for_tables=False))
        while unlisted:
            rejected = unlisted.pop()
            yield Listed(rejected.path, rejected.reason) if rejected.lost else PassedOver(rejected.path)
    yield from (Listed(each.path, each.reason) for each in unlisted if each.lost)


def _judged(path: Path, refusal: Rejected | None) -> Listed | PassedOver:
    if refusal is None:
        return Listed(str(path))
    return Listed(str(path), refusal.reason) if refusal.lost else PassedOver(str(path))


def _of_address(system: Any, top: str) -> Iterator[Listed | PassedOver]:
    for where, folders, files in system.walk(top):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in sorted(each for each in files if not each.startswith(".")):
            address = system.unstrip_protocol(f"{where.rstrip('/')}/{name}")
            yield Listed(address) if format_of_name(PurePosixPath(name)) else PassedOver(address)


def _of_list(source: str) -> Iterator[Listed | PassedOver]:
    try:
        with open_binary(source) as file:
            beginning = file.read(BEGINNING_BYTES)
            file.seek(0)
            if beginning.startswith(_PARQUET):
                paths = _rows(source, file)
            else:
                _require_text(source, beginning)
                paths = _lines(source, file)
            yield from _named(source, paths)
    except OSError as error:
        raise UserError(f"{source} cannot be read: {error.strerror or error}; it should be a list") from error


def _named(source: str, paths: Iterable[str]) -> Iterator[Listed | PassedOver]:
    """Yield what a list names; raise UserError where there is nothing of it at all: it is another list."""
    n_paths, one_is_there, first = 0, False, ""
    for path in paths:
        if not path:
            yield PassedOver(path)
            continue
        n_paths, first = n_paths + 1, first or path
        one_is_there = one_is_there or is_address(path) or os.path.lexists(path)
        yield Listed(path)
    if n_paths and not one_is_there:
        raise UserError(
            f"nothing that {source} names is there, first {utf8_name(Path(first))}; expected a path a line, "
            f"or a Parquet file with a column `{COLUMN}`, each absolute or from {Path.cwd()}"
        )


def _lines(source: str, file: IO[bytes]) -> Iterator[str]:
    for number in itertools.count(1):
        line = file.readline(_LONGEST_LINE + 1)
        if not line:
            return
        if len(line) > _LONGEST_LINE or b"\0" in line:
            raise UserError(f"{source} is no list of paths: line {number} is none; expected a path a line")
        text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        yield os.fsdecode(text.rstrip(b"\r\n"))


def _require_text(source: str, beginning: bytes) -> None:
    if kind := format_of_content(beginning):
        raise UserError(
            f"{source} is one picture ({kind}), and an archive is a folder or a list of paths; "
            f"python -m pipeline.predict {source} answers for one"
        )
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UserError(f"{source} is a text in UTF-16; save the list in UTF-8")
    if beginning and (b"\0" in beginning or (words := what_it_is(beginning))):
        known = "" if b"\0" in beginning else f"; {words}"
        raise UserError(
            f"{source} is no list of paths{known}; expected a text with a path a line, or Parquet"
        )


def _rows(source: str, file: IO[bytes]) -> Iterator[str]:
    from pyarrow import ArrowException, parquet, types

    try:
        table = parquet.ParquetFile(file)
        fields = {field.name: field.type for field in table.schema_arrow}
        if COLUMN not in fields:
            raise UserError(
                f"{source} has no column `{COLUMN}`; it has {', '.join(sorted(fields)) or 'none'}. Name the "
                f"column that holds the paths `{COLUMN}`"
            )
        if not (types.is_string(fields[COLUMN]) or types.is_large_string(fields[COLUMN])):
            raise UserError(f"the column `{COLUMN}` of {source} holds {fields[COLUMN]}; expected texts")
        for batch in table.iter_batches(_ROWS, columns=[COLUMN]):
            yield from (each or "" for each in batch.column(0).to_pylist())
    except (ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"{source} is a broken Parquet file ({reason}); write it again") from error
