"""`screen` beside `predict`: pictures a second, memory as an archive grows, and what a second call costs.

    python -m benchmarks.screening --models models [--pictures 100000] [--compared 1000] [--workers 2]

Draws a tenth as many small JPEGs as are asked for, and writes each ten times under other bytes: a comment is
put into it. First both commands judge the same `--compared` pictures, one after the other, as whole
processes; then `screen` judges all of them, its memory (of the command and its workers together) noted each
second; then it is called once more.
"""

import argparse
import io
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
from PIL import Image

COPIES = 10
WIDTH, HEIGHT, QUALITY = 128, 96, 90
IN_A_FOLDER = 1_000
WANTED_SHARE, WANTED_SECONDS, FLAT = 0.85, 20.0, 1.1


class Ended(NamedTuple):
    """A command that ended well: wall and CPU seconds, and its memory over time in bytes."""

    wall: float
    cpu: float
    memory: list[int]


def write_archive(folder: Path, count: int) -> None:
    """Write `count` pictures of unlike bytes, a thousand a folder; each of a tenth of them ten times."""
    random = np.random.default_rng(18)
    for number in range(0, count, COPIES):
        coarse = Image.fromarray(random.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), float)
        noisy = np.clip(smooth + random.normal(0, 4, smooth.shape), 0, 255).astype(np.uint8)
        stream = io.BytesIO()
        Image.fromarray(noisy).save(stream, "JPEG", quality=QUALITY)
        content = stream.getvalue()
        for copy in range(number, min(number + COPIES, count)):
            comment = f"copy {copy}".encode()
            segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
            path = folder / f"{copy // IN_A_FOLDER:04}" / f"{copy:07}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content[:2] + segment + content[2:])


def run(command: str, *arguments: str) -> Ended:
    """Run one of our commands to its end.

    Raises:
        SystemExit: it failed.
    """
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", f"pipeline.{command}", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    memory = []
    while True:
        try:
            _, said = process.communicate(timeout=1.0)
            break
        except subprocess.TimeoutExpired:
            memory.append(_memory(process.pid))
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise SystemExit(f"{command} failed:\n{said}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Ended(wall, cpu, memory)


def _memory(pid: int) -> int:
    """Return the resident memory of a process and those below it, shared pages counted in each."""
    total = 0
    try:
        command = psutil.Process(pid)
        for each in [command, *command.children(recursive=True)]:
            total += each.memory_info().rss
    except psutil.Error:  # it has ended meanwhile
        pass
    return total


def _growth(memory: Sequence[int]) -> float:
    """Return by what factor the median of the last quarter is larger than that of the second."""
    quarter = max(len(memory) // 4, 1)
    return float(np.median(memory[-quarter:]) / np.median(memory[quarter : 2 * quarter]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", default="models")
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--compared", type=int, default=1_000)
    parser.add_argument("--workers", default="2")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        here = Path(temporary)
        write_archive(here / "few", given.compared)
        write_archive(here / "many", given.pictures)
        models, workers = ("--models", given.models), ("--workers", given.workers)
        alone = run("predict", str(here / "few"), *models)
        beside = run("screen", str(here / "few"), *models, *workers, "--output", str(here / "a"))
        print(f"{'of ' + format(given.compared, ',') + ' pictures':34}{'a second':>12}{'a CPU second':>14}")
        for name, ended in (("predict", alone), (f"screen, {given.workers} workers", beside)):
            print(f"{name:34}{given.compared / ended.wall:>12.1f}{given.compared / ended.cpu:>14.1f}")
        share, share_cpu = alone.wall / beside.wall, alone.cpu / beside.cpu
        print(f"{'screen, of predict':34}{share:>12.0%}{share_cpu:>14.0%}   wanted {WANTED_SHARE:.0%}")
        whole = run("screen", str(here / "many"), *models, *workers, "--output", str(here / "b"))
        rate = given.pictures / whole.cpu / (given.compared / alone.cpu)
        print(f"\nscreen of {given.pictures:,} pictures: {whole.wall:,.0f} s")
        print(f"{'a second':34}{given.pictures / whole.wall:>12.1f}")
        print(f"{'a CPU second, of predict':34}{rate:>12.0%}   wanted {WANTED_SHARE:.0%}")
        print(f"{'memory at its most':34}{max(whole.memory) / 2**20:>8.0f} MiB")
        print(f"{'memory, last quarter of second':34}{_growth(whole.memory):>12.2f}   wanted {FLAT} or less")
        again = run("screen", str(here / "many"), *models, *workers, "--output", str(here / "b"))
        print(f"{'a second call':34}{again.wall:>10.1f} s   wanted {WANTED_SECONDS:.0f} s or less")


if __name__ == "__main__":
    main()
