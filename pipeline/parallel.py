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
import sys
import tempfile
import threading
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, TypeVar

from tqdm import tqdm

from pipeline.errors import UserError

if TYPE_CHECKING:  # workers need no configuration, and start faster without
    from distributed import Client

    from pipeline.config import Compute

Arguments = ParamSpec("Arguments")
Item = TypeVar("Item")
Result = TypeVar("Result")

_IN_FLIGHT = 3  # chunks for each worker: one in work, the others waiting so that it never does
_FOR_EACH = 4  # chunks for each worker, where there are few
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


def worker_count(compute: "Compute") -> int:
    """Return the number of processes to be started on this machine."""
    return compute.workers or available_cores()


def map_chunks(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    compute: "Compute",
    title: str,
    *,
    chunk: int = 16,
    alone: int = 0,
    sizes: Sequence[int] | None = None,
    counts: Sequence[int] | None = None,
) -> Iterator[tuple[int, Result]]:
    """Call `function` with each item, under a progress bar; yield (index, result) as they come.

    Only a few chunks for each worker are under way at a time, so memory does not grow with their number.

        >>> from pipeline.config import Compute
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
    n_workers = min(worker_count(compute), len(items))
    chunks = _chunks(items, min(chunk, -(-len(items) // n_workers)), sizes)
    counts = counts or [1] * len(items)
    few = len(items) <= alone and sum(sizes or ()) <= _ALONE_BYTES
    bar = tqdm(total=sum(counts), desc=title, unit=" pictures", dynamic_ncols=True, disable=None)
    with _over_the_bar(bar), bar, contextlib.ExitStack() as opened:
        if compute.backend != "dask" and (few or n_workers == 1):
            done: Iterator[tuple[int, list[Result]]] = (
                (first, _call_each(function, some)) for first, some in chunks
            )
        else:
            staff = opened.enter_context(workers(compute.model_copy(update={"workers": n_workers})))
            done = staff.results(partial(_call_each, function), chunks)
        for first, results in done:
            yield from enumerate(results, first)
            bar.update(sum(counts[first : first + len(results)]))


def shown(
    items: Iterable[Item], total: int, title: str, unit: str = "pictures", disable: bool | None = None
) -> Iterator[Item]:
    """Yield items one after the other under a bar, on a terminal alone; it goes when it is full.

    Its clock goes on where an item takes long, such as a picture of 100 megapixels.
    """
    bar = tqdm(items, title, total, leave=False, unit=f" {unit}", dynamic_ncols=True, disable=disable)
    ended = threading.Event()
    if not bar.disable:
        threading.Thread(target=_refresh, args=(bar, ended), daemon=True).start()
    try:
        with _over_the_bar(bar):
            yield from bar
    finally:
        ended.set()


def _over_the_bar(bar: tqdm) -> contextlib.AbstractContextManager[None]:
    """Let what is logged stand above a bar, where one is shown."""
    if bar.disable:
        return contextlib.nullcontext()
    from tqdm.contrib.logging import logging_redirect_tqdm

    return logging_redirect_tqdm()


def _refresh(bar: tqdm, ended: threading.Event) -> None:
    while not ended.wait(1):
        bar.refresh()


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


class WorkerLost(UserError):  # noqa: N818 - it says what happened, as UserError does
    """A worker was ended from outside; `under_way` are the indices of the items that were with workers."""

    def __init__(self, message: str, under_way: Sequence[int]) -> None:
        super().__init__(message)
        self.under_way = under_way


class Workers:
    """Processes that stay for as long as there is work for them: what one has loaded, it keeps.

    Made by `workers`.
    """

    def __init__(
        self,
        count: int,
        start: Callable[[], concurrent.futures.Executor],
        end: Callable[[concurrent.futures.Executor], None],
        lost: "_Lost",
    ) -> None:
        self.count = count
        self._start, self._end = start, end
        self._lost = lost
        self._pool: concurrent.futures.Executor | None = None

    def map(
        self,
        work: Callable[[Sequence[Item]], list[Result]],
        items: Sequence[Item],
        *,
        chunk: int = 16,
        sizes: Sequence[int] | None = None,
    ) -> Iterator[tuple[int, Result]]:
        """Call `work` with the items of one chunk after the other; yield (index, result) as they come.

        Chunks are smaller where there are few for each worker, so that none waits long for the last.

        Raises:
            WorkerLost: after which it may be called again; workers that are missing are started then.
        """
        chunks = _chunks(items, min(chunk, -(-len(items) // (_FOR_EACH * self.count)) or 1), sizes)
        for first, results in self.results(work, chunks):
            yield from enumerate(results, first)

    def results(
        self, work: Callable[[Sequence[Item]], list[Result]], chunks: "_Chunks[Item]"
    ) -> Iterator[tuple[int, list[Result]]]:
        """Yield the index of the first item of a chunk, and the results of all its items, as they come."""
        waiting = iter(chunks)
        running: dict[concurrent.futures.Future[list[Result]], tuple[int, int]] = {}
        try:
            while True:
                self._pool = self._pool or self._start()
                for first, items in itertools.islice(waiting, self.count * _IN_FLIGHT - len(running)):
                    running[self._pool.submit(work, items)] = (first, len(items))
                if not running:
                    return
                done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                for future in done:
                    results = future.result()
                    yield running.pop(future)[0], results
        except self._lost.errors as error:
            self.end()
            under_way = [index for first, size in running.values() for index in range(first, first + size)]
            raise WorkerLost(self._lost.says(error), sorted(under_way)) from error

    def end(self) -> None:
        """End the processes; work that was not begun is dropped."""
        pool, self._pool = self._pool, None
        if pool is not None:
            self._end(pool)


class _Lost(NamedTuple):
    """What is raised where a worker is lost, and how that is said."""

    errors: tuple[type[Exception], ...]
    says: Callable[[Exception], str]


@contextmanager
def workers(compute: "Compute", *, finish: bool = True) -> Iterator[Workers]:
    """Give workers, on this machine or on a Dask cluster; they end with the block.

    Where it raises, what is under way on this machine is done to the end, unless `finish` is false: then
    workers end at once. Raises UserError where the cluster cannot be reached, or is lost.
    """
    with _on_dask(compute) if compute.backend == "dask" else _of_this_machine(compute) as staff:
        try:
            yield staff
        except BaseException:
            if not finish and compute.backend == "local":
                for child in multiprocessing.active_children():
                    child.terminate()
            raise
        finally:
            staff.end()


# Processes of this machine: they do not outlive the command, and leave Ctrl-C to it.

_ENDED = _Lost(
    (BrokenProcessPool,),
    lambda _: (
        "a worker process was ended from outside, most often because memory ran out; run the same "
        "command again with fewer workers (compute.workers=1)"
    ),
)


@contextmanager
def _of_this_machine(compute: "Compute") -> Iterator[Workers]:
    count = worker_count(compute)
    yield Workers(count, lambda: _new_pool(count), _end_pool, _ENDED)


def _new_pool(count: int) -> concurrent.futures.ProcessPoolExecutor:
    return _Pool(count, mp_context=multiprocessing.get_context("spawn"), initializer=_stay_with_parent)


def _end_pool(pool: concurrent.futures.Executor) -> None:
    pool.shutdown(wait=True, cancel_futures=True)


class _Pool(concurrent.futures.ProcessPoolExecutor):
    """Starts workers with Ctrl-C held back, which they inherit: none dies with a traceback at its start."""

    def submit(
        self, fn: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> concurrent.futures.Future[Result]:
        with _held_interrupts(), _without_command():
            return super().submit(fn, *args, **kwargs)


@contextmanager
def _without_command() -> Iterator[None]:
    """Let a process that is started in the block not import what the command itself needs, Hydra and more.

    It would, for functions of `__main__`; ours lie elsewhere. A main module that is not ours is left alone.
    """
    command = sys.modules["__main__"]
    if not getattr(command.__spec__, "name", "").startswith("pipeline."):
        yield
        return
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = command


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


@contextmanager
def _on_dask(compute: "Compute") -> Iterator[Workers]:
    from distributed import CancelledError, KilledWorker
    from distributed.comm import CommClosedError

    def says(error: Exception) -> str:
        return (
            f"the Dask cluster lost its workers while at work ({type(error).__name__}: {error}); see "
            "that they have memory enough, then run the same command again"
        )

    with _client(compute) as client:
        try:
            # pure=False: the same call may be made again after files have changed.
            yield Workers(
                sum(client.nthreads().values()),
                lambda: client.get_executor(pure=False),
                lambda pool: pool.shutdown(wait=False),
                _Lost((KilledWorker,), says),
            )
        except (CancelledError, concurrent.futures.CancelledError, CommClosedError) as error:
            raise UserError(says(error)) from error


@contextmanager
def _client(compute: "Compute") -> Iterator["Client"]:
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
                    dashboard_address="127.0.0.1:0",  # else 8787 of every network, of one cluster alone
                    scheduler_kwargs={"dashboard": False},
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
