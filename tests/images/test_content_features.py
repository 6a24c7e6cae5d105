import numpy as np
import pytest
from scipy.fft import dctn

from pipeline.images.content_features import (
    BANDS,
    LARGEST,
    N_CONTENT,
    N_HISTORY,
    SIDE,
    history_features,
    thumbnail_features,
)
from pipeline.images.jpeg import ZIGZAG, dct_basis
from tests.auditing.builders import decoded, encoded, scene


def test_bands_come_in_the_order_of_jpeg():
    assert ZIGZAG[:15].tolist() == [0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4]  # T.81, figure 5


def test_the_transform_is_that_of_scipy():
    block = np.random.default_rng(0).normal(size=(8, 8))
    ours = dct_basis() @ block @ dct_basis().T
    assert np.allclose(ours, dctn(block, norm="ortho"), atol=1e-5)


def test_shares_add_up():
    found = history_features(scene(height=65, width=99))
    assert found.shape == (N_HISTORY,)
    assert found.dtype == np.float32
    bands = found[: BANDS * (LARGEST + 1)].reshape(BANDS, LARGEST + 1)
    assert np.allclose(bands.sum(axis=1), 1, atol=1e-5)


def test_an_earlier_quality_shows_after_saving_everything_alike():
    before = [history_features(decoded(encoded(scene(seed), quality=95))) for seed in range(4)]
    saved_before = [decoded(encoded(scene(seed), quality=60)) for seed in range(4)]
    after = [history_features(decoded(encoded(picture, quality=95))) for picture in saved_before]
    within = np.linalg.norm(np.diff(before, axis=0), axis=1).mean()
    between = np.linalg.norm(np.subtract(before, after), axis=1).mean()
    assert between > 1.5 * within


@pytest.mark.parametrize("shape", [(1, 1), (7, 30), (8, 8), (9, 3)])
def test_tiny_pictures_have_finite_features(shape):
    assert np.isfinite(history_features(np.zeros((*shape, 3), np.uint8))).all()


def test_large_pictures_are_cut_on_the_grid():
    large = np.zeros((1200, 1100, 3), np.uint8)
    large[88:1112, 32:1056] = np.tile(scene(), (16, 11, 1))[:1024, :1024]
    assert np.array_equal(history_features(large), history_features(large[88:1112, 32:1056]))


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (8, 8), (64, 96), (301, 203)])
def test_pictures_of_any_shape_give_as_many_numbers(shape):
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    found = thumbnail_features(picture)
    assert (found.shape, found.dtype) == ((N_CONTENT,), np.float32)
    assert np.isfinite(found).all()


def test_one_colour_is_that_colour_everywhere():
    red = np.full((50, 70, 3), (255, 0, 0), np.uint8)
    cells, means, deviations = np.split(thumbnail_features(red), [3 * SIDE * SIDE, 3 * SIDE * SIDE + 3])
    assert np.ptp(cells.reshape(-1, 3), axis=0).max() == 0
    np.testing.assert_allclose(means, (76, 85, 255), atol=1)  # BT.601 of red
    assert not deviations.any()


def test_cells_lie_row_by_row():
    picture = np.zeros((80, 80, 3), np.uint8)
    picture[:40] = 255
    brightness = thumbnail_features(picture)[: 3 * SIDE * SIDE : 3].reshape(SIDE, SIDE)
    assert (brightness[0] > 250).all()
    assert (brightness[-1] < 5).all()


def test_the_shape_of_a_picture_is_not_told():
    narrow = scene(1, height=128, width=64)
    wide = narrow.repeat(3, axis=1)
    np.testing.assert_allclose(thumbnail_features(narrow), thumbnail_features(wide), atol=2)


@pytest.mark.parametrize(("side", "levels"), [(64, 2), (256, 0.5)])  # a cell is one block of a JPEG, or 16
def test_a_strong_save_hardly_changes_it(side, levels):
    picture = scene(2, height=side, width=side)
    saved = decoded(encoded(picture, quality=20, subsampling=2))
    assert np.abs(saved.astype(int) - picture).mean() > 2
    assert np.abs(thumbnail_features(saved) - thumbnail_features(picture)).mean() < levels
