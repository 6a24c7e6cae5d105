"""From a file to what a network is given: the same for training, evaluation and prediction."""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from pipeline.config import Inputs
from pipeline.images.jpeg import BLOCK, NO_TABLE, read_header
from pipeline.images.mask import read_mask
from pipeline.images.plain_files import decode_plain_jpeg
from pipeline.images.read import read, read_bytes


def resize(rgb: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize to (height, width): an axis that shrinks is averaged, one that grows interpolated.

    Averaging over the area each new pixel covers keeps fine texture from turning into moiré, which
    nearest and plain bilinear sampling produce. Both are (any, any, 3) uint8.
    """
    shrunk = (min(height, rgb.shape[0]), min(width, rgb.shape[1]))
    if shrunk != rgb.shape[:2]:
        rgb = cv2.resize(rgb, shrunk[::-1], interpolation=cv2.INTER_AREA)
    if shrunk != (height, width):
        rgb = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_LINEAR)
    return rgb


class Loaded(NamedTuple):
    """A picture before it is made a network's input: pixels, and the luminance table of its file.

    The table has a row for each vertical frequency, and zeros where the file is no JPEG, or the pixels lie
    no more as they were saved.
    """

    pixels: np.ndarray  # (height, width, 3) uint8 RGB
    quantisation: np.ndarray  # (8, 8) float32


def load(source: Path | bytes, inputs: Inputs, known_whole: bool = False, page: int | None = None) -> Loaded:
    """Read a picture as the network wants it.

    Resized, it is taken whole, without keeping its proportions; a large JPEG is then decoded at a reduced
    size that still covers the wanted one. At native resolution its pixels stay as they are, but for up to
    seven rows and columns at a border that fill no block of 8 × 8: the lower and the right one, or that to
    which the orientation has turned it.

    `source` is a file, or the content of one; `page` and `known_whole` are as `pipeline.images.read.read`
    takes them, and so is what is raised.
    """
    wanted = (inputs.height, inputs.width) if inputs.method == "resized" else None
    if known_whole and not page and (plain := _load_plain(source, wanted)) is not None:
        return plain
    picture = read(source, page=page, at_least=wanted, known_whole=known_whole)
    if wanted is not None:
        return Loaded(resize(picture.pixels, *wanted), NO_TABLE)
    return Loaded(on_grid(picture.pixels, picture.grid_start), picture.quantisation)


def _load_plain(source: Path | bytes, wanted: tuple[int, int] | None) -> Loaded | None:
    """Load a JPEG as the conversion writes them, resized where a size is `wanted`; None: it is none."""
    content = read_bytes(source) if isinstance(source, Path) else source
    if (pixels := decode_plain_jpeg(content, wanted)) is None:
        return None
    if wanted is not None:
        return Loaded(resize(pixels, *wanted), NO_TABLE)
    if (header := read_header(content)) is None:
        return None
    return Loaded(on_grid(pixels), np.array(header.tables[0], np.float32).reshape(8, 8))


def load_mask(mask: Path, picture: Path | bytes) -> np.ndarray:
    """Read the converted mask of a converted picture as (height, width) bool, cut to the blocks of `load`.

    `picture` is a file, or the content of one.

    Raises:
        Unreadable: one of them cannot be read.
    """
    return on_grid(read_mask(mask), read(picture, known_whole=True).grid_start)


def loaded_shape(height: int, width: int, inputs: Inputs) -> tuple[int, int]:
    """Return height and width of what `load` makes of a picture of height × width."""
    if inputs.method == "resized":
        return inputs.height, inputs.width
    return (max(height // BLOCK, 1) * BLOCK, max(width // BLOCK, 1) * BLOCK)


def on_grid(pixels: np.ndarray, start: tuple[int, int] = (0, 0)) -> np.ndarray:
    """Cut a picture, or its mask, to whole blocks of 8 × 8, the first of which begins at `start`.

    A side shorter than a block is filled up by its border. Pixels are (height, width) with any further axes.

    >>> on_grid(np.ones((17, 5), bool)).shape
    (16, 8)
    """
    missing = [
        (-first, 0) if first < 0 else (0, max(BLOCK - side, 0))
        for first, side in zip(start, pixels.shape, strict=False)
    ]
    if any(map(any, missing)):
        pixels = np.pad(pixels, missing + [(0, 0)] * (pixels.ndim - 2), mode="edge")
    rows, columns = (
        slice(max(first, 0), side - (side - max(first, 0)) % BLOCK)
        for first, side in zip(start, pixels.shape, strict=False)
    )
    return pixels[rows, columns]


def tampered_share(mask: np.ndarray) -> np.ndarray:
    """Return the share of tampered pixels of each block that `on_grid` leaves of (height, width) bool."""
    inside = on_grid(mask)
    rows, columns = (side // BLOCK for side in inside.shape)
    # Rows first, along which NumPy adds many at once: ten times as fast as a mean over both axes.
    columns_of_blocks = inside.reshape(rows, BLOCK, -1).sum(axis=1, dtype=np.uint8)
    share: np.ndarray = columns_of_blocks.reshape(rows, columns, BLOCK).sum(axis=2) / BLOCK**2
    return share
