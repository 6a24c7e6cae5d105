"""Large pictures in tiles, so that memory does not grow with them, and their maps put together again."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.inputs.load import BLOCK

LARGEST = 2_400_000  # pixels that are looked at in one piece
TILE = 1024  # pixels, a side of what a tile adds to the map
MARGIN = 128  # that a tile sees around it: as far as a cell looks


class Tile(NamedTuple):
    """A part of a picture.

    Attributes:
        seen: rows and columns of the picture that are looked at, in pixels.
        kept: rows and columns of the picture's map that it fills, in cells.
    """

    seen: tuple[slice, slice]
    kept: tuple[slice, slice]

    @property
    def area(self) -> int:
        """Cells that it fills."""
        return (self.kept[0].stop - self.kept[0].start) * (self.kept[1].stop - self.kept[1].start)


def cut_tiles(height: int, width: int) -> list[Tile]:
    """Cut a picture whose sides are multiples of 8; a small one stays in one piece."""
    if height * width <= LARGEST:
        return [
            Tile((slice(0, height), slice(0, width)), (slice(0, height // BLOCK), slice(0, width // BLOCK)))
        ]
    return [
        Tile((_seen(top, height), _seen(left, width)), (_kept(top, height), _kept(left, width)))
        for top in range(0, height, TILE)
        for left in range(0, width, TILE)
    ]


def stitched(tiles: Sequence[Tile], maps: Sequence[np.ndarray]) -> np.ndarray:
    """Put the maps of what tiles have seen together to that of the picture: (height / 8, width / 8)."""
    whole = np.empty((tiles[-1].kept[0].stop, tiles[-1].kept[1].stop), np.float32)
    for tile, cells in zip(tiles, maps, strict=True):
        inner = tuple(
            slice(kept.start - seen.start // BLOCK, kept.stop - seen.start // BLOCK)
            for kept, seen in zip(tile.kept, tile.seen, strict=True)
        )
        whole[tile.kept] = cells[inner]
    return whole


def _seen(start: int, side: int) -> slice:
    return slice(max(start - MARGIN, 0), min(start + TILE + MARGIN, side))


def _kept(start: int, side: int) -> slice:
    return slice(start // BLOCK, min(start + TILE, side) // BLOCK)
