import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.images.jpeg import libjpeg_tables
from pipeline.inputs.cache import PictureCache
from pipeline.inputs.crops import (
    ENOUGH_BLOCKS,
    TAMPERED,
    UNKNOWN,
    UNTOUCHED,
    Crops,
    block_labels,
    draw_window,
    draw_window_at,
    in_blocks,
)
from pipeline.inputs.load import tampered_share
from tests.inputs.drawn import FORENSIC, augment, blotches, draw_table, native


def test_a_block_is_what_most_of_it_is_and_unknown_where_it_is_little_of_it():
    mask = np.zeros((16, 30), bool)
    mask[:, :8] = True  # both blocks whole
    mask[:8, 8:12] = True  # half of a block
    mask[8:, 8] = True  # an eighth of one
    assert block_labels(mask).tolist() == [[TAMPERED, TAMPERED, UNTOUCHED], [TAMPERED, UNKNOWN, UNTOUCHED]]


def test_shares_leave_out_what_fills_no_block():
    assert tampered_share(np.ones((15, 23), bool)).tolist() == [[1.0, 1.0]]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return draw_table(tmp_path_factory.mktemp("pictures"), kind="jpg")


def _crops(table, augment=FORENSIC, policy="matched", seed=20, **size):
    return Crops(table, native(**size, augment=augment), seed, PictureCache("memory", 1.0), policy)


def _same(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in vars(one))


@pytest.mark.parametrize("make", [Crops.crop, lambda *key: Crops.twins(*key)[1]])
def test_a_crop_is_a_function_of_seed_epoch_row_and_occurrence(table, make):
    key = (3, 1, 2)
    assert _same(make(_crops(table), *key), make(_crops(table), *key))
    others = [(4, 1, 2), (3, 2, 2), (3, 1, 1)]
    assert not any(_same(make(_crops(table), *key), make(_crops(table), *other)) for other in others)
    assert not _same(make(_crops(table), *key), make(_crops(table, seed=21), *key))


def test_twins_differ_only_where_one_was_tampered_with(tmp_path):
    # No save at the end, so that nothing spreads.
    crops = _crops(
        draw_table(tmp_path), augment(tamper=1.0, alter=1.0, scale=[1.0, 1.0], blur=0.0, lossless=1.0)
    )
    for occurrence in range(40):
        genuine, fake = crops.twins(0, 1, occurrence)
        changed = (fake.pixels != genuine.pixels).any(axis=2).reshape(4, 8, 4, 8).any(axis=(1, 3))
        assert not (changed & (fake.labels == UNTOUCHED)).any()
        assert (genuine.labels != TAMPERED).all()
        assert (fake.target, genuine.target) == (1.0, 0.0)
        assert (fake.labels != UNTOUCHED).any()


def test_twins_have_one_last_save(table):
    crops = _crops(table)
    for occurrence in range(20):
        pair = crops.twins(0, 2, occurrence)
        assert np.array_equal(pair[0].quantisation, pair[1].quantisation)


def test_a_genuine_picture_is_saved_anew_as_any_fake_was(tmp_path):
    table = draw_table(tmp_path, kind="jpg")
    for number, path in enumerate(table["path"][6:]):
        Image.fromarray(blotches(number)).save(path, quality=60 if number % 2 else 80)
    crops = _crops(table, augment(matched_saves=True))
    tables = {tuple(crops.crop(0, 0, occurrence).quantisation.ravel()) for occurrence in range(40)}
    assert tables == {libjpeg_tables(60)[0], libjpeg_tables(80)[0]}
    as_converted = _crops(table, augment(matched_saves=True), policy="equal")
    assert as_converted.crop(0, 0, 0).quantisation.ravel().tolist() == list(libjpeg_tables(75)[0])


def test_a_crop_of_a_fake_shows_its_tampering_or_counts_as_genuine(table):
    crops = _crops(table, augment(), height=16, width=16)
    made = [crops.crop(0, 8, occurrence) for occurrence in range(80)]
    for each in made:
        assert each.target == (each.labels == TAMPERED).any()
        assert each.weight == 1.0
        assert (each.pixels[:8].mean() > 240) == (each.labels[0] == TAMPERED).all()
    assert {each.target for each in made} == {0.0, 1.0}
    assert np.mean([each.target for each in made]) > 0.7


def test_without_a_mask_a_crop_of_a_fake_weighs_what_it_shows_of_it(tmp_path):
    crops = _crops(draw_table(tmp_path, masks=False), augment())
    crop = crops.crop(0, 8, 0)
    assert (crop.labels == UNKNOWN).all()
    assert crop.target == 1.0
    assert crop.weight == pytest.approx((32 * 32 / (48 * 64)) ** 0.5)


def test_a_picture_smaller_than_a_crop_is_filled_up_with_what_nothing_is_known_of(table):
    crop = _crops(table, augment(), height=64, width=80).crop(0, 0, 0)
    assert crop.pixels.shape == (64, 80, 3)
    assert (crop.labels[:6, :8] == UNTOUCHED).all()
    assert (crop.labels[6:] == UNKNOWN).all()
    assert (crop.labels[:, 8:] == UNKNOWN).all()


@pytest.mark.parametrize(
    "changes", [{"tamper": 1.0}, {"alter": 1.0}, {"handed_in": 1.0}, {"matched_saves": True}]
)
def test_every_change_gives_crops_of_the_asked_size_whatever_the_picture(table, changes):
    for size in ({"height": 32, "width": 32}, {"height": 24, "width": 56}, {"height": 96, "width": 96}):
        crops = _crops(table, augment(transpose=True, **changes), **size)
        for occurrence in range(6):
            twins = crops.twins(0, 0, occurrence) if "tamper" in changes else ()
            for crop in (crops.crop(0, 0, occurrence), *twins):
                assert crop.pixels.shape == (size["height"], size["width"], 3)
                assert crop.labels.shape == (size["height"] // 8, size["width"] // 8)


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
    labels = np.zeros((24, 32), np.int8)
    top, left = rng.integers(20), rng.integers(28)
    labels[top : top + 4, left : left + 4] = TAMPERED
    window = draw_window_at(rng, labels, (64, 64))
    assert (labels[in_blocks(window)] == TAMPERED).sum() >= ENOUGH_BLOCKS


def test_a_small_tampered_part_is_met_as_well():
    labels = np.zeros((24, 32), np.int8)
    labels[3, 30] = TAMPERED
    for seed in range(20):
        assert (
            labels[in_blocks(draw_window_at(np.random.default_rng(seed), labels, (64, 64)))] == TAMPERED
        ).any()


def test_an_untouched_part_is_found_where_there_is_one():
    labels = np.zeros((24, 32), np.int8)
    labels[:, 8:] = TAMPERED
    window = draw_window_at(np.random.default_rng(0), labels, (64, 64), untouched=True)
    assert (labels[in_blocks(window)] == UNTOUCHED).all()
    labels[12, 4] = UNKNOWN
    assert draw_window_at(np.random.default_rng(0), labels, (192, 64), untouched=True) is None


def test_nothing_can_be_met_where_nothing_is_known():
    assert draw_window_at(np.random.default_rng(0), np.full((24, 32), UNKNOWN, np.int8), (64, 64)) is None
