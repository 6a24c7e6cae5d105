"""Pictures as 32×32 grey values, to see whether two of them show the same."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.compute import each_done
from pipeline.config import Compute
from pipeline.errors import UserError
from pipeline.images.read import Unreadable, read_rgb

SIDE = 32
_ENOUGH = (2 * SIDE, 2 * SIDE)  # a JPEG may be decoded at a size no smaller than this
_CHUNK = 64  # pictures that travel to a worker together
_ALONE = 512  # up to this, one process is done before others have started


def read_thumbnails(paths: Sequence[str], folder: Path, compute: Compute) -> np.ndarray:
    """Read pictures at a reduced size, on all cores.

    Args:
        paths: of the pictures, below `folder`.
        folder: of the converted pictures.
        compute: where they are read.

    Returns:
        (n, 32, 32) uint8, grey, in the order of `paths`; the sides are scaled apart.

    Raises:
        UserError: a picture is missing or cannot be read.
    """
    thumbnails = np.zeros((len(paths), SIDE, SIDE), dtype=np.uint8)
    chunks = [list(paths[start : start + _CHUNK]) for start in range(0, len(paths), _CHUNK)]
    read = partial(_read_chunk, folder=folder.absolute())
    for place, chunk in each_done(read, chunks, compute, alone=len(paths) <= _ALONE):
        thumbnails[place * _CHUNK : place * _CHUNK + len(chunk)] = chunk
    return thumbnails


def _read_chunk(paths: Sequence[str], folder: Path) -> np.ndarray:
    return np.stack([_read(folder / path) for path in paths])


def _read(path: Path) -> np.ndarray:
    try:
        rgb = read_rgb(path, at_least=_ENOUGH)
    except Unreadable as error:
        raise UserError(
            f"{error}; files.csv names it, so it was there when it was converted: convert again with make "
            "repro, or python -m pipeline.convert"
        ) from error
    grey = Image.fromarray(rgb).convert("L")
    return np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BOX))
