"""The pictures that a verdict is calibrated on: validation, a folder of photographs, tampered copies of both.

What was measured of them is kept beside the detector, in `scores.csv`: another rate asks no network again.
"""

import hashlib
import logging
import tempfile
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import evidence
from pipeline.config import Calibration, Compute
from pipeline.detector.calibration import CALIBRATION, TAMPERED, VALIDATION
from pipeline.detector.decision import NETWORK
from pipeline.detector.detector import load_scorer
from pipeline.detector.validation import MAP_METRICS, score_table
from pipeline.errors import UserError, counted
from pipeline.evidence.measured import measure_files, measured_of
from pipeline.evidence.panel import COLUMNS
from pipeline.forgery.tampered_copies import write_tampered_copy
from pipeline.images.files import find_pictures
from pipeline.images.hashes import sha256_of_file
from pipeline.models.portable import trained_digest
from pipeline.storage import unbroken, write_csv
from pipeline.surroundings import printable

SCORES_FILE = "scores.csv"
LOG = logging.getLogger(__name__)
_KEY = ["part", "sha256"]
_ROWS = [*_KEY, "path", "mask_path", "target", "group"]
_TEXTS = {"part": str, "sha256": str, "path": str, "group": str, "made_by": str}


def calibration_table(
    models: Path,
    validation: pd.DataFrame,
    measured: pd.DataFrame,
    settings: Calibration,
    seed: int,
    compute: Compute,
) -> pd.DataFrame:
    """Measure the pictures of a calibration; only those that were not measured before by the same code.

    Args:
        models: the trained detector; `scores.csv` is kept there.
        validation: the manifest table.
        measured: of `evidence.measured.read_measured`, for the validation pictures.
        settings: the folder, and how many pictures are tampered with.
        seed: of the tampering.
        compute: where specialists are asked.

    Returns:
        a row a picture: `part`, `sha256`, `target`, `group`, `panel.COLUMNS`, `NETWORK` and `MAP_METRICS`.

    Raises:
        UserError: the folder holds no picture that can be read, or a validation picture cannot be.
    """
    of_folder = _of_folder(settings.genuine)
    of_folder = of_folder[~of_folder["sha256"].isin(validation["sha256"])]  # no picture counts twice
    rows = pd.concat([_of_validation(validation), of_folder], ignore_index=True)
    rows = pd.concat([rows, _to_be_tampered(rows, settings.tampered, seed)], ignore_index=True)
    rows = rows.drop_duplicates(_KEY)
    known = _read_scores(models)
    missing = ~pd.MultiIndex.from_frame(rows[_KEY]).isin(pd.MultiIndex.from_frame(known[_KEY]))
    fresh = _measure(models, rows[missing], measured, compute) if missing.any() else None
    if fresh is not None:
        known = fresh if known.empty else pd.concat([known, fresh], ignore_index=True)
        write_csv(models / SCORES_FILE, known)
    found = rows[_KEY].merge(known, on=_KEY)
    if settings.genuine is not None and len(of_folder) and CALIBRATION not in set(found["part"]):
        raise UserError(
            f"calibration.genuine is {settings.genuine}, of which no picture can be read; name another folder"
        )
    return found


def _of_validation(table: pd.DataFrame) -> pd.DataFrame:
    return table[_ROWS[1:]].assign(part=VALIDATION)[_ROWS]


def _of_folder(folder: str | None) -> pd.DataFrame:
    """List the pictures of a folder as they are, each a group of its own."""
    if folder is None:
        return pd.DataFrame(columns=_ROWS)
    paths, _ = find_pictures(Path(folder), for_tables=False)
    if not paths:
        raise UserError(
            f"calibration.genuine is {folder}, which holds no picture; name a folder of photographs"
        )
    digests = [sha256_of_file(path) for path in paths]
    table = pd.DataFrame({"sha256": digests, "path": [str(path) for path in paths]})
    table = table.assign(
        part=CALIBRATION, mask_path="", target=0, group=[f"calibration {each}" for each in digests]
    )
    return table[_ROWS]


def _to_be_tampered(rows: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Choose genuine pictures, the next one of each its donor; name a copy by all that it is made from."""
    genuine = rows[rows["target"] == 0].drop_duplicates("sha256")
    chosen = genuine.iloc[np.random.default_rng(seed).permutation(len(genuine))[:count]]
    donors = chosen.iloc[np.roll(np.arange(len(chosen)), 1)]
    made_from = zip(chosen["sha256"], donors["sha256"], strict=True)
    names = [hashlib.sha256(f"{seed} {host} {donor}".encode()).hexdigest() for host, donor in made_from]
    return chosen.assign(part=TAMPERED, target=1, sha256=names, donor=donors["path"].to_numpy())


def _measure(
    models: Path, rows: pd.DataFrame, measured: pd.DataFrame, compute: Compute
) -> pd.DataFrame | None:
    """Ask all tests about pictures; what cannot be read is said and left out; None: nothing can be."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [
            _tampered(row, Path(folder)) if row["part"] == TAMPERED else row["path"]
            for row in rows.to_dict("records")
        ]
        looked_at = rows.assign(path=paths)[np.array(paths) != ""]
        known = looked_at["part"] == VALIDATION
        of_table = measured_of(looked_at["path"][known].tolist(), measured).assign(error="")
        of_files = measure_files(looked_at["path"][~known].tolist(), compute, "calibrate")
        looked_at = pd.concat([looked_at[known], looked_at[~known]], ignore_index=True)
        numbers = pd.concat([of_table, of_files]).reset_index(drop=True)
        _say_unreadable(looked_at["path"], numbers["error"])
        whole = looked_at[numbers["error"] == ""].reset_index(drop=True)
        if whole.empty:
            return None
        scores = score_table(load_scorer(models), whole)
    numbers = numbers[numbers["error"] == ""].reset_index(drop=True)
    found = pd.concat([whole[[*_KEY, "target", "group"]], numbers[COLUMNS]], axis=1)
    found = found.assign(**{NETWORK: scores["logit"]}, **{name: scores[name] for name in MAP_METRICS})
    return found.assign(made_by=_made_by(models))


def _tampered(row: Mapping[Hashable, Any], folder: Path) -> str:
    """Write a tampered copy of a picture; return its path, "" where that or its donor cannot be read."""
    own = [int(row["sha256"][:16], 16)]
    try:
        return str(write_tampered_copy(Path(row["path"]), Path(row["donor"]), own, folder / row["sha256"]))
    except UserError:
        return ""  # of the picture itself it is said why


def _say_unreadable(paths: pd.Series, errors: pd.Series) -> None:
    broken = errors != ""
    for path, error in zip(paths[broken][:3], errors[broken][:3], strict=True):
        LOG.warning("%s", printable(f"{path} is left out: {error}"))
    if broken.sum() > 3:
        LOG.warning("and %s more", counted(int(broken.sum()) - 3, "picture"))


def _read_scores(models: Path) -> pd.DataFrame:
    """Read what was measured before by this detector and this code; else nothing."""
    path = models / SCORES_FILE
    columns = [*_KEY, "target", "group", *COLUMNS, NETWORK, *MAP_METRICS, "made_by"]
    if not path.is_file():
        return pd.DataFrame(columns=columns)
    with unbroken(path, f"delete {path}, and run the same command again"):
        table = pd.read_csv(path, dtype=_TEXTS)
    if set(columns) - set(table):
        return pd.DataFrame(columns=columns)
    return table[table["made_by"] == _made_by(models)].reset_index(drop=True)


def _made_by(models: Path) -> str:
    """Return a hash of the trained detector and of the specialists' code."""
    digest = hashlib.sha256(trained_digest(models).encode())
    for file in sorted(_files_of_specialists()):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _files_of_specialists() -> Sequence[Path]:
    return list(Path(evidence.__file__).parent.glob("*.py"))
