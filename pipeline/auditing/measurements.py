"""What an audit needs of each picture: what `files.csv` knows, and what is measured where the files are."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.auditing.file_features import FEATURES, NUMBER, Value, header_features
from pipeline.auditing.findings import ELSEWHERE
from pipeline.auditing.shortcut_kinds import PROBES
from pipeline.config import Compute
from pipeline.conversion.file_table import FILE_COLUMNS
from pipeline.errors import UserError
from pipeline.images.files import Limits, Unreadable
from pipeline.images.hashes import sha256_of
from pipeline.images.mask import read_mask
from pipeline.images.read import read, read_bytes
from pipeline.parallel import map_chunks

_ALONE = 100  # up to this many, other processes would only just have started


@dataclass(frozen=True)
class Task:
    """One picture to be measured; all paths are absolute."""

    source: str  # as handed in
    converted: str  # what became of it
    source_sha256: str  # which bytes they have to be
    sha256: str
    mask: str  # its converted mask, or ""
    width: int  # of the upright picture, in pixels
    height: int
    page: int  # of the source
    probed: bool  # whether pixels are looked at, too


class Side(NamedTuple):
    """What was found of pictures on one side of the conversion, in the order of their tasks."""

    features: pd.DataFrame  # of `FEATURES`, one row a picture
    pixels: dict[str, np.ndarray]  # of each probe (m, features) float32, one row a picture that was probed
    probed: np.ndarray  # (n,) bool, true for m of them


class Measurements(NamedTuple):
    """What was found of all pictures.

    Attributes:
        masks: columns `whole` and `border`, the marked share of a mask and of its outermost pixels; NaN where
            there is none.
    """

    raw: Side
    converted: Side
    masks: pd.DataFrame


def measure_all(tasks: Sequence[Task], limits: Limits, compute: Compute) -> Measurements:
    """Measure pictures, showing progress; the order in which they are done changes nothing.

    Raises:
        UserError: a file is missing, or is not the one that was converted.
    """
    measure = partial(_measure, limits=limits)
    probed = np.array([task.probed for task in tasks], dtype=bool)
    sides, masks = (_Rows(probed), _Rows(probed)), np.full((len(tasks), 2), np.nan)
    for index, (*files, shares) in map_chunks(measure, tasks, compute, "audit", alone=_ALONE):
        for side, found in zip(sides, files, strict=True):
            side.put(index, found)
        masks[index] = shares
    raw, converted = (rows.side() for rows in sides)
    return Measurements(raw, converted, pd.DataFrame(masks, columns=["whole", "border"]))


_Found = tuple[dict[str, Value], dict[str, np.ndarray]]  # of one file: features, and what each probe knows


def _measure(task: Task, limits: Limits) -> tuple[_Found, _Found, tuple[float, float]]:
    raw = _measure_file(task, task.source, task.source_sha256, task.page, limits)
    # Under the policy raw both are the same bytes; a page of many is a picture of its own afterwards.
    same = task.sha256 == task.source_sha256 and Path(task.source).suffix == Path(task.converted).suffix
    converted = raw if same else _measure_file(task, task.converted, task.sha256, 0, limits)
    return raw, converted, _mask_shares(task.mask)


def _measure_file(task: Task, path: str, expected: str, page: int, limits: Limits) -> _Found:
    try:
        content = read_bytes(Path(path))
        if sha256_of(content) != expected:
            raise Unreadable("it is not the file that was converted: its content has changed")
        features = header_features(content, Path(path).name, task.width, task.height)
        rgb = read(content, limits=limits, page=page).pixels_on_grid if task.probed else None
    except Unreadable as error:
        raise UserError(
            f"{path} cannot be audited: {error.reason}; bring data/converted in step with the pictures as "
            "handed in: make repro, or python -m pipeline.convert, then pipeline.manifest"
        ) from error
    return features, {} if rgb is None else {name: probe.features(rgb) for name, probe in PROBES.items()}


def _mask_shares(path: str) -> tuple[float, float]:
    if not path:
        return np.nan, np.nan
    try:
        marked = read_mask(Path(path))
    except Unreadable as error:
        raise UserError(
            f"{path} cannot be audited: {error.reason}; write it again with make repro, or "
            "python -m pipeline.convert"
        ) from error
    border = np.concatenate([marked[0], marked[-1], marked[:, 0], marked[:, -1]])
    return float(marked.mean()), float(border.mean())


class _Rows:
    """What is found of files, put into columns as it comes: a dictionary a file takes six times as much."""

    def __init__(self, probed: np.ndarray) -> None:
        self._probed, self._row = probed, np.cumsum(probed) - 1  # of a probed picture, among these
        self._numbers = {
            name: np.full(len(probed), np.nan) for name, each in FEATURES.items() if each.kind == NUMBER
        }
        self._texts: dict[str, list[Value]] = {
            name: [None] * len(probed) for name in FEATURES if name not in self._numbers
        }
        self._pixels = {
            name: np.empty((probed.sum(), probe.n_features), np.float32) for name, probe in PROBES.items()
        }

    def put(self, index: int, found: _Found) -> None:
        """Note what was found of the file at an index."""
        features, known = found
        for name, numbers in self._numbers.items():
            numbers[index] = features[name]
        for name, texts in self._texts.items():
            value = features[name]
            texts[index] = sys.intern(value) if isinstance(value, str) else value  # few are unlike
        for name, values in known.items():
            self._pixels[name][self._row[index]] = values

    def side(self) -> Side:
        """Return all of it: numbers as floats, NaN where one does not apply; categories as texts."""
        columns = {**self._numbers, **self._texts}
        return Side(pd.DataFrame({name: columns[name] for name in FEATURES}), self._pixels, self._probed)


KEPT = ["path", "split", "label", "target", "group", "collection", "subset", "mask_path"]
FROM_FILES = [column for column in FILE_COLUMNS if column not in KEPT]


def gather_pictures(
    files: pd.DataFrame, tables: Mapping[str, pd.DataFrame], converted: Path, tested_only: frozenset[str]
) -> pd.DataFrame:
    """Join the tables of a manifest with `files.csv`.

    Args:
        files: `files.csv` with all its columns; `policy` says how each file was saved.
        tables: "train", "validation", "test" -> table of the manifest.
        converted: folder that the paths of `files` start from.
        tested_only: collections with the role test; their split is called elsewhere.

    Returns:
        one row a picture of the tables, sorted by path, with `KEPT` and `FROM_FILES`.

    Raises:
        UserError: a picture of the manifest is not in `files.csv`, or was converted anew since.
    """
    rows = pd.concat([table.assign(split=name) for name, table in tables.items()], ignore_index=True)
    rows.loc[rows["collection"].isin(list(tested_only)), "split"] = ELSEWHERE
    known = files.assign(path=converted.as_posix() + "/" + files["path"])
    known = known.reindex(columns=["path", *FROM_FILES], fill_value="")
    joined = rows[[*KEPT, "sha256"]].merge(known, on="path", how="left", suffixes=("_then", ""))
    stale = joined[joined["sha256"] != joined["sha256_then"]]
    if len(stale):
        raise UserError(
            f"{stale.iloc[0]['path']} and {len(stale) - 1} others are not in {converted / 'files.csv'} as "
            "the manifest has them; build it anew with make repro, or python -m pipeline.manifest"
        )
    return joined.drop(columns="sha256_then").sort_values("path", ignore_index=True)


def read_rejected(path: Path) -> pd.DataFrame:
    """Read `rejected.csv`: columns `path` and `reason`, texts.

    Raises:
        UserError: it is not there.
    """
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError as error:
        raise UserError(
            f"{path} is not there; write it with make repro, or python -m pipeline.convert"
        ) from error


def plan_measurements(pictures: pd.DataFrame, root: Path, probe_pictures: int | None) -> list[Task]:
    """List what is to be measured of each of `gather_pictures`; relative source paths start from `root`.

    Of a collection so many are probed, both labels alike; None: all.
    """
    probed = np.ones(len(pictures), dtype=bool)
    if probe_pictures is not None:  # by the hash of their bytes, so that new ones push few others out
        hashes = [sha256(f"probe {key}".encode()).hexdigest() for key in pictures["source_sha256"]]
        rank = pictures.assign(key=hashes).groupby(["collection", "label"])["key"].rank(method="first")
        probed = (rank <= -(-probe_pictures // 2)).to_numpy()
    rows: Iterable[Any] = pictures.itertuples()
    return [
        Task(
            source=str((root / row.source_path).absolute()),
            converted=str(Path(row.path).absolute()),
            source_sha256=row.source_sha256,
            sha256=row.sha256,
            mask=str(Path(row.mask_path).absolute()) if row.mask_path else "",
            width=int(row.width),
            height=int(row.height),
            page=int(row.page or 0),
            probed=bool(looked_at),
        )
        for row, looked_at in zip(rows, probed, strict=True)
    ]


_MATCHED = "matched("  # what the column `policy` of files.csv begins with under this policy
_KEPT = "matched(stripped,"  # where a file keeps its compressed data


def count_savings(pictures: pd.DataFrame) -> dict[str, Any]:
    """Count what became of the last compression of fakes.

    Args:
        pictures: columns `policy`, as in `files.csv`, `label` and `collection`.

    Returns:
        `kept_scans`: number of fakes that kept their last compression because `matched` has given its
        settings to others; `saved_alike`: collections that have fakes and were to be matched, of which no
        fake kept it, so that all their pictures were saved once more, as under `equal`.
    """
    fakes = pictures[pictures["label"] == "fake"]
    kept = fakes["policy"].str.startswith(_KEPT)
    to_match = fakes["policy"].str.startswith(_MATCHED)
    alike = set(fakes["collection"][to_match]) - set(fakes["collection"][kept])
    return {"kept_scans": int(kept.sum()), "saved_alike": sorted(alike)}
