import keras
import numpy as np
import pytest
from scipy.fft import dctn

from pipeline.images.jpeg import ZIGZAG
from pipeline.models.layers import BlockDCT

PICTURE = np.random.default_rng(0).integers(0, 256, (2, 16, 24, 3)).astype(np.float32)


def test_each_block_is_the_orthonormal_dct_of_its_luminance_in_zigzag_order():
    found = BlockDCT()(PICTURE).numpy()
    assert found.shape == (2, 2, 3, 64)
    luminance = PICTURE.astype(float) @ [0.299, 0.587, 0.114] - 128
    for row in range(2):
        for column in range(3):
            block = luminance[1, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
            expected = dctn(block, norm="ortho").reshape(64)[ZIGZAG]
            assert np.allclose(found[1, row, column], expected, atol=1e-3)


def test_the_second_and_third_frequency_are_the_first_horizontal_and_the_first_vertical_one():
    sideways = np.zeros((1, 8, 8, 3), np.float32) + np.arange(8, dtype=np.float32)[:, None]
    found = BlockDCT()(sideways).numpy()[0, 0, 0]
    assert abs(found[1]) > 10
    assert abs(found[2]) < 1e-3


@pytest.mark.usefixtures("mixed_policy")
def test_it_stays_in_float32_in_mixed_precision():
    inputs = keras.Input((None, None, 3))
    found = keras.Model(inputs, BlockDCT()(inputs))(PICTURE).numpy()
    assert found.dtype == np.float32
    keras.config.set_dtype_policy("float32")
    assert np.array_equal(found, BlockDCT()(PICTURE).numpy())
