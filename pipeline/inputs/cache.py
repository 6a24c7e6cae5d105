"""Where decoded pictures are kept between epochs: in memory, in a file without a name, or nowhere."""

import mmap
import os
import shutil
import tempfile

import numpy as np

from pipeline.errors import UserError

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
        """Give (size,) uint8 to fill, or None where nothing is to be kept.

        Args:
            size: in bytes.
            pictures: that shall be kept in it, for the message.

        Raises:
            UserError: memory or disk was asked for by name, and there is not enough of it.
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
