"""Numbers of a picture's pixels: histograms of how it was saved before, and a thumbnail of what it shows.

A JPEG rounds the DCT coefficients of each 8x8 block to multiples of its table; decoded and saved again they
still gather at those multiples, so their histograms tell earlier tables (Fan and de Queiroz, IEEE
Transactions on Image Processing 12, 2003, doi:10.1109/TIP.2002.807361). Residuals tell how smooth and how
blocky the pixels are, which is what remains where the blocks were moved or resized.
"""

import numpy as np
from PIL import Image

from pipeline.images.jpeg import ZIGZAG, dct_basis

BANDS = 24  # of the 64 frequencies, in zigzag order; those above are mostly 0 in photographs
LARGEST = 24  # absolute coefficients from this on are counted as one
RESIDUAL = 8  # residuals beyond this, to either side, are counted as one
SIDE = 8  # colours along each side of a thumbnail
N_CONTENT = 3 * SIDE * SIDE + 6
MOST_PIXELS = 1024  # to a side: what lies in the middle of a larger picture says the same

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as JPEG has it
_BLOCK = 8
N_HISTORY = BANDS * (LARGEST + 1) + 3 * (2 * RESIDUAL + 1) + 2 * _BLOCK


def history_features(rgb: np.ndarray) -> np.ndarray:
    """Return what pixels remember of earlier saves: (N_HISTORY,) float32 shares.

    Those are (height, width, 3) uint8, the blocks where they were saved: not cropped, turned or resized.
    """
    luma = _middle(rgb) @ _LUMA
    return np.concatenate([_coefficient_shares(luma), _residual_shares(luma), _grid_steps(luma)])


def _middle(rgb: np.ndarray) -> np.ndarray:
    """Cut the middle out on the grid of blocks; a side shorter than a block is filled up."""
    for axis in (0, 1):
        excess = rgb.shape[axis] - MOST_PIXELS
        if excess > 0:
            start = excess // 2 // _BLOCK * _BLOCK
            rgb = rgb.take(range(start, start + MOST_PIXELS), axis=axis)
    missing = [(0, max(_BLOCK - side, 0)) for side in rgb.shape[:2]]
    return np.pad(rgb, [*missing, (0, 0)], mode="edge") if any(map(any, missing)) else rgb


def _coefficient_shares(luma: np.ndarray) -> np.ndarray:
    """Count the absolute DCT coefficients of each band: shares of 0, 1, ..., `LARGEST` and more."""
    rows, columns = (side // _BLOCK for side in luma.shape)
    blocks = luma[: rows * _BLOCK, : columns * _BLOCK] - 128
    blocks = blocks.reshape(rows, _BLOCK, columns, _BLOCK).swapaxes(1, 2)
    basis = dct_basis().astype(np.float32)
    coefficients = (basis @ blocks @ basis.T).reshape(rows * columns, _BLOCK * _BLOCK)[:, ZIGZAG[:BANDS]]
    whole = np.minimum(np.abs(np.rint(coefficients)).astype(np.intp), LARGEST)
    each = whole + np.arange(BANDS) * (LARGEST + 1)
    counts = np.bincount(each.ravel(), minlength=BANDS * (LARGEST + 1))
    return (counts / len(whole)).astype(np.float32)


def _residual_shares(luma: np.ndarray) -> np.ndarray:
    """Count second differences along rows, columns and both."""
    across = luma[:, :-2] - 2 * luma[:, 1:-1] + luma[:, 2:]
    down = luma[:-2] - 2 * luma[1:-1] + luma[2:]
    both = across[:-2] - 2 * across[1:-1] + across[2:]
    return np.concatenate([_shares(across), _shares(down), _shares(both / 2)])


def _shares(residual: np.ndarray) -> np.ndarray:
    whole = np.clip(np.rint(residual), -RESIDUAL, RESIDUAL).astype(np.intp) + RESIDUAL
    return (np.bincount(whole.ravel(), minlength=2 * RESIDUAL + 1) / whole.size).astype(np.float32)


def _grid_steps(luma: np.ndarray) -> np.ndarray:
    """Measure the mean step between neighbours at each of the eight places in a block, both ways."""
    steps = []
    for picture in (luma, luma.T):
        step = np.abs(np.diff(picture, axis=1)).mean(axis=0)
        places = np.arange(len(step)) % _BLOCK
        mean = np.bincount(places, step, minlength=_BLOCK) / np.bincount(places, minlength=_BLOCK).clip(1)
        steps.append(mean / (mean.mean() or 1.0))
    return np.concatenate(steps).astype(np.float32)


def thumbnail_features(rgb: np.ndarray) -> np.ndarray:
    """Return what a picture shows in the coarsest sense: shrunk to a grid of colours, whatever its shape.

    A person tells a beach from a portrait on a thumbnail of 32 x 32 colours (Torralba, Fergus and Freeman,
    IEEE Transactions on Pattern Analysis and Machine Intelligence 30, 2008, doi:10.1109/TPAMI.2008.128); a
    quarter of that a side is enough for the question whether two sets of pictures differ. Of how a picture
    was saved, or of what was done to its pixels, an average over so many says nothing.
    Each colour is an average weighted over twice the width and height of its cell, so that it mixes the
    8 x 8 blocks of a JPEG also in pictures so small that a cell is no larger than one of these.

    Returns:
        (N_CONTENT,) float32 in 0-255: brightness and two colour differences of each cell, row by row, and of
        each of the three the mean and the standard deviation over all cells.
    """
    small = Image.fromarray(rgb).resize((SIDE, SIDE), Image.Resampling.BILINEAR).convert("YCbCr")
    cells = np.asarray(small, np.float32).reshape(SIDE * SIDE, 3)
    return np.concatenate([cells.ravel(), cells.mean(axis=0), cells.std(axis=0)])
