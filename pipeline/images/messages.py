"""What the libraries under Pillow say about a picture goes to the log, not over the progress bar.

libtiff writes its complaints to the file descriptor 2, past `sys.stderr`; Pillow uses Python's warnings.
"""

import contextlib
import logging
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator

_log = logging.getLogger("pipeline.images")
# Descriptors and warning filters belong to the process: one thread at a time turns them aside. Another that
# reads a picture meanwhile does without, rather than wait.
_aside_lock = threading.Lock()
_STDERR = 2


class Messages:
    """Warnings, then what stood on the descriptor, line by line.

    Attributes:
        complete: whether all that was said is there, also on the descriptor.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.complete = False

    def last(self) -> str:
        """Return the last line, which is what a library stopped at; "" where there is none."""
        return self.lines[-1] if self.lines else ""

    def __str__(self) -> str:
        return "; ".join(dict.fromkeys(line for line in self.lines if line))


@contextlib.contextmanager
def collected(from_stderr: bool) -> Iterator[Messages]:
    """Collect what libraries say inside the block, complete once it is left.

    With `from_stderr` also what C libraries write to descriptor 2, which costs some microseconds.
    """
    messages = Messages()
    if not _aside_lock.acquire(blocking=False):
        yield messages
        return
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            aside = _stderr_aside(messages) if from_stderr else contextlib.nullcontext()
            try:
                with aside:
                    yield messages
            finally:
                messages.lines[:0] = [str(each.message) for each in warned or ()]
    finally:
        _aside_lock.release()


def log(name: str, messages: object) -> None:
    """Write one line on a picture that was read all the same; nothing where nothing was said."""
    if text := str(messages):
        _log.info("%s: %s", name, text)


@contextlib.contextmanager
def _stderr_aside(messages: Messages) -> Iterator[None]:
    try:
        file = _spool()
        kept = os.dup(_STDERR)
    except OSError:  # a process without a terminal may have closed it
        yield
        return
    if sys.stderr is not None:
        sys.stderr.flush()
    os.dup2(file, _STDERR)
    messages.complete = True
    try:
        yield
    finally:
        os.dup2(kept, _STDERR)
        os.close(kept)
        if size := os.lseek(file, 0, os.SEEK_CUR):
            os.lseek(file, 0, os.SEEK_SET)
            text = os.read(file, min(size, 4096)).decode("utf-8", "replace")
            os.ftruncate(file, 0)
            os.lseek(file, 0, os.SEEK_SET)
            # "tempfile.tif: " is what Pillow calls every file towards libtiff.
            messages.lines += [line.removeprefix("tempfile.tif: ").strip() for line in text.splitlines()]


_spools: dict[int, int] = {}  # process -> descriptor of an unnamed file; a fork must not share it


def _spool() -> int:
    process = os.getpid()
    if process not in _spools:
        if hasattr(os, "memfd_create"):
            _spools[process] = os.memfd_create("messages")
        else:
            with tempfile.TemporaryFile() as file:
                _spools[process] = os.dup(file.fileno())
    return _spools[process]
