import numpy as np
import pytest

from pipeline.images.thumbnail import N_FEATURES, SIDE, thumbnail_features
from tests.auditing.files import decoded, encoded, scene


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (8, 8), (64, 96), (301, 203)])
def test_pictures_of_any_shape_give_as_many_numbers(shape):
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    found = thumbnail_features(picture)
    assert (found.shape, found.dtype) == ((N_FEATURES,), np.float32)
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
