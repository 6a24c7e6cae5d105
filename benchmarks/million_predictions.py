"""Seconds and memory of all figures of 1,000,000 predictions, with intervals from 1,000 draws of their groups.

    python -m benchmarks.million_predictions [--rows 1000000] [--groups 300000] [--draws 1000]

Draws answers of a middling detector, two fakes to three genuine pictures, pictures of a group alike, and
computes all figures of `scoring.metrics` with their bootstrap intervals. The program that works is started
anew, so that its memory is that of the work; "GiB" is its peak. Where other programs keep the cores busy, the
seconds of the processors ("CPU s") say more.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pandas as pd

WANTED_SECONDS, WANTED_GIB = 60.0, 4.0
FAKES = 0.4  # of the rows


def draw_predictions(n_rows: int, n_groups: int) -> pd.DataFrame:
    """Draw what `predict_table` would have given, as far as figures need it."""
    rng = np.random.default_rng(0)
    group = rng.integers(n_groups, size=n_rows)
    target = (rng.random(n_rows) < FAKES).astype(int)
    logit = rng.normal(size=n_groups)[group] + rng.normal(size=n_rows) + 2.5 * target - 1
    names = np.array([f"casia:{number:06}" for number in range(n_groups)], dtype=object)
    return pd.DataFrame(
        {
            "target": target,
            "group": names[group],
            "logit": logit,
            "probability_fake": 1 / (1 + np.exp(-logit)),
        }
    )


def measure(n_rows: int, n_groups: int, draws: int) -> dict[str, Any]:
    """Score; give seconds, processor seconds, the peak of memory, and the intervals."""
    from pipeline.config import Evaluate
    from pipeline.scoring.intervals import bootstrap_intervals
    from pipeline.scoring.metrics import METRICS, score_predictions

    predictions = draw_predictions(n_rows, n_groups)
    began = time.perf_counter(), time.process_time()
    figures = score_predictions(predictions, 0.5)
    intervals = bootstrap_intervals(
        predictions, 0.5, Evaluate(bootstrap=draws, confidence=0.95, robustness=None), seed=0
    )
    took = [time.perf_counter() - began[0], time.process_time() - began[1]]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {
        "took": [*took, peak],
        "figures": {metric: [figures[metric], *intervals[metric]] for metric in METRICS},
    }


def main() -> None:
    """Start the measurement, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--groups", type=int, default=300_000)
    parser.add_argument("--draws", type=int, default=1_000)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.rows, arguments.groups, arguments.draws)))
        return
    command = [sys.executable, "-m", "benchmarks.million_predictions", *sys.argv[1:], "--measure"]
    found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    for metric, (value, low, high) in found["figures"].items():
        print(f"{metric:<34}{value:>8.4f}{low:>8.4f}{high:>8.4f}")
    print(f"\n{arguments.rows:,} predictions, {arguments.groups:,} groups, {arguments.draws:,} draws")
    print(f"{'':<34}{'s':>8}{'CPU s':>8}{'GiB':>8}")
    print(f"{'figures with intervals':<34}" + "".join(f"{number:>8.2f}" for number in found["took"]))
    print(f"{'wanted':<34}{WANTED_SECONDS:>8.2f}{'':>8}{WANTED_GIB:>8.2f}")


if __name__ == "__main__":
    main()
