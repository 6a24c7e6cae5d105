"""Converted pictures of other data or another policy wait beside the folder until they are wanted again."""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.conversion.journal import journal_path
from pipeline.storage import write_text

MOST = 3  # folders that wait; the ones that were left longest ago are deleted


@contextlib.contextmanager
def converting(output: Path, settings: dict[str, Any]) -> Iterator[None]:
    """Put what was converted with `settings` in place of what lies in `output`, with its journal.

    Where the block raises, what lay there lies there again, and what was done waits.

    Args:
        output: the folder of converted pictures.
        settings: what tells one conversion from another; all that JSON can hold.
    """
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
    note = output.with_name(f".{output.name}.key")
    earlier = note.read_text(encoding="utf-8").strip() if note.is_file() else key
    if earlier != key and output.is_dir():
        _exchange(output, earlier, key)
    write_text(note, f"{key}\n")
    try:
        yield
    except BaseException:
        if earlier != key and _waiting(output, earlier).is_dir():
            _exchange(output, key, earlier)
            write_text(note, f"{earlier}\n")
        raise
    waiting = sorted(output.parent.glob(f".{output.name}.*.aside"), key=lambda path: path.stat().st_mtime)
    for folder in waiting[:-MOST]:
        shutil.rmtree(folder, ignore_errors=True)
        journal_path(folder).unlink(missing_ok=True)


def _waiting(output: Path, key: str) -> Path:
    return output.with_name(f".{output.name}.{key}.aside")


def _exchange(output: Path, leaving: str, wanted: str) -> None:
    _move(output, _waiting(output, leaving))
    _move(_waiting(output, wanted), output)


def _move(source: Path, target: Path) -> None:
    """Rename a folder, if it is there, and its journal."""
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        source.rename(target)
        target.touch()  # left just now
        if journal_path(source).is_file():
            journal_path(source).replace(journal_path(target))
