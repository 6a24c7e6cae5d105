import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.scoring.tiles import LARGEST, MARGIN, TILE, cut_tiles, stitched

sides = st.integers(1, 700).map(lambda side: 8 * side)


def test_a_small_picture_stays_whole():
    (tile,) = cut_tiles(1200, 1600)
    assert tile.seen == (slice(0, 1200), slice(0, 1600))


@given(sides, sides)
def test_tiles_fill_the_map_once_and_see_what_is_around(height, width):
    tiles = cut_tiles(height, width)
    filled = np.zeros((height // 8, width // 8), int)
    for tile in tiles:
        filled[tile.kept] += 1
        if len(tiles) > 1:
            for seen, kept, side in zip(tile.seen, tile.kept, (height, width), strict=True):
                assert seen.start == max(8 * kept.start - MARGIN, 0)
                assert seen.stop <= side
                assert seen.stop - seen.start <= TILE + 2 * MARGIN
    assert (filled == 1).all()


def test_a_map_that_was_cut_comes_together_again():
    height, width = 2104, 3200
    assert height * width > LARGEST
    whole = np.arange(height * width // 64, dtype=np.float32).reshape(height // 8, width // 8)
    tiles = cut_tiles(height, width)
    maps = [whole[tuple(slice(part.start // 8, part.stop // 8) for part in tile.seen)] for tile in tiles]
    assert np.array_equal(stitched(tiles, maps), whole)
