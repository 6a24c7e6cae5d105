"""Hashes of what a run leaves: a change that only moves code must keep them, to the byte.

python -m tests.golden record GOLDEN.json [--full]     run the sample in a clean copy, write its hashes
python -m tests.golden compare GOLDEN.json [--full]    run it, name every file that differs

Without --full it is the tests' tiny sample (under a minute), whose hashes `tests/golden.json` holds. Tables
made before any training are the same on every machine; what a training leaves holds for one processor.
"""

import argparse
import hashlib
import json
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conftest import new_repository

_MANIFEST = ("train.csv", "validation.csv", "test.csv", "left_out.csv", "counts.json")
BEFORE_TRAINING = [
    *(f"data/converted/{name}.csv" for name in ("files", "rejected")),
    *(f"data/manifest/{name}" for name in _MANIFEST),
]
_REPORTS = ("audit.json", "audit.html", "metrics.json", "report.html", "MODEL_CARD.md")
FROM_FIGURES = [
    *("models/trained/history.csv", "models/decision.json", "reports/evaluation/predictions.csv"),
    *(f"reports/{name}" for name in _REPORTS),
]
# What says when, where and by which commit something was run.
PASSING = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:[+-]\d\d:\d\d| UTC)?)?"
    r"|\b[0-9a-f]{7,64}\b|[\d.,]+ (?:s|min|minutes|seconds|pictures a second)\b"
    r"|\s*(?:with )?uncommitted changes[^<.\n]*"
)


def processor() -> str:
    """Return a hash of what this processor is and can do: float32 sums differ from one kind to the next."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.is_file() else [platform.processor()]
    kept = sorted({line for line in lines if line.startswith(("model", "flags", "cpu family"))})
    return hashlib.sha256("\n".join(kept).encode("utf-8")).hexdigest()[:16]


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
    """List the files below `folder` whose hash is not the golden one; on other processors of tables only."""
    names = BEFORE_TRAINING + (FROM_FIGURES if golden["processor"] == processor() else [])
    ours = hashes(folder)
    return [name for name in names if ours[name] != golden["files"][name]]


def _reproduced(folder: Path, full: bool) -> Path:
    repository = new_repository(folder, tiny=not full)
    subprocess.run(
        [sys.executable, "-m", "dvc", "repro"], cwd=folder, env=repository.environment(), check=True
    )
    return folder


def main() -> None:
    """Record or compare, as the first argument says; the exit status is 1 where a file differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.golden", description=__doc__)
    parser.add_argument("what", choices=["record", "compare"])
    parser.add_argument("golden", type=Path)
    parser.add_argument("--full", action="store_true", help="the whole sample (minutes)")
    parser.add_argument("--keep", type=Path, help="leave the run in this new folder")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = _reproduced(asked.keep or Path(temporary) / "repository", asked.full)
        if asked.what == "record":
            golden = {"processor": processor(), "files": hashes(folder)}
            asked.golden.write_text(json.dumps(golden, indent=2) + "\n", encoding="utf-8")
            return
        names = differing(json.loads(asked.golden.read_text(encoding="utf-8")), folder)
    print("\n".join(f"differs: {name}" for name in names) or "all files are the same")
    sys.exit(bool(names))


if __name__ == "__main__":
    main()
