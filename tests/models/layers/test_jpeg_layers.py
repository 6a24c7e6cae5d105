import io

import keras
import numpy as np
import pytest
from PIL import Image
from scipy.fft import dctn
from scipy.ndimage import gaussian_filter

from pipeline.images.jpeg import ZIGZAG
from pipeline.models.layers import BlockDCT, CoefficientBins, ErrorLevels, TableModulation

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


GENERATOR = np.random.default_rng(0)
COEFFICIENTS = GENERATOR.normal(0, 20, (3, 2, 4, 64)).astype(np.float32)
TABLES = GENERATOR.integers(1, 9, (3, 8, 8)).astype(np.float32)


def _bins(layer, *inputs):
    found = np.asarray(layer(*inputs), np.float32)
    return found.reshape(*found.shape[:3], layer.n_frequencies, layer.largest + 1)


@pytest.mark.parametrize("kind", ["quantised", "absolute"])
def test_each_coefficient_is_in_exactly_one_bin(kind):
    found = _bins(CoefficientBins(10, 4, kind), COEFFICIENTS, TABLES)
    assert set(np.unique(found)) == {0, 1}
    assert (found.sum(axis=4) == 1).all()


def test_quantised_bins_are_of_the_number_in_the_file():
    found = _bins(CoefficientBins(20, 5, "quantised"), COEFFICIENTS, TABLES)
    steps = TABLES.reshape(3, 1, 1, 64)[..., ZIGZAG]
    expected = np.minimum(np.abs(np.round(COEFFICIENTS / steps)), 5)[..., :20]
    assert np.array_equal(found.argmax(axis=4), expected)


def test_without_a_table_they_are_of_the_rounded_coefficient():
    found = _bins(CoefficientBins(64, 5, "quantised"), COEFFICIENTS, np.zeros_like(TABLES))
    assert np.array_equal(found, _bins(CoefficientBins(64, 5, "absolute"), COEFFICIENTS))


def test_absolute_bins_are_of_the_rounded_coefficient():
    found = _bins(CoefficientBins(24, 16, "absolute"), COEFFICIENTS)
    expected = np.minimum(np.abs(np.round(COEFFICIENTS)), 16)[..., :24]
    assert np.array_equal(found.argmax(axis=4), expected)


@pytest.mark.usefixtures("mixed_policy")
def test_in_mixed_precision_the_coefficients_keep_all_their_digits():
    close = np.full((1, 1, 1, 64), 200.4, np.float32)  # 200 or 201 in bfloat16
    layer = CoefficientBins(64, 255, "absolute")
    assert layer(close).dtype == "bfloat16"
    assert (_bins(layer, close).argmax(axis=4) == 200).all()
    exact = np.full((1, 1, 1, 64), 201.4, np.float32)
    assert (_bins(layer, exact).argmax(axis=4) == 201).all()


@pytest.mark.parametrize(
    "arguments", [(0, 5, "absolute"), (65, 5, "absolute"), (3, 0, "absolute"), (3, 5, "a")]
)
def test_what_makes_no_sense_is_refused(arguments):
    with pytest.raises(ValueError, match="expected"):
        CoefficientBins(*arguments)


def _picture():
    """Smooth colours with some noise, up to the ends of the range."""
    generator = np.random.default_rng(0)
    smooth = gaussian_filter(generator.normal(0, 1, (64, 96, 3)), (5, 5, 0))
    values = 128 + 90 * smooth / smooth.std() + generator.normal(0, 4, smooth.shape)
    return np.clip(values, 0, 255).round().astype(np.uint8)


@pytest.mark.parametrize("quality", [60, 90, 98])
def test_they_are_what_pillow_loses_in_a_save(quality):
    picture = _picture()
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling="4:4:4")
    expected = np.abs(picture.astype(float) - np.asarray(Image.open(file), float))
    found = ErrorLevels(quality, gain=1)(picture[None].astype(np.float32)).numpy()[0]
    assert found.mean() == pytest.approx(expected.mean(), rel=0.03)
    assert (found == expected).mean() > 0.75
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.85


def test_the_gain_is_fixed_whatever_the_picture():
    picture = _picture()[None].astype(np.float32)
    plain, raised = ErrorLevels(90, 1)(picture).numpy(), ErrorLevels(90, 20)(picture).numpy()
    assert np.allclose(raised, 20 * plain)
    assert not ErrorLevels(90, 20)(np.full((1, 16, 16, 3), 128, np.float32)).numpy().any()


def test_an_impossible_quality_is_refused():
    with pytest.raises(ValueError, match="quality: found 0, expected 1 to 100"):
        ErrorLevels(0, 1)


FEATURES = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype(np.float32)


def test_it_is_a_factor_and_an_offset_for_each_channel_out_of_the_table():
    layer = TableModulation(6)
    tables = np.stack([np.full((8, 8), 3), np.zeros((8, 8))]).astype(np.float32)
    found = layer(FEATURES, tables).numpy()
    (kernel, bias), (kernel_2, bias_2) = layer.hidden.get_weights(), layer.effect.get_weights()
    effect = np.maximum(np.log(tables.reshape(2, 64) + 1) / 4 @ kernel + bias, 0) @ kernel_2 + bias_2
    expected = FEATURES * (1 + effect[:, None, None, :4]) + effect[:, None, None, 4:]
    assert np.allclose(found, expected, atol=1e-5)
    assert np.array_equal(found[1], FEATURES[1])  # no table, and its offsets start at zero


def test_its_two_dense_layers_are_learned():
    layer = TableModulation(6)
    layer(FEATURES, np.zeros((2, 8, 8), np.float32))
    assert [tuple(each.shape) for each in layer.trainable_weights] == [(64, 6), (6,), (6, 8), (8,)]
