"""One writer at a time for each output folder."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import filelock

from pipeline.errors import UserError

LOCK_FOLDER = Path(".locks")


@contextlib.contextmanager
def sole_writer(output: Path) -> Iterator[None]:
    """Hold the lock of `output`; the operating system lets it go when the process ends.

    Raises:
        UserError: another process holds it.
    """
    LOCK_FOLDER.mkdir(exist_ok=True)
    lock = filelock.FileLock(LOCK_FOLDER / (output.as_posix().strip("/").replace("/", "-") + ".lock"))
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise UserError(
            f"{output} is being written by another process (it holds {lock.lock_file}); "
            "wait until it ends, or end it, then run the same command again"
        ) from error
    try:
        yield
    finally:
        lock.release()
