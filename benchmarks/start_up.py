"""Seconds of the processor, and of the clock, until each command has said its `--help`.

python -m benchmarks.start_up [--rounds 3]
"""

import argparse
import os
import subprocess
import sys
import time

from benchmarks.figures import Figure, keep
from pipeline.usage import KEYS

WANTED = 0.5  # seconds of the processor


def main() -> None:
    """Ask each command, print the quickest round of each, the slowest command first."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start_up", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    taken = {name: min(asked(name) for _ in range(rounds)) for name in KEYS}
    print(f"{'--help of':<14}{'CPU s':>7}{'s':>7}{'wanted':>8}")
    for name, (processor, clock) in sorted(taken.items(), key=lambda each: each[1], reverse=True):
        print(f"{name:<14}{processor:>7.2f}{clock:>7.2f}{WANTED:>8.2f}")
    slowest, (processor, _) = max(taken.items(), key=lambda each: each[1])
    keep(Figure(f"`--help` of the slowest command ({slowest}), CPU", processor, WANTED, "s", at_most=True))


def asked(name: str) -> tuple[float, float]:
    """Return seconds of the processor and of the clock of one `--help`."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", f"pipeline.{name}", "--help"], stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"pipeline.{name} --help ended with {process.returncode}")
    return used.ru_utime + used.ru_stime, time.perf_counter() - began


if __name__ == "__main__":
    main()
