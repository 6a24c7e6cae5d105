"""Runs contenders in turns, each in a process of its own, so that a busy machine slows all of them alike."""

import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

Work = Callable[[int], float]  # number of the round -> what is measured
_TICKS_PER_SECOND = 100  # of /proc/stat
_QUIET = 0.15  # cores
_ENOUGH = 3  # quiet rounds


@dataclass(frozen=True)
class Contender:
    """Something to measure.

    Attributes:
        name: for the table.
        prepare: function of a module, called in the contender's own process with the folder of pictures.
    """

    name: str
    prepare: Callable[[Path], Work]


@dataclass
class Result:
    """What a contender reached in each round, and how many cores others kept busy meanwhile."""

    values: list[float] = field(default_factory=list)
    busy_elsewhere: list[float] = field(default_factory=list)

    @property
    def counted(self) -> list[float]:
        """Quiet rounds, where there are enough of them; else all."""
        pairs = zip(self.values, self.busy_elsewhere, strict=True)
        quiet = [value for value, busy in pairs if busy < _QUIET]
        return quiet if len(quiet) >= _ENOUGH else self.values

    @property
    def median(self) -> float:
        """Of the counted rounds."""
        return statistics.median(self.counted)

    @property
    def spread(self) -> str:
        """Lowest and highest counted round."""
        return f"{min(self.counted):,.0f}–{max(self.counted):,.0f}"


def measure(contenders: Sequence[Contender], pictures: Path, rounds: int) -> dict[str, Result]:
    """Let the contenders run in turns, `rounds` times; the others wait and take no time meanwhile."""
    results = {each.name: Result() for each in contenders}
    with _started(contenders, pictures) as connections:
        for number in range(rounds):
            for contender, connection in zip(contenders, connections, strict=True):
                began, busy = time.perf_counter(), _busy_seconds()
                connection.send(number)
                value, own_seconds = connection.recv()
                elapsed = time.perf_counter() - began
                results[contender.name].values.append(value)
                results[contender.name].busy_elsewhere.append(
                    (_busy_seconds() - busy - own_seconds) / elapsed
                )
    return results


def surroundings(results: dict[str, Result]) -> str:
    """Say how quiet the machine was: where others are busy the ratios depend on who is disturbed more."""
    cores = statistics.fmean(share for each in results.values() for share in each.busy_elsewhere)
    rounds = max(len(each.values) for each in results.values())
    counted = min(len(each.counted) for each in results.values())
    return (
        f"medians of {counted} or more of {rounds} rounds (those with less than {_QUIET} cores busy "
        f"elsewhere, if {_ENOUGH} were); {max(cores, 0):.1f} cores were on average"
    )


@contextmanager
def _started(contenders: Sequence[Contender], pictures: Path) -> Iterator[list[Connection]]:
    """A process for each contender, ready to measure."""
    context = multiprocessing.get_context("spawn")
    connections, processes = [], []
    for contender in contenders:
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(contender, pictures, theirs), daemon=True)
        process.start()
        theirs.close()  # so that a contender that dies ends the wait for it
        ours.recv()  # ready: one after another, so that preparing disturbs nobody's measurement
        connections.append(ours)
        processes.append(process)
    try:
        yield connections
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _serve(contender: Contender, pictures: Path, connection: Connection) -> None:
    work = contender.prepare(pictures)
    connection.send("ready")
    while True:
        number = connection.recv()
        began = time.process_time()
        value = work(number)
        connection.send((value, time.process_time() - began))


def _busy_seconds() -> float:
    """Seconds that all cores together were busy since the start of the machine; 0 where it does not tell."""
    table = Path("/proc/stat")
    if not table.is_file():
        return 0.0
    user, nice, system = table.read_text().split(maxsplit=4)[1:4]
    return (int(user) + int(nice) + int(system)) / _TICKS_PER_SECOND
