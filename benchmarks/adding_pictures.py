"""Seconds of a conversion from nothing, of one with nothing to do, and of one after adding 1 % of pictures.

    python -m benchmarks.adding_pictures [--pictures 12000] [--workers 2] [--rounds 3] [--policies matched]

Draws pictures of 384x256 in a temporary folder: genuine JPEGs of three cameras; fakes of three editors, a
third of them TIFFs. Half of what is added is fake, so under `matched` some old pictures get another donor.
Each conversion runs in a process of its own, and the times are those of `convert_pictures`, start of the
worker processes included, listing not. "CPU" is the processors' time; "others" the number of cores that other
programs kept busy meanwhile.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.conversion import busy_seconds

WANTED = 0.03  # of the time from nothing
CAMERAS: list[dict[str, Any]] = [
    {"quality": 92, "subsampling": 2},
    {"quality": 85, "subsampling": 1},
    {"quality": 75},
]
EDITORS: list[dict[str, Any]] = [
    {"qtables": [[2 + n // 16 for n in range(64)], [3 + n // 12 for n in range(64)]], "subsampling": 0},
    {"qtables": [[3 + n // 8 for n in range(64)], [4 + n // 6 for n in range(64)]], "subsampling": 2},
    {"compression": "tiff_lzw"},
]


def main() -> None:
    """Draw, convert three times by each policy, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.adding_pictures", description=__doc__)
    parser.add_argument("--pictures", type=int, default=12_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--policies", nargs="*", default=["equal", "matched"])
    parser.add_argument("--once", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        folder, output, policy = options.once
        convert_once(folder, output, policy, options.workers)
        return
    added = options.pictures // 100
    print(f"{options.pictures} pictures, {added} added, {options.workers} workers, {os.cpu_count()} cores\n")
    print(f"{'policy':<10}{'conversion':<16}{'seconds':>9}{'share':>8}{'CPU':>9}{'share':>8}{'others':>8}")
    with tempfile.TemporaryDirectory() as scratch:
        pictures, more = Path(scratch, "pictures"), Path(scratch, "more")
        draw(pictures, range(options.pictures))
        draw(more, range(options.pictures, options.pictures + added))
        for policy in options.policies:
            report(policy, measure(pictures, more, policy, options.workers, options.rounds))


def draw(folder: Path, numbers: range) -> None:
    """Write smooth pictures with grain; every second one is fake."""
    random = np.random.default_rng(20)
    coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((384, 256), Image.Resampling.BICUBIC), dtype=np.float32)
    picture = np.clip(smooth + random.normal(0, 4, smooth.shape), 0, 255).astype(np.uint8)
    for label in ("genuine", "fake"):
        (folder / label).mkdir(parents=True)
    for number in numbers:
        rolled = Image.fromarray(np.roll(picture, (number // 384, number), axis=(0, 1)))
        label, ways = ("fake", EDITORS) if number % 2 else ("genuine", CAMERAS)
        way = ways[number // 2 % 3]
        ending = "tif" if "compression" in way else "jpg"
        rolled.save(folder / label / f"{number:06d}.{ending}", **way)


def measure(
    folder: Path, more: Path, policy: str, workers: int, rounds: int
) -> dict[str, list[dict[str, float]]]:
    """Convert from nothing, again, and after adding, as often as told."""
    found: dict[str, list[dict[str, float]]] = {"from nothing": [], "nothing to do": [], "1 % added": []}
    output = folder.with_name("out")
    for _ in range(rounds):
        for name, runs in found.items():
            if name == "1 % added":
                shutil.copytree(more, folder, dirs_exist_ok=True)
            if name == "nothing to do":
                time.sleep(3)  # files of the last two seconds are not trusted to stay as they are
            command = [sys.executable, "-m", "benchmarks.adding_pictures", "--workers", str(workers)]
            command += ["--once", str(folder), str(output), policy]
            ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            runs.append(json.loads(ended.stdout))
        for path in more.rglob("*.*"):
            (folder / path.relative_to(more)).unlink()
        shutil.rmtree(output)
        for path in output.parent.glob(".out.*"):
            path.unlink()
    return found


def convert_once(folder: str, output: str, policy: str, workers: int) -> None:
    """Convert in this process and print what it took as JSON."""
    from pipeline.config import Compute
    from pipeline.config_data import Convert
    from pipeline.conversion.conversion import convert_pictures
    from pipeline.images.files import Source

    settings = Convert.model_validate(
        {"policy": policy, "quality": 95, "subsampling": "4:4:4", "pages": "first",
         "max_rejected": 0.0, "max_megapixels": 250, "max_gib": 4}
    )  # fmt: skip
    sources = []
    for path in sorted(Path(folder).rglob("*.*")):
        name = path.relative_to(folder).as_posix()
        sources.append(Source(path, name, f"set/{name}", path.parent.name, "set", "train"))
    compute = Compute(backend="local", workers=workers, scheduler=None)
    began, busy, used = time.perf_counter(), busy_seconds(), cpu_seconds()
    counts = convert_pictures(sources, [], Path(output), settings, compute)
    seconds, busy = time.perf_counter() - began, busy_seconds() - busy
    cpu = cpu_seconds() - used
    done = {"seconds": seconds, "cpu": cpu, "others": max(busy - cpu, 0) / seconds}
    print(json.dumps({**done, "again": counts.converted - counts.unchanged}))


def cpu_seconds() -> float:
    """Give the processors' time of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def report(policy: str, found: dict[str, list[dict[str, float]]]) -> None:
    """Print the fastest round of each."""
    best = {name: min(runs, key=lambda run: run["seconds"]) for name, runs in found.items()}
    whole = best["from nothing"]
    for name, run in best.items():
        note = f"   {run['again']:.0f} converted, wanted {WANTED:.0%}" if name == "1 % added" else ""
        print(
            f"{policy:<10}{name:<16}{run['seconds']:>9.2f}{run['seconds'] / whole['seconds']:>8.1%}"
            f"{run['cpu']:>9.2f}{run['cpu'] / whole['cpu']:>8.1%}{run['others']:>8.2f}{note}",
            flush=True,
        )


if __name__ == "__main__":
    main()
