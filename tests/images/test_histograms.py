import numpy as np
import pytest
from scipy.fft import dctn

from pipeline.images.histograms import BANDS, LARGEST, N_FEATURES, _bands, _dct_basis, history_features
from tests.auditing.files import decoded, encoded, scene


def test_bands_come_in_the_order_of_jpeg():
    assert _bands()[:15].tolist() == [0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4]  # T.81, figure 5


def test_the_transform_is_that_of_scipy():
    block = np.random.default_rng(0).normal(size=(8, 8))
    ours = _dct_basis() @ block @ _dct_basis().T
    assert np.allclose(ours, dctn(block, norm="ortho"), atol=1e-5)


def test_shares_add_up():
    found = history_features(scene(height=65, width=99))
    assert found.shape == (N_FEATURES,)
    assert found.dtype == np.float32
    bands = found[: BANDS * (LARGEST + 1)].reshape(BANDS, LARGEST + 1)
    assert np.allclose(bands.sum(axis=1), 1, atol=1e-5)


def test_an_earlier_quality_shows_after_saving_everything_alike():
    before = [history_features(decoded(encoded(scene(seed), quality=95))) for seed in range(4)]
    after = [
        history_features(decoded(encoded(decoded(encoded(scene(seed), quality=60)), quality=95)))
        for seed in range(4)
    ]
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
