"""The command `predict` before a detector is asked."""

import subprocess
import sys

HEAVY = [
    "tensorflow",
    "keras",
    "hydra",
    "omegaconf",
    "mlflow",
    "sklearn",
    "scipy",
    "pandas",
    "numpy",
    "matplotlib",
]
HELP = """
import contextlib, runpy, sys
sys.argv = ["predict", "--help"]
with contextlib.suppress(SystemExit):
    runpy.run_module("pipeline.predict", run_name="__main__")
print("imported:", *sorted({name.split(".")[0] for name in sys.modules}))
"""


def test_help_imports_no_large_library():
    printed = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True).stdout
    assert "a picture or a folder of pictures" in printed
    imported = printed.rpartition("imported:")[2].split()
    assert "argparse" in imported
    assert not set(imported) & set(HEAVY)
