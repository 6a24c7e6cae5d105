"""Hashes of what a run leaves: a change that only moves code must keep them, to the byte.

python -m benchmarks.golden record GOLDEN.json [--full]     run the sample in a clean copy, write its hashes
python -m benchmarks.golden compare GOLDEN.json [--full]    run it, name every file that differs

Without --full the sample is the tests' tiny one (under a minute); `tests/golden.json` holds its hashes. Tables that are
made before any training are the same on every machine; what a training leaves holds for one processor.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from pipeline.training.precision import describe_device
from tests.conftest import new_repository

BEFORE_TRAINING = [
    "data/converted/files.csv",
    "data/converted/rejected.csv",
    "data/manifest/train.csv",
    "data/manifest/validation.csv",
    "data/manifest/test.csv",
    "data/manifest/left_out.csv",
    "data/manifest/counts.json",
]
FROM_FIGURES = [
    "reports/audit.json",
    "reports/audit.html",
    "models/history.csv",
    "models/decision.json",
    "reports/metrics.json",
    "reports/evaluation/predictions.csv",
    "reports/report.html",
    "reports/MODEL_CARD.md",
]
# What says when, where and by which commit something was run.
PASSING = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:[+-]\d\d:\d\d| UTC)?)?"
    r"|\b[0-9a-f]{7,64}\b|[\d.,]+ (?:s|min|minutes|seconds|pictures a second)\b|\s*(?:with )?uncommitted changes[^<.\n]*"
)


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each golden file below `folder`, pages and cards without times and commits."""
    found = {}
    for name in BEFORE_TRAINING + FROM_FIGURES:
        content = (folder / name).read_bytes()
        if name.endswith((".html", ".md")):
            content = PASSING.sub("·", content.decode("utf-8").replace(str(folder), "")).encode("utf-8")
        found[name] = hashlib.sha256(content).hexdigest()
    return found


def differing(golden: dict, folder: Path) -> list[str]:
    """Name the files below `folder` whose hash is not the golden one; on another processor, of the tables only."""
    names = BEFORE_TRAINING + (FROM_FIGURES if golden["processor"] == describe_device() else [])
    ours = hashes(folder)
    return [name for name in names if ours[name] != golden["files"][name]]


def _reproduced(folder: Path, full: bool) -> Path:
    repository = new_repository(folder, tiny=not full)
    subprocess.run(
        [sys.executable, "-m", "dvc", "repro"], cwd=folder, env=repository.environment(), check=True
    )
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["record", "compare"])
    parser.add_argument("golden", type=Path)
    parser.add_argument("--full", action="store_true", help="the whole sample (minutes)")
    parser.add_argument("--keep", type=Path, help="leave the run in this new folder")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = _reproduced(asked.keep or Path(temporary) / "repository", asked.full)
        if asked.what == "record":
            golden = {"processor": describe_device(), "files": hashes(folder)}
            asked.golden.write_text(json.dumps(golden, indent=2) + "\n", encoding="utf-8")
            return
        names = differing(json.loads(asked.golden.read_text(encoding="utf-8")), folder)
    print("\n".join(f"differs: {name}" for name in names) or "all files are the same")
    sys.exit(bool(names))


if __name__ == "__main__":
    main()
