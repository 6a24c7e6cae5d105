"""Work on many things at once: on the cores of this machine or on a Dask cluster, with the same result.

What is sent are items and results, never pictures: these are read where the worker is, so the workers of a
cluster have to see the same folders under the same absolute paths, and to have this package installed.

joblib was tried in place of the processes below: its workers outlive a parent that is killed, and print
tracebacks where Ctrl-C meets them at their start.
"""

import concurrent.futures
import contextlib
import itertools
import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from pipeline.config import Compute
from pipeline.errors import UserError

if TYPE_CHECKING:
    from distributed import Client

Arguments = ParamSpec("Arguments")
Item = TypeVar("Item")
Result = TypeVar("Result")

_IN_FLIGHT = 3  # chunks for each worker: one in work, the others waiting so that it never does
_CONNECT_SECONDS = 30
# A chunk costs one message to a worker and one step of the progress bar: small items travel together, one
# of many bytes alone.
_CHUNK_BYTES = 8 << 20
_ALONE_BYTES = 32 << 20  # this process is done with them before others have started (about 1 s)


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def worker_count(compute: Compute) -> int:
    """Return the number of processes to be started on this machine."""
    return compute.workers or available_cores()


def map_chunks(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    compute: Compute,
    title: str,
    *,
    chunk: int = 16,
    alone: int = 0,
    sizes: Sequence[int] | None = None,
    counts: Sequence[int] | None = None,
) -> Iterator[tuple[int, Result]]:
    """Call `function` with each item, under a progress bar; yield (index, result) as they come.

    Only a few chunks for each worker are under way at a time, so memory does not grow with their number.

        >>> one = Compute(backend="local", workers=1, scheduler=None)
        >>> dict(map_chunks(abs, [-3, 4], one, "sizes"))
        {0: 3, 1: 4}

    `function` is importable by name, or a `functools.partial` of such a one; it may be called twice for an
    item whose worker was lost, and what it raises is raised here. Items and results have to be picklable; at
    most `chunk` of them travel together. Up to `alone` items are done in this process, because that is less
    than starting others. `sizes`, the bytes behind each item, make chunks smaller and starting others worth
    while. `counts` is what each item counts on the bar, in pictures; None: 1.

    Raises UserError where a worker process was ended from outside, or the cluster cannot be reached.
    """
    if not items:
        return
    workers = min(worker_count(compute), len(items))
    chunks = _chunks(items, min(chunk, -(-len(items) // workers)), sizes)
    work = partial(_call_each, function)
    counts = counts or [1] * len(items)
    few = len(items) <= alone and sum(sizes or ()) <= _ALONE_BYTES
    bar = tqdm(total=sum(counts), desc=title, unit=" pictures", dynamic_ncols=True, disable=None)
    with logging_redirect_tqdm(), bar:
        if compute.backend == "dask":
            done = _on_dask(work, chunks, compute)
        elif few or workers == 1:
            done = ((first, work(some)) for first, some in chunks)
        else:
            done = _in_processes(work, chunks, workers)
        for first, results in done:
            yield from enumerate(results, first)
            bar.update(sum(counts[first : first + len(results)]))


def shown(
    items: Iterable[Item], total: int, title: str, unit: str = "pictures", disable: bool | None = None
) -> Iterator[Item]:
    """Yield items one after the other under a bar, on a terminal alone; it goes when it is full."""
    with logging_redirect_tqdm():
        yield from tqdm(
            items, title, total, leave=False, unit=f" {unit}", dynamic_ncols=True, disable=disable
        )


_Chunks = list[tuple[int, Sequence[Item]]]  # index of its first item, items


def _chunks(items: Sequence[Item], most: int, sizes: Sequence[int] | None) -> _Chunks[Item]:
    edges, volume = [0], 0
    for index, size in enumerate(sizes or [0] * len(items)):
        if index > edges[-1] and (index - edges[-1] == most or volume + size > _CHUNK_BYTES):
            edges.append(index)
            volume = 0
        volume += size
    return [(first, items[first:end]) for first, end in itertools.pairwise([*edges, len(items)])]


def _call_each(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return [function(item) for item in items]


def _as_completed(
    pool: concurrent.futures.Executor,
    work: Callable[[Sequence[Item]], list[Result]],
    chunks: _Chunks[Item],
    workers: int,
) -> Iterator[tuple[int, list[Result]]]:
    waiting = iter(chunks)
    running: dict[concurrent.futures.Future[list[Result]], int] = {}
    while True:
        for first, items in itertools.islice(waiting, workers * _IN_FLIGHT - len(running)):
            running[pool.submit(work, items)] = first
        if not running:
            return
        done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
        for future in done:
            yield running.pop(future), future.result()


# Processes of this machine: they do not outlive the command, and leave Ctrl-C to it.


def _in_processes(
    work: Callable[[Sequence[Item]], list[Result]], chunks: _Chunks[Item], workers: int
) -> Iterator[tuple[int, list[Result]]]:
    try:
        with worker_pool(workers) as pool:
            yield from _as_completed(pool, work, chunks, workers)
    except BrokenProcessPool as error:
        raise UserError(
            "a worker process was ended from outside, most often because memory ran out; run the same "
            "command again with fewer workers (compute.workers=1)"
        ) from error


@contextmanager
def worker_pool(workers: int) -> Iterator[concurrent.futures.ProcessPoolExecutor]:
    """Start `workers` fresh processes; on an exception or Ctrl-C, work not begun is dropped."""
    pool = _Pool(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_stay_with_parent)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Pool(concurrent.futures.ProcessPoolExecutor):
    """Starts workers with Ctrl-C held back, which they inherit: none dies with a traceback at its start."""

    def submit(
        self, fn: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> concurrent.futures.Future[Result]:
        with _held_interrupts():
            return super().submit(fn, *args, **kwargs)


@contextmanager
def _held_interrupts() -> Iterator[None]:
    """Hold Ctrl-C back for the block and for every process and thread that is started in it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    earlier = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier)


def _stay_with_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the parent's end: a killed parent cannot tell its workers to stop."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


# A Dask cluster: one that runs already, or one of our own for as long.


def _on_dask(
    work: Callable[[Sequence[Item]], list[Result]], chunks: _Chunks[Item], compute: Compute
) -> Iterator[tuple[int, list[Result]]]:
    from distributed import CancelledError, KilledWorker
    from distributed.comm import CommClosedError

    lost = (KilledWorker, CancelledError, concurrent.futures.CancelledError, CommClosedError)
    with _client(compute) as client:
        # pure=False: the same call may be made again after files have changed.
        pool = client.get_executor(pure=False)
        try:
            yield from _as_completed(pool, work, chunks, sum(client.nthreads().values()))
        except lost as error:
            raise UserError(
                f"the Dask cluster lost its workers while at work ({type(error).__name__}: {error}); see "
                "that they have memory enough, then run the same command again"
            ) from error


@contextmanager
def _client(compute: Compute) -> Iterator["Client"]:
    """Connect to the scheduler that is named, or start a cluster of processes here for as long."""
    from distributed import Client, LocalCluster

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what goes wrong is raised here
    with contextlib.ExitStack() as opened:
        if compute.scheduler is None:
            scratch = opened.enter_context(tempfile.TemporaryDirectory(prefix="dask-"))
            with _held_interrupts():
                cluster = LocalCluster(
                    n_workers=worker_count(compute),
                    threads_per_worker=1,
                    processes=True,
                    host="127.0.0.1",
                    dashboard_address=None,
                    local_directory=scratch,
                    security=True,  # TLS of its own: others on this machine cannot give it work
                )
            opened.enter_context(cluster)
            yield opened.enter_context(Client(cluster))
            return
        try:
            client = opened.enter_context(Client(compute.scheduler, timeout=_CONNECT_SECONDS))
            client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
        except (OSError, ValueError) as error:  # TimeoutError among them
            raise UserError(
                f"compute.scheduler is {compute.scheduler}: no Dask scheduler with workers answered there "
                f"within {_CONNECT_SECONDS} seconds ({error}); expected an address like tcp://host:8786"
            ) from error
        yield client
