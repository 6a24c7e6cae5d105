"""Where decoded pictures are kept between epochs: in memory, in a file without a name, or nowhere."""

import mmap
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.config import Inputs
from pipeline.errors import UserError
from pipeline.inputs.load import Loaded, load, loaded_shape

_GIB = 2**30
_SHARE = 0.5  # of the machine's memory, of the free disk: others need some too


class PictureCache:
    """Hands out arrays for decoded pictures, within limits.

    Args:
        kind: `memory`, `disk` or `none`; `auto` takes the first of these that has room.
        memory_gib: the most that all arrays in memory may take together; `auto` keeps to half of the
            machine's memory besides. The disk is limited by half of what is free in the folder for
            temporary files (TMPDIR).
    """

    def __init__(self, kind: str, memory_gib: float) -> None:
        self.kind = kind
        limit = memory_gib * _GIB
        self._memory_left = min(limit, _SHARE * _physical_memory()) if kind == "auto" else limit

    def room_for(self, size: int, pictures: int) -> np.ndarray | None:
        """Return (size,) uint8 to fill, or None where nothing is to be kept.

        Raises:
            UserError: memory or disk was asked for by name and has no room for so many pictures.
        """
        if self.kind == "none" or not size:
            return None
        if self.kind in ("auto", "memory") and size <= self._memory_left:
            self._memory_left -= size
            return _in_memory(size)
        disk_left = _SHARE * shutil.disk_usage(tempfile.gettempdir()).free
        if self.kind in ("auto", "disk") and size <= disk_left:
            return _on_disk(size)
        if self.kind == "auto":
            return None
        left, advice = disk_left, f"free some space in {tempfile.gettempdir()} (TMPDIR)"
        if self.kind == "memory":
            left, advice = self._memory_left, "raise runtime.cache_gib"
        raise UserError(
            f"runtime.cache={self.kind}: {pictures:,} decoded pictures take {size / _GIB:.3f} GiB and "
            f"{left / _GIB:.3f} GiB are left for them; {advice}, or set runtime.cache=auto"
        )


def _in_memory(size: int) -> np.ndarray:
    """Map memory whose pages are taken as pictures come in.

    NumPy would ask for huge pages. A virtual machine often has to get those from its host first, which
    was seen to cost as much time for a picture as its augmentation; small pages come from what is free.
    """
    return np.frombuffer(mmap.mmap(-1, size), np.uint8)


def _on_disk(size: int) -> np.ndarray:
    """Map a file that has no name, so that nothing stays behind, not even after `kill -9`."""
    with tempfile.TemporaryFile() as file:
        # Written to beyond a full disk, a mapping ends the process; so the space is taken first.
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        return np.memmap(file, np.uint8, "r+" if os.fstat(file.fileno()).st_size else "w+", shape=(size,))


def _physical_memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class File:
    """Where a picture lies, and its height and width in pixels, upright."""

    path: Path  # its hash is checked before training
    height: int
    width: int
    page: int = 0  # of a TIFF with several


class DecodedPictures:
    """The pictures of a table by row number as `load` gives them, each decoded once where the cache has room.

    That room is claimed at once. Threads may share it.

    Attributes:
        failure: why a picture could not be read, once that has happened; TensorFlow, in whose threads
            it happens, passes on no more than the text of an exception.
    """

    def __init__(self, files: Sequence[File], inputs: Inputs, cache: PictureCache) -> None:
        self.files = list(files)
        self.inputs = inputs
        self.failure: UserError | None = None
        self._shapes = [loaded_shape(file.height, file.width, inputs) for file in files]
        sizes = np.array([height * width * 3 for height, width in self._shapes], np.int64)
        self._starts = np.concatenate([[0], np.cumsum(sizes)])
        self._kept = cache.room_for(int(self._starts[-1]), len(self.files))
        self._is_kept = np.zeros(len(self.files), bool)
        self._tables = np.zeros((len(self.files), 8, 8), np.float32)

    def __len__(self) -> int:
        return len(self.files)

    def shape(self, row: int) -> tuple[int, int]:
        """Return height and width of a picture, without reading it."""
        return self._shapes[row]

    def __getitem__(self, row: int) -> Loaded:
        """Return a picture, not to be written to.

        Raises:
            UserError: it cannot be read, or is not as large as the table says; also kept in `failure`.
        """
        if self._kept is not None and self._is_kept[row]:
            return Loaded(self._slot(row), self._tables[row])
        try:
            picture = self._read(row)
        except UserError as error:
            self.failure = error
            raise
        if self._kept is not None:
            self._slot(row)[:] = picture.pixels
            self._tables[row] = picture.quantisation
            self._is_kept[row] = True  # after the pixels: another thread may be waiting for them
        return picture

    def _read(self, row: int) -> Loaded:
        file = self.files[row]
        picture = load(file.path, self.inputs, known_whole=True, page=file.page)
        if picture.pixels.shape[:2] != self._shapes[row]:
            height, width = picture.pixels.shape[:2]
            raise UserError(
                f"{file.path} has {width}×{height} pixels on its grid, and its table says {file.width}×"
                f"{file.height}; build the tables anew with make repro, or python -m pipeline.manifest"
            )
        return picture

    def _slot(self, row: int) -> np.ndarray:
        assert self._kept is not None
        flat = self._kept[self._starts[row] : self._starts[row + 1]]
        return flat.reshape(*self._shapes[row], 3)
