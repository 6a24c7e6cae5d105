"""Seconds and memory to group and split 1,000,000 pictures, with the search for near-duplicates.

    python -m benchmarks.million_rows [--rows 1000000] [--method grouped]

Draws a `files.csv` like that of a large CASIA: three genuine pictures to two fakes, each fake made from one
or two of them, every hundredth picture a copy of another one in one of eight poses whose hash differs in up
to four bits. Then reads the table, searches near-duplicates, groups, splits and writes the manifest, as the
stage does, but for opening the candidates: their 32×32 grey versions are drawn instead. The program that
works is started anew, so that its memory is that of the work; "GiB" is its peak so far. Where other
programs keep the cores busy, the seconds of the processors ("CPU s") say more.
"""

import argparse
import json
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd

WANTED_SECONDS, WANTED_GIB = 60.0, 2.0
FAKES = 0.4  # of the rows
TWO_SOURCES = 0.35  # of the fakes: as in CASIA 2
SOURCES = 0.25  # of the genuine pictures are made into fakes
COPIES = 0.01  # of the rows
SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}


def draw_files(path: Path, n_rows: int) -> None:
    """Write a `files.csv` without pictures."""
    from pipeline.conversion.file_table import FILE_COLUMNS
    from pipeline.datasets.near_duplicates import DISTANCE

    rng = np.random.default_rng(0)
    n_genuine = int(n_rows * (1 - FAKES))
    number = np.arange(n_rows)
    label = np.where(number < n_genuine, "genuine", "fake")
    first, second = rng.integers(0, int(n_genuine * SOURCES), (2, n_rows))
    first[:n_genuine] = number[:n_genuine]
    two = (rng.random(n_rows) < TWO_SOURCES) & (label == "fake")
    ids = [f"c:p{a}|c:p{b}" if both else f"c:p{a}" for a, b, both in zip(first, second, two, strict=True)]
    hashes = rng.integers(0, 2**64, (n_rows, 8), dtype=np.uint64)
    original, copy = rng.permutation(n_rows)[: 2 * int(n_rows * COPIES)].reshape(2, -1)
    pose = rng.integers(0, 8, len(copy))
    hashes[copy, pose] = hashes[original, 0]
    for _ in range(DISTANCE):
        hashes[copy, pose] ^= np.uint64(1) << rng.integers(0, 64, len(copy)).astype(np.uint64)
    texts = hashes.astype(">u8").view("S8").tobytes().hex()
    sha256 = rng.bytes(n_rows * 32).hex()
    hexadecimal = [sha256[place * 64 : place * 64 + 64] for place in range(n_rows)]
    paths = [f"c/{kind}/{place:07}.jpg" for kind, place in zip(label, number, strict=True)]
    columns = {
        **dict.fromkeys(FILE_COLUMNS, ""),
        **dict.fromkeys(["sha256", "pixel_sha256", "source_sha256"], hexadecimal),
        **dict.fromkeys(["path", "source_path"], paths),
        "label": label,
        "collection": "c",
        "source_ids": ids,
        "source_format": "JPEG",
        "width": 384,
        "height": 256,
        "bytes": 50_000,
        "phash": [texts[place * 128 : place * 128 + 16] for place in range(n_rows)],
        "phash_turned": [texts[place * 128 + 16 : place * 128 + 128] for place in range(n_rows)],
    }
    table = pd.DataFrame(columns).sort_values("path")
    table.to_csv(path, index=False)
    np.savez(path.with_name("copies.npz"), original=original, copy=copy, pose=pose)


def measure(folder: Path, method: str) -> dict[str, Any]:
    """Do what the stage does; give seconds, processor seconds and the peak of memory so far by step."""
    from pipeline.config import Compute
    from pipeline.config_data import Collection, Data, Split
    from pipeline.datasets import near_duplicates
    from pipeline.datasets.build_manifest import build_manifest, count_manifest, count_same, write_manifest
    from pipeline.datasets.tables import read_files

    steps: dict[str, list[float]] = {}

    @contextmanager
    def timed(step: str) -> Iterator[None]:
        began = time.perf_counter(), time.process_time()
        yield
        ended = time.perf_counter(), time.process_time()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        steps[step] = [ended[0] - began[0], ended[1] - began[1], peak]

    collections = {"c": Collection(genuine="g", fake="f", role="train")}
    data = Data(
        name="c",
        root="",
        genuine="",
        fake="",
        masks="",
        protocol=[],
        known_groups=None,
        collections=collections,
    )
    split = Split.model_validate({"method": method, "shares": SHARES, "folds": None, "fold": 0})
    compute = Compute(backend="local", workers=2, scheduler=None)
    with timed("reading files.csv"):
        files = read_files(folder)
    with (
        timed("near-duplicates"),
        mock.patch.object(near_duplicates, "read_thumbnails", _Thumbnails(folder, files["path"])),
    ):
        duplicates = near_duplicates.find_near_duplicates(files, folder, compute)
    with timed("groups and split"):
        manifest = build_manifest(files, folder, data, split, 20, duplicates)
    with timed("counts"):
        counts = {**count_manifest(manifest, frozenset()), "same": count_same(files, duplicates)}
    with timed("writing tables"):
        write_manifest(folder / "manifest", manifest, counts, {})
    n_copies = len(np.load(folder / "copies.npz")["copy"])
    return {"steps": steps, "found": counts["same"]["looks"] / 2 / n_copies}


class _Thumbnails:
    """Draws what would be read: a copy is its original, turned back."""

    def __init__(self, folder: Path, paths: pd.Series) -> None:
        copies = np.load(folder / "copies.npz")
        ordered = paths.sort_values(key=lambda path: path.str[-11:]).to_numpy(dtype=object)  # by number
        self._seed = {path: (place, 0) for place, path in enumerate(ordered)}
        for original, copy, pose in zip(copies["original"], copies["copy"], copies["pose"], strict=True):
            self._seed[ordered[copy]] = (int(original), int(pose))

    def __call__(self, paths: np.ndarray, folder: Path, compute: object) -> np.ndarray:
        from pipeline.datasets.near_duplicates import turned_by

        del folder, compute
        drawn = np.zeros((len(paths), 32, 32), dtype=np.uint8)
        undone = {0: 0, 1: 3, 2: 2, 3: 1, 4: 4, 5: 5, 6: 6, 7: 7}  # pose -> the one that turns it back
        for place, path in enumerate(paths):
            seed, pose = self._seed[path]
            picture = np.random.default_rng(seed).integers(0, 256, (1, 32, 32), dtype=np.uint8)
            drawn[place] = turned_by(picture, undone[pose])[0]
        return drawn


def main() -> None:
    """Draw, start the measurement, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--method", choices=["grouped", "parents", "random"], default="grouped")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.method)))
        return
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own: one that is started counts the memory of the one that starts it.
        drawing = multiprocessing.get_context("spawn").Process(
            target=draw_files, args=(Path(folder) / "files.csv", arguments.rows)
        )
        drawing.start()
        drawing.join()
        command = [sys.executable, "-m", "benchmarks.million_rows", "--measure", folder]
        ended = subprocess.run(
            [*command, "--method", arguments.method], check=True, stdout=subprocess.PIPE, text=True
        )
    found = json.loads(ended.stdout)
    print(f"{arguments.rows:,} rows, split={arguments.method}, copies found {found['found']:.1%}")
    print(f"{'':<34}{'s':>8}{'CPU s':>8}{'GiB':>8}")
    steps = found["steps"]
    for step, numbers in steps.items():
        print(f"{step:<34}" + "".join(f"{number:>8.2f}" for number in numbers))
    counted = [steps[step] for step in ("near-duplicates", "groups and split")]
    numbers = [sum(each[0] for each in counted), sum(each[1] for each in counted), counted[-1][2]]
    print(f"{'near-duplicates, groups and split':<34}" + "".join(f"{number:>8.2f}" for number in numbers))
    print(f"{'wanted':<34}{WANTED_SECONDS:>8.2f}{'':>8}{WANTED_GIB:>8.2f}")


if __name__ == "__main__":
    main()
