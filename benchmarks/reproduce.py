"""Seconds that `dvc repro` takes on the sample: everything, and with nothing to do.

    python -m benchmarks.reproduce

Runs in a temporary clone of the last commit, with the environment that this program runs in.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WANTED = {"everything": 180.0, "nothing to do": 3.0}


def main() -> None:
    """Clone, run twice, print."""
    root = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(root), str(clone)], check=True)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "PYTHONPATH": str(clone)}
        print(f"{'dvc repro':<16}{'seconds':>9}{'wanted':>9}")
        for name, wanted in WANTED.items():
            began = time.perf_counter()
            subprocess.run(
                ["dvc", "repro", "--quiet"], cwd=clone, env=environment, check=True, stdout=subprocess.DEVNULL
            )
            print(f"{name:<16}{time.perf_counter() - began:>9.1f}{wanted:>9.1f}", flush=True)


if __name__ == "__main__":
    main()
