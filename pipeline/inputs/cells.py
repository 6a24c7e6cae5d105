"""Masks on the grid of the maps: which 8 × 8 cells were tampered with."""

import numpy as np

from pipeline.inputs.load import BLOCK

UNKNOWN, UNTOUCHED, TAMPERED = -1, 0, 1
_MOSTLY = 0.5  # share of tampered pixels from which a cell is one; fewer, but some, say neither


def tampered_share(mask: np.ndarray) -> np.ndarray:
    """Give the share of tampered pixels of each whole cell: (h, w) bool -> (h // 8, w // 8) float64."""
    rows, columns = (side // BLOCK for side in mask.shape)
    inside = mask[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    share: np.ndarray = inside.mean(axis=(1, 3))
    return share


def cells_of(mask: np.ndarray) -> np.ndarray:
    """Call each whole cell `TAMPERED`, `UNTOUCHED` or, at the edge, `UNKNOWN`: -> (h // 8, w // 8) int8."""
    share = tampered_share(mask)
    cells = np.full(share.shape, UNKNOWN, np.int8)
    cells[share == 0] = UNTOUCHED
    cells[share >= _MOSTLY] = TAMPERED
    return cells
