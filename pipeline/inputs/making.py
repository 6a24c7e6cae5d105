"""Batches made by Python while TensorFlow trains, and how that comes to an end.

TensorFlow ends an iterator by waiting for its threads. It does so with Python's lock in its hands, for which
a thread that is making a batch may be waiting: a training that was broken off would never end. So whoever
breaks off asks for the end first, and waits while Python goes on.
"""

import threading
import time
from collections.abc import Callable

import numpy as np

Arrays = tuple[np.ndarray, ...]

_QUIET_SECONDS = 0.2  # without a call after the last one: TensorFlow has heard that there is no more


class BatchMaker:
    """A function that makes a batch from its number, until it is closed. Threads may share it.

    Args:
        make: gives the arrays of a batch.
    """

    def __init__(self, make: Callable[[int], Arrays]) -> None:
        self._make = make
        self._change = threading.Condition()
        self._under_way = 0
        self._last_call = 0.0
        self._closed = False

    def __call__(self, number: int) -> Arrays:
        """Make a batch.

        Raises:
            StopIteration: it was closed; TensorFlow takes that for the end.
        """
        with self._change:
            self._last_call = time.monotonic()
            if self._closed:
                raise StopIteration
            self._under_way += 1
        try:
            return self._make(number)
        finally:
            with self._change:
                self._under_way -= 1
                self._change.notify_all()

    def close(self) -> None:
        """Make no more batches, and wait for those that are under way."""
        with self._change:
            self._closed = True
            self._change.wait_for(lambda: not self._under_way)
        while time.monotonic() - self._last_call < _QUIET_SECONDS:
            time.sleep(_QUIET_SECONDS / 4)
