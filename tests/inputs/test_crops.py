import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.images.jpeg import libjpeg_tables
from pipeline.inputs.cache import PictureCache
from pipeline.inputs.crops import Views
from pipeline.inputs.windows import (
    ENOUGH_CELLS,
    TAMPERED,
    UNKNOWN,
    UNTOUCHED,
    cells_of,
    draw_window,
    draw_window_at,
    in_cells,
    tampered_share,
)
from tests.inputs.drawn import FORENSIC, augment, blotches, draw_table, native


def test_a_cell_is_what_most_of_it_is_and_unknown_where_it_is_little_of_it():
    mask = np.zeros((16, 30), bool)
    mask[:, :8] = True  # both cells whole
    mask[:8, 8:12] = True  # half of a cell
    mask[8:, 8] = True  # an eighth of one
    assert cells_of(mask).tolist() == [[TAMPERED, TAMPERED, UNTOUCHED], [TAMPERED, UNKNOWN, UNTOUCHED]]


def test_shares_leave_out_what_fills_no_cell():
    assert tampered_share(np.ones((15, 23), bool)).tolist() == [[1.0, 1.0]]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return draw_table(tmp_path_factory.mktemp("pictures"), kind="jpg")


def _views(table, augment=FORENSIC, policy="matched", seed=20, **size):
    return Views(table, native(**size, augment=augment), seed, PictureCache("memory", 1.0), policy)


def _same(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in vars(one))


def test_a_view_is_a_function_of_seed_epoch_row_and_occurrence(table):
    key = (3, 1, 2, True, True)
    assert _same(_views(table).view(*key), _views(table).view(*key))
    others = [(4, 1, 2, True, True), (3, 2, 2, True, True), (3, 1, 1, True, True)]
    assert not any(_same(_views(table).view(*key), _views(table).view(*other)) for other in others)
    assert not _same(_views(table).view(*key), _views(table, seed=21).view(*key))


def test_twins_differ_only_where_one_was_tampered_with(tmp_path):
    # No save at the end, so that nothing spreads.
    views = _views(
        draw_table(tmp_path), augment(tamper=1.0, alter=1.0, scale=[1.0, 1.0], blur=0.0, lossless=1.0)
    )
    for occurrence in range(40):
        fake = views.view(0, 1, occurrence, twinned=True, of_fake=True)
        genuine = views.view(0, 1, occurrence, twinned=True, of_fake=False)
        changed = (fake.pixels != genuine.pixels).any(axis=2).reshape(4, 8, 4, 8).any(axis=(1, 3))
        assert not (changed & (fake.cells == UNTOUCHED)).any()
        assert (genuine.cells != TAMPERED).all()
        assert (fake.target, genuine.target) == (1.0, 0.0)
        assert (fake.cells != UNTOUCHED).any()


def test_twins_have_one_last_save(table):
    views = _views(table)
    for occurrence in range(20):
        pair = [views.view(0, 2, occurrence, True, of_fake) for of_fake in (True, False)]
        assert np.array_equal(pair[0].quantisation, pair[1].quantisation)


def test_a_genuine_picture_is_saved_anew_as_any_fake_was(tmp_path):
    table = draw_table(tmp_path, kind="jpg")
    for number, path in enumerate(table["path"][6:]):
        Image.fromarray(blotches(number)).save(path, quality=60 if number % 2 else 80)
    views = _views(table, augment(matched_saves=True))
    tables = {
        tuple(views.view(0, 0, occurrence, False, False).quantisation.ravel()) for occurrence in range(40)
    }
    assert tables == {libjpeg_tables(60)[0], libjpeg_tables(80)[0]}
    as_converted = _views(table, augment(matched_saves=True), policy="equal")
    assert as_converted.view(0, 0, 0, False, False).quantisation.ravel().tolist() == list(
        libjpeg_tables(75)[0]
    )


def test_a_crop_of_a_fake_shows_its_tampering_or_counts_as_genuine(table):
    views = _views(table, augment(), height=16, width=16)
    made = [views.view(0, 8, occurrence, False, False) for occurrence in range(80)]
    for each in made:
        assert each.target == (each.cells == TAMPERED).any()
        assert each.weight == 1.0
        assert (each.pixels[:8].mean() > 240) == (each.cells[0] == TAMPERED).all()
    assert {each.target for each in made} == {0.0, 1.0}
    assert np.mean([each.target for each in made]) > 0.7


def test_without_a_mask_a_crop_of_a_fake_weighs_what_it_shows_of_it(tmp_path):
    views = _views(draw_table(tmp_path, masks=False), augment())
    view = views.view(0, 8, 0, False, False)
    assert (view.cells == UNKNOWN).all()
    assert view.target == 1.0
    assert view.weight == pytest.approx((32 * 32 / (48 * 64)) ** 0.5)


def test_a_picture_smaller_than_a_crop_is_filled_up_with_what_nothing_is_known_of(table):
    view = _views(table, augment(), height=64, width=80).view(0, 0, 0, False, False)
    assert view.pixels.shape == (64, 80, 3)
    assert (view.cells[:6, :8] == UNTOUCHED).all()
    assert (view.cells[6:] == UNKNOWN).all()
    assert (view.cells[:, 8:] == UNKNOWN).all()


@pytest.mark.parametrize(
    "changes", [{"tamper": 1.0}, {"alter": 1.0}, {"handed_in": 1.0}, {"matched_saves": True}]
)
def test_every_change_gives_crops_of_the_asked_size_whatever_the_picture(table, changes):
    for size in ({"height": 32, "width": 32}, {"height": 24, "width": 56}, {"height": 96, "width": 96}):
        views = _views(table, augment(transpose=True, **changes), **size)
        for occurrence in range(6):
            for twinned, of_fake in ((False, False), (True, False), (True, True)):
                view = views.view(
                    0, 0, occurrence, twinned and "tamper" in changes, of_fake and "tamper" in changes
                )
                assert view.pixels.shape == (size["height"], size["width"], 3)
                assert view.cells.shape == (size["height"] // 8, size["width"] // 8)


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
