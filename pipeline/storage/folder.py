"""A folder that is replaced whole: its readers meet the old files or the new ones, never a mixture."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from pipeline.storage.atomic import cannot_write


@contextlib.contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Give an empty folder beside `folder` to write to; put it in the place of `folder` when the block ends.

    A block that raises leaves `folder` as it was and removes what it had written. What a killed
    writer left behind is cleared away by the next, so there must be one writer at a time.

    Raises:
        UserError: it cannot be written, or the disk is full.
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
    """Delete folders, those that are there."""
    for folder in folders:
        if folder.exists():
            shutil.rmtree(folder)
