"""Which part of a picture a crop shows, and which 8 x 8 blocks of its mask were tampered with."""

import numpy as np

from pipeline.inputs.load import BLOCK

# Masks on the grid of the maps: which 8 × 8 cells were tampered with.
#

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


# Which part of a picture a crop shows, on the grid on which JPEG has saved it.
#

ENOUGH_CELLS = 12  # tampered ones in a crop of a fake, where that many are to be found: three by four

Window = tuple[slice, slice]


def draw_window(rng: np.random.Generator, shape: tuple[int, int], size: tuple[int, int]) -> Window:
    """Draw a window of `size` on the grid of a picture of `shape`; a side that is shorter is taken whole.

    Args:
        rng: where it is drawn from.
        shape: height and width of the picture, multiples of 8.
        size: height and width wanted, multiples of 8.
    """
    starts = [
        BLOCK * int(rng.integers(max(side - wanted, 0) // BLOCK + 1))
        for side, wanted in zip(shape, size, strict=True)
    ]
    return _window(starts, shape, size)


def draw_window_at(
    rng: np.random.Generator, cells: np.ndarray, size: tuple[int, int], untouched: bool = False
) -> Window | None:
    """Draw a window that shows the tampering, or one that shows none of it.

    Args:
        rng: where it is drawn from.
        cells: (h / 8, w / 8) of the picture, see `cells`.
        size: height and width wanted, in pixels, multiples of 8.
        untouched: a window of untouched cells only is wanted.

    Returns:
        a window with `ENOUGH_CELLS` tampered cells, or as many as any has; None where no cell is known to
        be tampered, or no window is untouched.
    """
    wanted = tuple(min(side // BLOCK, there) for side, there in zip(size, cells.shape, strict=True))
    if untouched:
        fitting = _sums(cells == UNTOUCHED, wanted) == wanted[0] * wanted[1]
    else:
        tampered = _sums(cells == TAMPERED, wanted)
        fitting = tampered >= min(ENOUGH_CELLS, max(int(tampered.max()), 1))
    places = np.flatnonzero(fitting)
    if not len(places):
        return None
    row, column = np.unravel_index(places[rng.integers(len(places))], fitting.shape)
    shape = (cells.shape[0] * BLOCK, cells.shape[1] * BLOCK)
    return _window([BLOCK * int(row), BLOCK * int(column)], shape, size)


def in_cells(window: Window) -> Window:
    """Give the same window in cells."""
    down, right = window
    return (
        slice(down.start // BLOCK, down.stop // BLOCK),
        slice(right.start // BLOCK, right.stop // BLOCK),
    )


def _window(starts: list[int], shape: tuple[int, int], size: tuple[int, int]) -> Window:
    down, right = (
        slice(start, min(start + wanted, side))
        for start, wanted, side in zip(starts, size, shape, strict=True)
    )
    return down, right


def _sums(marked: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Count what is marked in each window of `size` cells."""
    total = np.pad(marked.astype(np.int64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    tall, wide = size
    inside: np.ndarray = (
        total[tall:, wide:] - total[:-tall, wide:] - total[tall:, :-wide] + total[:-tall, :-wide]
    )
    return inside
