"""Work on many things at once: on the cores of this machine or on a Dask cluster, with the same result.

What is sent are tasks and answers, never pictures: these are read where the worker is, so the workers of a
cluster have to see the same folders under the same absolute paths, and to have this package installed.
"""

import concurrent.futures
import contextlib
import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from pipeline.config import Compute
from pipeline.errors import UserError

# Worker processes that compute the same wherever they run and do not outlive the command.
#

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def worker_pool(
    workers: int, prepare: Callable[[], None] | None = None
) -> Iterator[concurrent.futures.ProcessPoolExecutor]:
    """Start `workers` fresh processes; on an exception or Ctrl-C, work not begun is dropped.

    Args:
        workers: how many.
        prepare: called in each before its first work, for instance to take one thread of a library.
    """
    pool = _Pool(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_prepare_worker,
        initargs=(prepare,),
    )
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Pool(concurrent.futures.ProcessPoolExecutor):
    """Starts workers with Ctrl-C held back, which they inherit: none dies with a traceback at its start."""

    def submit(
        self, fn: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> concurrent.futures.Future[Result]:
        with held_interrupts():
            return super().submit(fn, *args, **kwargs)


@contextmanager
def held_interrupts() -> Iterator[None]:
    """Hold Ctrl-C back for the block and for every process and thread that is started in it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    earlier = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier)


def _prepare_worker(prepare: Callable[[], None] | None) -> None:
    """Leave Ctrl-C to the parent, and end when the parent has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if prepare is not None:
        prepare()


def _end_with_parent() -> None:
    """Wait for the parent's end: a killed parent cannot tell its workers to stop."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


if TYPE_CHECKING:
    from distributed import Client

Task = TypeVar("Task")
Answer = TypeVar("Answer")

_IN_FLIGHT = 3  # tasks for each worker: one in work, the others waiting so that it never does
_CONNECT_SECONDS = 30


def worker_count(compute: Compute) -> int:
    """Give the processes to be started on this machine."""
    return compute.workers or available_cores()


def each_done(
    function: Callable[[Task], Answer], tasks: Sequence[Task], compute: Compute, alone: bool = False
) -> Iterator[tuple[int, Answer]]:
    """Call `function` with each task, and give place and answer of each as it is done.

    Only a few tasks for each worker are under way at a time, so memory does not grow with their number.

    Args:
        function: importable by name, or a `functools.partial` of such a one; it may be called twice for
            a task whose worker was lost.
        tasks: what is sent; it has to be picklable, like the answers.
        compute: where.
        alone: in this process, because the work is less than starting others.

    Yields:
        (place in `tasks`, answer), in any order.

    Raises:
        UserError: a worker process was ended from outside, or the cluster cannot be reached. What
            `function` raises is raised here.
    """
    if not tasks:
        return
    if compute.backend == "dask":
        yield from _on_dask(function, tasks, compute)
    elif alone or min(worker_count(compute), len(tasks)) == 1:
        yield from enumerate(map(function, tasks))
    else:
        yield from _in_processes(function, tasks, min(worker_count(compute), len(tasks)))


def _in_processes(
    function: Callable[[Task], Answer], tasks: Sequence[Task], workers: int
) -> Iterator[tuple[int, Answer]]:
    waiting = iter(enumerate(tasks))
    running: dict[concurrent.futures.Future[Answer], int] = {}
    with worker_pool(workers) as pool:
        try:
            while True:
                while len(running) < workers * _IN_FLIGHT and (following := next(waiting, None)):
                    running[pool.submit(function, following[1])] = following[0]
                if not running:
                    return
                done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                for future in done:
                    yield running.pop(future), future.result()
        except BrokenProcessPool as error:
            raise UserError(
                "a worker process was ended from outside, most often because memory ran out; run the same "
                "command again with fewer workers (compute.workers=1)"
            ) from error


def _on_dask(
    function: Callable[[Task], Answer], tasks: Sequence[Task], compute: Compute
) -> Iterator[tuple[int, Answer]]:
    from distributed import CancelledError, KilledWorker, as_completed
    from distributed.comm import CommClosedError

    waiting = iter(enumerate(tasks))
    with _client(compute) as client:
        try:
            under_way = _IN_FLIGHT * sum(client.nthreads().values())
            running: dict[Any, int] = {}  # by the key of the future
            completed = as_completed()
            while True:
                while len(running) < under_way and (following := next(waiting, None)):
                    # pure=False: the same call may be made again after files have changed.
                    future = client.submit(function, following[1], pure=False)
                    running[future.key] = following[0]
                    completed.add(future)
                if not running:
                    return
                future = next(completed)
                answer = future.result()
                yield running.pop(future.key), answer
        except (KilledWorker, CancelledError, CommClosedError) as error:
            raise UserError(
                f"the Dask cluster lost its workers while at work ({type(error).__name__}: {error}); see "
                "that they have memory enough, then run the same command again"
            ) from error


@contextlib.contextmanager
def _client(compute: Compute) -> Iterator["Client"]:
    """Connect to the scheduler that is named, or start a cluster of processes here for as long."""
    from distributed import Client, LocalCluster

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what goes wrong is raised here
    with contextlib.ExitStack() as opened:
        if compute.scheduler is None:
            scratch = opened.enter_context(tempfile.TemporaryDirectory(prefix="dask-"))
            with held_interrupts():
                cluster = LocalCluster(
                    n_workers=worker_count(compute),
                    threads_per_worker=1,
                    processes=True,
                    host="127.0.0.1",
                    dashboard_address=None,
                    local_directory=scratch,
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
