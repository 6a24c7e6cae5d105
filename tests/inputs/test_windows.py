import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inputs.cells import TAMPERED, UNKNOWN, UNTOUCHED
from pipeline.inputs.windows import ENOUGH_CELLS, draw_window, draw_window_at, in_cells

sides = st.integers(1, 20).map(lambda side: 8 * side)


@given(sides, sides, sides, sides, st.integers(0, 99))
def test_a_window_lies_on_the_grid_within_the_picture_and_is_as_large_as_can_be(
    height, width, tall, wide, seed
):
    window = draw_window(np.random.default_rng(seed), (height, width), (tall, wide))
    for part, side, wanted in zip(window, (height, width), (tall, wide), strict=True):
        assert part.start % 8 == 0
        assert part.stop <= side
        assert part.stop - part.start == min(side, wanted)


@given(st.integers(0, 200))
def test_a_crop_of_a_fake_meets_its_mask(seed):
    rng = np.random.default_rng(seed)
    cells = np.zeros((24, 32), np.int8)
    top, left = rng.integers(20), rng.integers(28)
    cells[top : top + 4, left : left + 4] = TAMPERED
    window = draw_window_at(rng, cells, (64, 64))
    assert (cells[in_cells(window)] == TAMPERED).sum() >= ENOUGH_CELLS


def test_a_small_tampered_part_is_met_as_well():
    cells = np.zeros((24, 32), np.int8)
    cells[3, 30] = TAMPERED
    for seed in range(20):
        assert (
            cells[in_cells(draw_window_at(np.random.default_rng(seed), cells, (64, 64)))] == TAMPERED
        ).any()


def test_an_untouched_part_is_found_where_there_is_one():
    cells = np.zeros((24, 32), np.int8)
    cells[:, 8:] = TAMPERED
    window = draw_window_at(np.random.default_rng(0), cells, (64, 64), untouched=True)
    assert (cells[in_cells(window)] == UNTOUCHED).all()
    cells[12, 4] = UNKNOWN
    assert draw_window_at(np.random.default_rng(0), cells, (192, 64), untouched=True) is None


def test_nothing_can_be_met_where_nothing_is_known():
    assert draw_window_at(np.random.default_rng(0), np.full((24, 32), UNKNOWN, np.int8), (64, 64)) is None
