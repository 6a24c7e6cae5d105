"""Seconds, memory and files of each stage, on sets that grow, and of `dvc repro` with nothing to do.

    nice python -m benchmarks.millions [--pictures 10000 100000] [--stages convert manifest …]

Draws small JPEGs, half of them called fake, in a folder of its own, each unlike all others, and runs every
stage on them in a copy of the repository, as DVC runs it (`dvc repro --single-item`, with DVC's hashing of
what goes in and comes out), then these once more with nothing to do, then a screening of the same pictures.
So that one training and one evaluation end: crops of 64 × 64 pixels, one of each picture, two epochs, the
second from decoded pictures on disk, no perturbations, probes of 2,000 pictures. "CPU ms" are those of the
processors for a picture, the seconds those of the clock, in which other programs may have taken part; "MiB"
is the peak of the largest process, "files" what the stage left. Growth is the CPU time a picture at the last
size for that at the first: 1 is linear.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from benchmarks.figures import Figure, keep
from benchmarks.killed import copy_checkout, environment
from pipeline.composition import composed_text
from pipeline.params import CHOICES, PARAMS

SIDE = 64  # of a picture, in pixels
QUALITIES = (92, 85, 88, 80)  # genuine, fake, genuine, fake
STAGES = {  # and where its files are
    "pictures": "data/pictures.csv",
    "convert": "data/converted",
    "manifest": "data/manifest",
    "measure": "data/measured.csv",
    "audit": "reports/audit",
    "gate": "data/gate.txt",
    "train": "models/trained",
    "calibrate": "models",
    "evaluate": "reports/evaluation",
}
NOTHING, SCREEN = "nothing to do", "screen"
WANTED_NOTHING, NOTHING_AT = 10.0, 100_000  # seconds, pictures
BOUNDED = [
    *(
        "data=folders",
        "split.method=grouped",
        "train.epochs=2",
        "runtime.cache=disk",
        "inputs.views=1",
        "audit.probe_pictures=2000",
    ),
    *(f"inputs.height={SIDE}", f"inputs.width={SIDE}", "model.weights=null", "evaluate.robustness=null"),
]


class Took(NamedTuple):
    """What a command took."""

    wall: float
    cpu: float
    mib: float
    files: int


def main() -> None:
    """Measure each size, print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.millions", description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--pictures", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--stages", nargs="*", default=[*STAGES, NOTHING, SCREEN])
    options = parser.parse_args()
    found: dict[int, dict[str, Took]] = {}
    for count in options.pictures:
        with tempfile.TemporaryDirectory() as folder:
            found[count] = measure(Path(folder), count, options.stages)
    print("\n" + "\n".join(table(found)))
    for count, took in found.items():
        if count == NOTHING_AT and NOTHING in took:
            name = f"`dvc repro` of {count:,} pictures, nothing to do"
            keep(Figure(name, took[NOTHING].wall, WANTED_NOTHING, "s", at_most=True))


def measure(scratch: Path, count: int, stages: Sequence[str]) -> dict[str, Took]:
    """Draw pictures, run the stages on them in a copy of the repository; say what each took."""
    draw(scratch / "pictures", count)
    repository = copy_checkout(scratch / "repository")
    chosen = [*BOUNDED, f"data.root={scratch / 'pictures'}"]
    (repository / PARAMS).write_text(composed_text(overrides=chosen), encoding="utf-8")
    around = {**environment(repository), CHOICES: json.dumps(chosen)}
    dvc = [sys.executable, "-m", "dvc", "repro", "--quiet"]
    run([*dvc, "--single-item", "snapshot", "sample"], repository, around)
    took: dict[str, Took] = {}
    done = ""
    for stage in (stage for stage in [*STAGES, NOTHING] if stage in stages):
        nothing = [] if done == [*STAGES][-1] else [done]  # all of them, or those that were run
        target = nothing if stage == NOTHING else ["--single-item", stage]
        wall, cpu, mib = run([*dvc, *target], repository, around)
        took[stage] = Took(wall, cpu, mib, count_files(repository / STAGES.get(stage, "nothing")))
        show(stage, count, took[stage])
        done = stage
    if SCREEN in stages:
        screen = [sys.executable, "-m", "pipeline.screen", str(scratch / "pictures"), "--output", "screened"]
        took[SCREEN] = Took(*run(screen, repository, around), count_files(repository / "screened"))
        show(SCREEN, count, took[SCREEN])
    return took


def draw(folder: Path, count: int) -> None:
    """Write pictures, smooth with grain, each unlike all others."""
    random = np.random.default_rng(19)
    grain = random.normal(0, 4, (SIDE * 8, SIDE * 8, 3)).astype(np.float32)
    for label in ("genuine", "fake"):
        (folder / label).mkdir(parents=True)
    for number in range(count):
        coarse = Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.float32)
        x, y = random.integers(0, SIDE * 7, 2)
        pixels = np.clip(smooth + grain[y : y + SIDE, x : x + SIDE], 0, 255).astype(np.uint8)
        name = f"{('genuine', 'fake')[number % 2]}/{number:07}.jpg"
        Image.fromarray(pixels).save(folder / name, quality=QUALITIES[number % len(QUALITIES)])


def run(command: Sequence[str], folder: Path, around: Mapping[str, str]) -> tuple[float, float, float]:
    """Run a command to its end; return its seconds, those of the processors, and the peak of memory in MiB.

    Raises:
        SystemExit: it failed.
    """
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, cwd=folder, env=around, stdout=said, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{said.read()[-4000:]}")
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**10


def count_files(path: Path) -> int:
    """Return how many files lie at a path and below it."""
    if path.is_file():
        return 1
    return sum(len(files) for _, _, files in os.walk(path))


def show(stage: str, count: int, took: Took) -> None:
    """Print what a stage took as soon as it has ended."""
    print(f"{count:>9,} {stage:<14}{took.wall:>9.1f} s{took.cpu:>9.1f} CPU s{took.mib:>8.0f} MiB", flush=True)


def table(found: Mapping[int, Mapping[str, Took]]) -> list[str]:
    """Return the rows of a Markdown table: a stage a row, four columns a size, and the growth."""
    heads = [f"{count:,} pictures: s | CPU ms | MiB | files" for count in found]
    rows = ["| stage | " + " | ".join([*heads, "growth"]) + " |", "| --- |" + " --- |" * (4 * len(found) + 1)]
    first, last = min(found), max(found)
    for stage in found[first]:
        cells = [
            f"{took.wall:,.1f} | {took.cpu / count * 1e3:.2f} | {took.mib:,.0f} | {took.files:,}"
            for count, took in ((count, of[stage]) for count, of in found.items())
        ]
        growth = found[last][stage].cpu / last / (found[first][stage].cpu / first)
        rows.append(f"| {stage} | " + " | ".join([*cells, f"{growth:.2f}"]) + " |")
    return rows


if __name__ == "__main__":
    main()
