"""Seconds that the sample takes, stage by stage: `dvc repro` of everything, and with nothing to do.

    python -m benchmarks.reproduce            dvc repro, with the environment that this program runs in
    python -m benchmarks.reproduce --fresh    make repro as on a fresh machine: uv's cache is empty

Runs in a temporary clone of the last commit. A stage's seconds are those from the line with which DVC begins
it to the next such line, DVC's own hashing of what it reads and writes included.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.figures import Figure, keep
from benchmarks.killed import ROOT, environment

EVERYTHING, NOTHING, FRESH = "everything", "nothing to do", "fresh clone"
WANTED = {EVERYTHING: 100.0, NOTHING: 1.5, FRESH: 200.0}
BEGINS = re.compile(r"Running stage '([^']+)'")
_OURS = {"PYTHONPATH", "MAKEFLAGS", "MFLAGS"}  # with which `make benchmark ROOT=…` was called
START = "until the first"  # before any stage begins


def main() -> None:
    """Clone, run, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reproduce", description=__doc__)
    parser.add_argument("--fresh", action="store_true", help="install into the clone, with make repro")
    fresh = parser.parse_args().fresh
    with tempfile.TemporaryDirectory() as folder:
        clone = cloned(Path(folder))
        print(f"{'':<18}{'seconds':>9}{'share':>7}{'wanted':>9}")
        if fresh:
            own = {"UV_CACHE_DIR": f"{folder}/uv", "PIP_NO_CACHE_DIR": "1"}
            bare = {name: value for name, value in os.environ.items() if name not in _OURS} | own
            installed = sum(stage_seconds(["make", ".venv/run"], clone, bare).values())
            stages = stage_seconds(["make", "repro"], clone, bare)
            report(FRESH, {"installation": installed, **stages})
        else:
            for name in (EVERYTHING, NOTHING):
                report(name, stage_seconds(["dvc", "repro"], clone, environment(clone)))


def cloned(folder: Path) -> Path:
    """Clone the last commit into a folder; return where it lies."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    return clone


def stage_seconds(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> dict[str, float]:
    """Run a command that calls DVC; return the seconds before its first stage, and of each stage."""
    seconds = {START: 0.0}
    began, name = time.perf_counter(), START
    told = []
    with subprocess.Popen(
        command, cwd=folder, env={**environment, "PYTHONUNBUFFERED": "1"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        assert process.stdout
        for line in process.stdout:
            told.append(line)
            if begins := BEGINS.search(line):
                now = time.perf_counter()
                seconds[name] = now - began
                began, name = now, begins[1]
    seconds[name] = time.perf_counter() - began
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{''.join(told[-40:])}")
    return seconds


def report(name: str, seconds: Mapping[str, float]) -> None:
    """Print the sum, beside what is wanted where something is, and below it the share of each part."""
    whole = sum(seconds.values())
    print(f"{name:<18}{whole:>9.1f}" + (f"{'':>7}{WANTED[name]:>9.1f}" if name in WANTED else ""))
    for part, each in seconds.items():
        print(f"  {part:<16}{each:>9.1f}{each / whole:>7.0%}", flush=True)
    if name in WANTED:
        of = "`make repro`" if name == FRESH else "`dvc repro` on the sample"
        keep(Figure(f"{of}, {name}", whole, WANTED[name], "s", at_most=True))


if __name__ == "__main__":
    main()
