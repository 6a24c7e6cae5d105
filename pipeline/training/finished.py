"""Trainings that were done: who asks for the same again gets its detector, and trains nothing.

DVC cannot do it: it forgets a stage whose outputs it must not delete (docs/decisions/0024-what-is-kept.md).
What is kept holds however a training is started.
"""

import hashlib
import importlib.metadata
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.config import Config
from pipeline.models.detector_files import RUN_FILE
from pipeline.storage import read_json, replacing_folder

FINISHED = Path(".trained")
MOST = 30  # trainings; the ones that were asked for longest ago go first
_CODE = {".py", ".csv", ".keras"}  # with the tables and the weights that come with it
# Rooms of which a training knows nothing.
_CHANGES_NOTHING = ("auditing", "detector", "evaluation", "evidence", "reports")


def finished_digest(config: Config, tables: Mapping[str, Any]) -> str:
    """Return a hash of all that a trained network depends on, but for the machine.

    Args:
        config: of which what comes before and after the training is left out.
        tables: path and SHA-256 of each table; they hold the hashes of the pictures.
    """
    settings = config.for_training()
    del settings["train"]["resume"]
    versions = [importlib.metadata.version(name) for name in ("tensorflow", "keras", "numpy", "scikit-learn")]
    content = {**settings, "tables": dict(tables), "code": _code_digest(), "versions": versions}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _code_digest() -> str:
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(path for path in package.rglob("*") if path.suffix in _CODE):
        if path.relative_to(package).parts[0] not in _CHANGES_NOTHING:
            digest.update(path.read_bytes())
    return digest.hexdigest()


class Finished:
    """The folder of one training."""

    def __init__(self, config: Config, tables: Mapping[str, Any], root: Path = Path()) -> None:
        """Name the folder; `root` is that of the repository."""
        self.folder = root / FINISHED / finished_digest(config, tables)

    def exists(self) -> bool:
        """Return whether this training was done and is kept whole."""
        return (self.folder / RUN_FILE).is_file()

    def keep(self, trained: Path) -> None:
        """Keep what training left in a folder; forget the oldest trainings."""
        with replacing_folder(self.folder) as folder:
            shutil.copytree(trained, folder, dirs_exist_ok=True)
        others = [path for path in self.folder.parent.iterdir() if path.is_dir() and path != self.folder]
        for old in sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)[MOST - 1 :]:
            shutil.rmtree(old, ignore_errors=True)

    def put_back(self, folder: Path) -> dict[str, Any]:
        """Copy the detector into an empty folder; return its `run.json`.

        Raises:
            UserError: that is broken.
        """
        again = f"delete {self.folder}, or set train.resume=false"
        record = read_json(self.folder / RUN_FILE, again, "started", "config")
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        self.folder.touch()  # asked for just now
        return record
