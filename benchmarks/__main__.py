"""Every figure of the table in docs/results.md beside what is wanted of it; `make benchmark` calls it.

    python -m benchmarks                      without CASIA
    python -m benchmarks --root /abs/dir      with it, as experiment=casia looks for it

Runs the programs below one after another, each as if it were called alone, and prints one table at the end.
About 9 minutes on two cores, 11 more with CASIA; nothing else should run meanwhile.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import KEPT_IN, kept

PROGRAMS = (
    ("reproduce", "--fresh"),
    ("reproduce",),
    ("start_up",),
    ("input_pipeline",),
    ("detector_rate",),
    ("conversion", "--rounds", "2"),
)


def main() -> None:
    """Run all, then print the table; the exit status is 1 where a program failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--root", default="", help="the folder of CASIA's pictures")
    root = parser.parse_args().root
    programs = [*PROGRAMS, *([("casia", "--root", root)] if root else [])]
    began, failed = time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "figures.jsonl"
        for name, *arguments in programs:
            shown = shlex.join(["python", "-m", f"benchmarks.{name}", *arguments])
            print(f"\n{shown}", flush=True)
            command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
            quiet = {"TF_CPP_MIN_LOG_LEVEL": "3"}  # of TensorFlow's lines between those of the tables
            if subprocess.run(command, env={**os.environ, **quiet, KEPT_IN: str(table)}).returncode:
                failed.append(shown)
        figures = kept(table)
    print("\n| figure | measured | wanted | reached |\n| --- | --- | --- | --- |")
    print("\n".join(each.row() for each in figures))
    if not root:
        print("\nCASIA was not measured: make benchmark ROOT=/abs/dir")
    print(f"\n{(time.monotonic() - began) / 60:.0f} minutes")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
