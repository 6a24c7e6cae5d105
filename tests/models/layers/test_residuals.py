import numpy as np
import pytest
from scipy.ndimage import correlate

from pipeline.models.layers import Residuals
from pipeline.models.layers.residuals import KERNELS

PICTURE = np.random.default_rng(0).integers(100, 110, (2, 16, 24, 3)).astype(np.float32)


def test_the_kernels_add_up_to_zero():
    assert np.abs(KERNELS.sum(axis=(1, 2))).max() < 1e-12
    assert KERNELS.shape == (3, 5, 5)


@pytest.mark.parametrize("luma", [True, False])
def test_an_even_picture_has_none_not_even_at_its_border(luma):
    even = np.full((1, 16, 16, 3), 77, np.float32)
    assert np.abs(Residuals(luma)(even)).max() < 1e-4


def test_they_are_those_of_each_colour_cut_off_at_three_grey_levels():
    found = Residuals(luma=False)(PICTURE).numpy()
    assert found.shape == (2, 16, 24, 9)
    for colour in range(3):
        for number, kernel in enumerate(KERNELS):
            expected = correlate(PICTURE[0, ..., colour].astype(float), kernel, mode="mirror")
            expected = np.clip(expected, -3, 3) / 3
            assert np.allclose(found[0, ..., 3 * colour + number], expected, atol=1e-4)


def test_those_of_the_luminance_are_three():
    found = Residuals(luma=True)(PICTURE).numpy()
    grey = np.repeat((PICTURE @ np.float32([0.299, 0.587, 0.114]))[..., None], 3, axis=3)
    assert np.allclose(found, Residuals(luma=False)(grey).numpy()[..., :3], atol=1e-4)
