"""Histograms of many whole pictures at once, measured where the files are: in processes or on a cluster."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline.compute import each_done
from pipeline.config import Compute
from pipeline.images.histograms import N_FEATURES, history_features
from pipeline.images.read import read_rgb

_CHUNK = 16  # pictures a task: small ones cost less than a message each
_ALONE = 100  # up to this many, other processes would only just have started


def measure_pictures(paths: Sequence[Path], compute: Compute, known_whole: bool = False) -> np.ndarray:
    """Measure pictures, showing progress; the order in which they are done changes nothing.

    Args:
        paths: of the pictures.
        compute: where.
        known_whole: see `pipeline.images.read.read_rgb`.

    Returns:
        (len(paths), `N_FEATURES`) float32 of `pipeline.images.histograms`.

    Raises:
        UserError: a picture cannot be read.
    """
    absolute = [path.absolute() for path in paths]  # a worker may have started elsewhere
    chunks = [absolute[start : start + _CHUNK] for start in range(0, len(absolute), _CHUNK)]
    measured = np.empty((len(paths), N_FEATURES), np.float32)
    work = partial(measure_chunk, known_whole=known_whole)
    with tqdm(total=len(paths), desc="measure", unit=" pictures", dynamic_ncols=True, disable=None) as bar:
        for place, answer in each_done(work, chunks, compute, alone=len(paths) <= _ALONE):
            measured[place * _CHUNK : place * _CHUNK + len(answer)] = answer
            bar.update(len(answer))
    return measured


def measure_chunk(paths: Sequence[Path], known_whole: bool) -> np.ndarray:
    """Measure pictures one after the other."""
    return np.stack([history_features(read_rgb(path, known_whole=known_whole)) for path in paths])
