"""What an audit needs of each picture, measured where the files are: in worker processes or on a cluster."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from pipeline.auditing.features import BY_NAME, NAMES, NUMBER
from pipeline.auditing.headers import Value, header_features
from pipeline.auditing.probes import CONTENT, HISTORY
from pipeline.compute import each_done
from pipeline.config import Compute
from pipeline.errors import UserError
from pipeline.images import histograms, thumbnail
from pipeline.images.hashes import sha256_of
from pipeline.images.limits import Limits
from pipeline.images.mask import read_mask
from pipeline.images.read import Unreadable, read_bytes, read_rgb

_CHUNK = 16  # pictures a task: small ones cost less than a message each
# What each probe knows of a picture, (height, width, 3) uint8 to (n,) float32, and n.
_SEEN: Mapping[str, tuple[Callable[[np.ndarray], np.ndarray], int]] = {
    HISTORY: (histograms.history_features, histograms.N_FEATURES),
    CONTENT: (thumbnail.thumbnail_features, thumbnail.N_FEATURES),
}
_ALONE = 100  # up to this many, other processes would only just have started


@dataclass(frozen=True)
class Task:
    """One picture to be measured.

    Attributes:
        source: as handed in; absolute, as all paths here.
        converted: what became of it.
        source_sha256: which bytes they have to be.
        sha256: likewise.
        mask: its converted mask, or "".
        width: of the upright picture, in pixels.
        height: likewise.
        page: of the source.
        probed: whether pixels are looked at, too.
    """

    source: str
    converted: str
    source_sha256: str
    sha256: str
    mask: str
    width: int
    height: int
    page: int
    probed: bool


@dataclass(frozen=True)
class Side:
    """What was found on one side of the conversion.

    Attributes:
        features: values under `features.NAMES`.
        pixels: name of each probe -> (n,) float32 that it knows; empty where the picture is not probed.
    """

    features: dict[str, Value]
    pixels: dict[str, np.ndarray]


@dataclass(frozen=True)
class MaskShares:
    """How much of a mask is marked: of the whole, and of its outermost pixels."""

    whole: float
    border: float


@dataclass(frozen=True)
class Measured:
    """What was found of one picture."""

    raw: Side
    converted: Side
    mask: MaskShares | None


@dataclass(frozen=True)
class Measurements:
    """What was found of all pictures, in the order of their tasks.

    Attributes:
        raw: table of features of the files as handed in, one row a picture.
        converted: likewise of what became of them.
        raw_pixels: name of each probe -> (n, features) float32, NaN where a picture was not probed.
        converted_pixels: likewise.
        masks: columns `whole` and `border`, NaN where there is no mask.
    """

    raw: pd.DataFrame
    converted: pd.DataFrame
    raw_pixels: dict[str, np.ndarray]
    converted_pixels: dict[str, np.ndarray]
    masks: pd.DataFrame


def measure_all(tasks: Sequence[Task], limits: Limits, compute: Compute) -> Measurements:
    """Measure pictures, showing progress; the order in which they are done changes nothing.

    Raises:
        UserError: a file is missing, or is not the one that was converted.
    """
    chunks = [tasks[start : start + _CHUNK] for start in range(0, len(tasks), _CHUNK)]
    raw: list[dict[str, Value]] = [{}] * len(tasks)
    converted: list[dict[str, Value]] = [{}] * len(tasks)
    raw_pixels, converted_pixels = (
        {name: np.full((len(tasks), n), np.nan, np.float32) for name, (_, n) in _SEEN.items()}
        for _ in range(2)
    )
    masks = np.full((len(tasks), 2), np.nan)
    work = partial(measure_chunk, limits=limits)
    with tqdm(total=len(tasks), desc="audit", unit=" pictures", dynamic_ncols=True, disable=None) as bar:
        for place, answers in each_done(work, chunks, compute, alone=len(tasks) <= _ALONE):
            for row, measured in enumerate(answers, place * _CHUNK):
                raw[row], converted[row] = measured.raw.features, measured.converted.features
                for table, side in ((raw_pixels, measured.raw), (converted_pixels, measured.converted)):
                    for name, seen in side.pixels.items():
                        table[name][row] = seen
                if measured.mask is not None:
                    masks[row] = measured.mask.whole, measured.mask.border
            bar.update(len(answers))
    shares = pd.DataFrame(masks, columns=["whole", "border"])
    return Measurements(_table(raw), _table(converted), raw_pixels, converted_pixels, shares)


def measure_chunk(tasks: Sequence[Task], limits: Limits) -> list[Measured]:
    """Measure pictures one after the other."""
    return [_measure(task, limits) for task in tasks]


def _measure(task: Task, limits: Limits) -> Measured:
    raw = _side(task, task.source, task.source_sha256, task.page, limits)
    # Under the policy raw both are the same bytes; a page of many is a picture of its own afterwards.
    same = task.sha256 == task.source_sha256 and Path(task.source).suffix == Path(task.converted).suffix
    converted = raw if same else _side(task, task.converted, task.sha256, 0, limits)
    return Measured(raw, converted, _mask_shares(Path(task.mask)) if task.mask else None)


def _side(task: Task, path: str, sha256: str, page: int, limits: Limits) -> Side:
    try:
        content = read_bytes(Path(path))
        if sha256_of(content) != sha256:
            raise Unreadable("it is not the file that was converted: its content has changed")
        features = header_features(content, Path(path).name, task.width, task.height)
        pixels = _seen(read_rgb(content, limits=limits, page=page)) if task.probed else {}
    except Unreadable as error:
        raise UserError(
            f"{path} cannot be audited: {error.reason}; bring data/converted in step with the pictures as "
            "handed in: make repro, or python -m pipeline.convert, then pipeline.manifest"
        ) from error
    return Side(features, pixels)


def _seen(rgb: np.ndarray) -> dict[str, np.ndarray]:
    return {name: features_of(rgb) for name, (features_of, _) in _SEEN.items()}


def _mask_shares(path: Path) -> MaskShares:
    try:
        marked = read_mask(path)
    except Unreadable as error:
        raise UserError(
            f"{path} cannot be audited: {error.reason}; write it again with make repro, or "
            "python -m pipeline.convert"
        ) from error
    border = np.concatenate([marked[0], marked[-1], marked[:, 0], marked[:, -1]])
    return MaskShares(float(marked.mean()), float(border.mean()))


def _table(rows: Sequence[dict[str, Value]]) -> pd.DataFrame:
    """Give features as a table: numbers as floats, NaN where one does not apply; categories as texts."""
    table = pd.DataFrame(rows, columns=list(NAMES))
    numbers = [name for name in NAMES if BY_NAME[name].kind == NUMBER]
    return table.astype(dict.fromkeys(numbers, float))
