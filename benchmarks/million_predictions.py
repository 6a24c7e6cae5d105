"""Seconds and memory to score 1,000,000 predictions with intervals from 1,000 draws of their groups.

    python -m benchmarks.million_predictions [--rows 1000000] [--groups 300000] [--draws 1000]

Draws answers of a middling detector, two fakes to three genuine pictures, pictures of a group alike, in two
collections, three kinds of forgery, two formats, three sizes and JPEG qualities. Scored are all figures of
`scoring.metrics` of all pictures, and then everything that an evaluation says of them: both thresholds,
collections, slices. The program that works is started anew, so that its memory is that of the work; "GiB" is
its peak. Where other programs keep the cores busy, the seconds of the processors ("CPU s") say more.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

WANTED_SECONDS, WANTED_GIB = 60.0, 4.0
FAKES = 0.4  # of the rows
NAMES = {
    "all figures of all pictures": "one",
    "both thresholds, collections, slices": "evaluation",
}


def draw_predictions(n_rows: int, n_groups: int) -> pd.DataFrame:
    """Draw what `predict_table` would have given, as far as figures need it."""
    rng = np.random.default_rng(0)
    group = rng.integers(n_groups, size=n_rows)
    target = (rng.random(n_rows) < FAKES).astype(int)
    logit = rng.normal(size=n_groups)[group] + rng.normal(size=n_rows) + 2.5 * target - 1
    names = np.array([f"casia:{number:06}" for number in range(n_groups)], dtype=object)
    kinds = np.array(["splice", "copy_move", "removal"], dtype=object)
    return pd.DataFrame(
        {
            "target": target,
            "group": names[group],
            "logit": logit,
            "probability_fake": 1 / (1 + np.exp(-logit)),
            "collection": np.where(group % 3 == 0, "casia1", "casia2"),
            "subset": np.where(target == 1, kinds[rng.integers(3, size=n_rows)], ""),
            "source_format": np.where(rng.random(n_rows) < 0.8, "JPEG", "TIFF"),
            "width": rng.choice([384, 800, 3000], size=n_rows),
            "height": 600,
            "jpeg_quality": rng.choice([60.0, 80.0, 95.0], size=n_rows),
        }
    )


def measure(n_rows: int, n_groups: int, draws: int) -> dict[str, Any]:
    """Score; give seconds, processor seconds and peak of memory for each of `NAMES`; and the intervals."""
    from pipeline.evaluation.bootstrap import Bootstrap
    from pipeline.evaluation.scoring import measure as measure_metrics
    from pipeline.evaluation.subsets import measure_slices, measure_subsets

    predictions = draw_predictions(n_rows, n_groups)
    bootstrap = Bootstrap(draws, confidence=0.95, seed=0)

    def one() -> dict[str, Any]:
        return measure_metrics(predictions, 0.4, bootstrap)

    def evaluation() -> pd.DataFrame:
        rows = list(measure_subsets(predictions, 0.4, (), bootstrap))
        return pd.DataFrame([*rows, *measure_slices(predictions, 0.4, bootstrap, rows)])

    took_one, figures = _timed(one)
    took_evaluation, _ = _timed(evaluation)
    return {"took": {"one": took_one, "evaluation": took_evaluation}, "figures": figures}


def _timed(work: Callable[[], Any]) -> tuple[list[float], Any]:
    began = time.perf_counter(), time.process_time()
    result = work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return [time.perf_counter() - began[0], time.process_time() - began[1], peak], result


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
        print(f"{metric:<38}{value:>8.4f}{low:>8.4f}{high:>8.4f}")
    print(f"\n{arguments.rows:,} predictions, {arguments.groups:,} groups, {arguments.draws:,} draws")
    print(f"{'':<38}{'s':>8}{'CPU s':>8}{'GiB':>8}")
    for words, name in NAMES.items():
        print(f"{words:<38}" + "".join(f"{number:>8.2f}" for number in found["took"][name]))
    print(f"{'wanted':<38}{WANTED_SECONDS:>8.2f}{'':>8}{WANTED_GIB:>8.2f}")


if __name__ == "__main__":
    main()
