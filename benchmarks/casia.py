"""What `experiment=casia` reaches from the pretrained weights, and its minutes; seconds of its evaluation.

    python -m benchmarks.casia --root /abs/dir

Runs in a temporary clone of the last commit, with the environment that this program runs in: `make repro`,
whose evaluation is the fast one, then the full evaluation. Stages are timed as in `benchmarks.reproduce`.

The wanted figures are of 28 November 2026, when there was no other test than the trained network. Held
against them are the same, the network's own logit, and what the report says: all tests together.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import pandas as pd

from benchmarks.carry_over import ALL_TESTS, ranking_rows
from benchmarks.figures import Figure, keep
from benchmarks.killed import environment
from benchmarks.reproduce import cloned, report, stage_seconds
from pipeline.detector.decision import NETWORK

MINUTES, FAST, FULL = 10.0, 40.0, 90.0
ROC_AUC = {"casia1": 0.979, "casia2": 0.985}  # the network's, means of three seeds of forty epochs


def main() -> None:
    """Clone, run, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.casia", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="the folder of its pictures")
    chosen = ["experiment=casia", f"data.root='{parser.parse_args().root.absolute()}'"]
    with tempfile.TemporaryDirectory() as folder:
        clone = cloned(Path(folder))
        stages = stage_seconds([sys.executable, "-m", "pipeline.repro", *chosen], clone, environment(clone))
        rows = list(ranking_rows(pd.read_csv(clone / "reports/evaluation/predictions.csv")))
        full = [sys.executable, "-m", "pipeline.evaluate", *chosen, "evaluate.robustness=full"]
        seconds_of_full = sum(stage_seconds(full, clone, environment(clone)).values())
    print(f"{'':<18}{'seconds':>9}{'share':>7}")
    report("experiment=casia", stages)
    print(f"{'evaluation, full':<18}{seconds_of_full:>9.1f}\n")
    print(pd.DataFrame(rows).to_string(index=False))
    reached = {row["set"]: row for row in rows}
    keep(
        Figure("`experiment=casia`, training", stages["train"] / 60, MINUTES, "min", at_most=True),
        *(
            Figure(f"– ROC AUC on {name}, {told}", reached[name][column], wanted)
            for column, told in ((NETWORK, "the network alone"), (ALL_TESTS, "all tests"))
            for name, wanted in ROC_AUC.items()
        ),
        Figure("evaluation of casia, fast", stages["evaluate"], FAST, "s", at_most=True),
        Figure("evaluation of casia, full", seconds_of_full, FULL, "s", at_most=True),
    )


if __name__ == "__main__":
    main()
