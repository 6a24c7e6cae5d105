"""The layers of `pipeline.models.layers`: what holds for each, then one after the other."""

import io
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy.fft import dctn
from scipy.ndimage import correlate, gaussian_filter

from pipeline.images.jpeg import ZIGZAG
from pipeline.models import layers
from pipeline.models.detector_files import in_float32
from pipeline.models.layers.residuals import KERNELS, PredictionError
from tests.images.pictures import encoded

# NumPy 2 on how Keras 3.15 reads its own weights.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

GENERATOR = np.random.default_rng(0)
PICTURES = GENERATOR.integers(0, 256, (2, 16, 24, 3)).astype(np.float32)
COEFFICIENTS = GENERATOR.normal(0, 20, (2, 2, 3, 64)).astype(np.float32)
FEATURES = GENERATOR.normal(size=(2, 3, 5, 4)).astype(np.float32)
TABLES = GENERATOR.integers(1, 9, (2, 8, 8)).astype(np.float32)
CASES = [
    ("BayarConvolution", {"filters": 2, "size": 3}, [PICTURES]),
    ("BlockDCT", {}, [PICTURES]),
    ("CellLogits", {}, [COEFFICIENTS]),
    ("CoefficientBins", {"n_frequencies": 7, "largest": 3, "kind": "quantised"}, [COEFFICIENTS, TABLES]),
    ("CoefficientBins", {"n_frequencies": 7, "largest": 3, "kind": "absolute"}, [COEFFICIENTS]),
    ("ErrorLevels", {"quality": 75, "gain": 2.0}, [PICTURES]),
    ("FusedBatchNormalization", {"momentum": 0.5}, [FEATURES]),
    ("NeighbouringPixels", {}, [PICTURES]),
    ("RelativeContext", {}, [COEFFICIENTS]),
    ("Residuals", {"luma": True}, [PICTURES]),
    ("Residuals", {"luma": False}, [PICTURES]),
    ("TableModulation", {"units": 5}, [COEFFICIENTS, TABLES]),
    ("TopKMean", {"share": 0.5, "fewest": 2}, [COEFFICIENTS[..., 0]]),
]
each_layer = pytest.mark.parametrize(
    ("name", "arguments", "inputs"), CASES, ids=[f"{name}-{json.dumps(given)}" for name, given, _ in CASES]
)


def network_of(layer, *inputs):
    """The layer alone, for any height and width."""
    sizes = {2: [(None, None)], 3: [(None, None, inputs[0].shape[-1]), (8, 8)]}[inputs[0].ndim - 1]
    symbolic = [keras.Input(size) for size in sizes[: len(inputs)]]
    return keras.Model(symbolic, layer(*symbolic))


def test_no_layer_is_left_out():
    assert {name for name, *_ in CASES} == set(layers.__all__)


@pytest.mark.usefixtures("mixed_policy")
@each_layer
def test_it_answers_alike_when_saved_and_loaded_and_computed_in_float32(name, arguments, inputs, tmp_path):
    network = network_of(getattr(layers, name)(**arguments), *inputs)
    for weight in network.trainable_variables:
        weight.assign(weight + 0.01 * GENERATOR.random(weight.shape))
    network.save(tmp_path / "layer.keras")
    loaded = keras.saving.load_model(tmp_path / "layer.keras", safe_mode=True)
    expected = np.asarray(network(inputs), np.float32)
    assert np.array_equal(np.asarray(loaded(inputs), np.float32), expected)
    plain = in_float32(network)
    assert all(np.array_equal(a, b) for a, b in zip(network.get_weights(), plain.get_weights(), strict=True))
    answer = plain(inputs)
    assert answer.dtype == "float32"
    assert np.allclose(answer, expected, rtol=0.02, atol=0.02 * np.abs(expected).max())


@each_layer
def test_it_knows_its_shape_before_it_computes(name, arguments, inputs):
    network = network_of(getattr(layers, name)(**arguments), *inputs)
    expected, shape = network.output.shape, network(inputs).shape
    assert len(expected) == len(shape)
    assert all(one in (None, other) for one, other in zip(expected, shape, strict=True))


@pytest.mark.parametrize(
    ("layer", "arguments", "message"),
    [
        (layers.BayarConvolution, (4, 4), "size: found 4, expected an odd number"),
        (layers.CoefficientBins, (0, 5, "absolute"), "expected"),
        (layers.CoefficientBins, (65, 5, "absolute"), "expected"),
        (layers.CoefficientBins, (3, 0, "absolute"), "expected"),
        (layers.CoefficientBins, (3, 5, "a"), "expected"),
        (layers.ErrorLevels, (0, 1), "quality: found 0, expected 1 to 100"),
        (layers.TopKMean, (-0.1, 8), "expected"),
        (layers.TopKMean, (1.1, 8), "expected"),
        (layers.TopKMean, (0.5, 0), "expected"),
    ],
)
def test_what_makes_no_sense_is_refused(layer, arguments, message):
    with pytest.raises(ValueError, match=message):
        layer(*arguments)


def test_each_block_is_the_orthonormal_dct_of_its_luminance_in_zigzag_order():
    coefficients = layers.BlockDCT()(PICTURES).numpy()
    assert coefficients.shape == (2, 2, 3, 64)
    luminance = PICTURES.astype(float) @ [0.299, 0.587, 0.114] - 128
    for row in range(2):
        for column in range(3):
            block = luminance[1, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
            expected = dctn(block, norm="ortho").reshape(64)[ZIGZAG]
            assert np.allclose(coefficients[1, row, column], expected, atol=1e-3)


def test_the_second_and_third_frequency_are_the_first_horizontal_and_the_first_vertical_one():
    sideways = np.zeros((1, 8, 8, 3), np.float32) + np.arange(8, dtype=np.float32)[:, None]
    coefficients = layers.BlockDCT()(sideways).numpy()[0, 0, 0]
    assert abs(coefficients[1]) > 10
    assert abs(coefficients[2]) < 1e-3


@pytest.mark.usefixtures("mixed_policy")
def test_coefficients_and_logits_stay_in_float32_in_mixed_precision():
    coefficients = network_of(layers.BlockDCT(), PICTURES)([PICTURES]).numpy()
    assert coefficients.dtype == np.float32
    assert layers.CellLogits()(FEATURES).dtype == "float32"
    keras.config.set_dtype_policy("float32")
    assert np.array_equal(coefficients, layers.BlockDCT()(PICTURES).numpy())


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_the_fused_normalisation_trains_as_the_one_of_keras_does(policy):
    found = []
    for kind in (layers.FusedBatchNormalization, keras.layers.BatchNormalization):
        layer = kind(momentum=0.5, epsilon=0.1, dtype=policy)
        inputs = tf.Variable(FEATURES)
        layer.build(FEATURES.shape)
        layer.gamma.assign([0.5, 1.0, 1.5, 2.0])
        with tf.GradientTape() as tape:
            outputs = layer(inputs, training=True)
            loss = tf.reduce_sum(tf.cast(outputs, tf.float32) * FEATURES[..., ::-1] ** 2)
        gradients = tape.gradient(loss, [inputs, *layer.trainable_variables])
        found.append([np.asarray(each, np.float32) for each in (outputs, *gradients, *layer.get_weights())])
    exact = 1e-5 if policy == "float32" else 0.02
    for fused, plain in zip(*found, strict=True):
        assert np.allclose(fused, plain, rtol=exact, atol=exact * np.abs(plain).max())


def bins_of(layer, *inputs):
    answer = np.asarray(layer(*inputs), np.float32)
    return answer.reshape(*answer.shape[:3], layer.n_frequencies, layer.largest + 1)


@pytest.mark.parametrize("kind", ["quantised", "absolute"])
def test_each_coefficient_is_in_exactly_one_bin(kind):
    bins = bins_of(layers.CoefficientBins(10, 4, kind), COEFFICIENTS, TABLES)
    assert set(np.unique(bins)) == {0, 1}
    assert (bins.sum(axis=4) == 1).all()


def test_quantised_bins_are_of_the_number_in_the_file():
    bins = bins_of(layers.CoefficientBins(20, 5, "quantised"), COEFFICIENTS, TABLES)
    steps = TABLES.reshape(2, 1, 1, 64)[..., ZIGZAG]
    expected = np.minimum(np.abs(np.round(COEFFICIENTS / steps)), 5)[..., :20]
    assert np.array_equal(bins.argmax(axis=4), expected)


def test_absolute_bins_and_those_without_a_table_are_of_the_rounded_coefficient():
    bins = bins_of(layers.CoefficientBins(24, 16, "absolute"), COEFFICIENTS)
    expected = np.minimum(np.abs(np.round(COEFFICIENTS)), 16)[..., :24]
    assert np.array_equal(bins.argmax(axis=4), expected)
    bins = bins_of(layers.CoefficientBins(64, 5, "quantised"), COEFFICIENTS, np.zeros_like(TABLES))
    assert np.array_equal(bins, bins_of(layers.CoefficientBins(64, 5, "absolute"), COEFFICIENTS))


@pytest.mark.usefixtures("mixed_policy")
def test_in_mixed_precision_the_coefficients_keep_all_their_digits():
    close = np.full((1, 1, 1, 64), 200.4, np.float32)  # 200 or 201 in bfloat16
    layer = layers.CoefficientBins(64, 255, "absolute")
    assert layer(close).dtype == "bfloat16"
    assert (bins_of(layer, close).argmax(axis=4) == 200).all()
    assert (bins_of(layer, close + 1).argmax(axis=4) == 201).all()


@pytest.fixture(scope="module")
def smooth():
    """Smooth colours with some noise, up to the ends of the range."""
    generator = np.random.default_rng(0)
    colours = gaussian_filter(generator.normal(0, 1, (64, 96, 3)), (5, 5, 0))
    values = 128 + 90 * colours / colours.std() + generator.normal(0, 4, colours.shape)
    return np.clip(values, 0, 255).round().astype(np.float32)


@pytest.mark.parametrize("quality", [60, 90, 98])
def test_they_are_what_pillow_loses_in_a_save(smooth, quality):
    saved = encoded(smooth.astype(np.uint8), "JPEG", quality=quality, subsampling="4:4:4")
    expected = np.abs(smooth - np.asarray(Image.open(io.BytesIO(saved)), float))
    levels = layers.ErrorLevels(quality, gain=1)(smooth[None]).numpy()[0]
    assert levels.mean() == pytest.approx(expected.mean(), rel=0.03)
    assert (levels == expected).mean() > 0.75
    assert np.corrcoef(levels.ravel(), expected.ravel())[0, 1] > 0.85


def test_the_gain_is_fixed_whatever_the_picture(smooth):
    plain, raised = (layers.ErrorLevels(90, gain)(smooth[None]).numpy() for gain in (1, 20))
    assert np.allclose(raised, 20 * plain)
    assert not layers.ErrorLevels(90, 20)(np.full((1, 16, 16, 3), 128, np.float32)).numpy().any()


def test_it_is_a_learned_factor_and_offset_for_each_channel_out_of_the_table():
    layer = layers.TableModulation(6)
    tables = np.stack([np.full((8, 8), 3), np.zeros((8, 8))]).astype(np.float32)
    modulated = layer(FEATURES, tables).numpy()
    assert [tuple(each.shape) for each in layer.trainable_weights] == [(64, 6), (6,), (6, 8), (8,)]
    (kernel, bias), (kernel_2, bias_2) = layer.hidden.get_weights(), layer.effect.get_weights()
    effect = np.maximum(np.log(tables.reshape(2, 64) + 1) / 4 @ kernel + bias, 0) @ kernel_2 + bias_2
    expected = FEATURES * (1 + effect[:, None, None, :4]) + effect[:, None, None, 4:]
    assert np.allclose(modulated, expected, atol=1e-5)
    assert np.array_equal(modulated[1], FEATURES[1])  # no table, and its offsets start at zero


def assert_constrained(kernel):
    rows, columns = kernel.shape[:2]
    assert (kernel[rows // 2, columns // 2] == -1).all()
    assert np.abs(kernel.sum(axis=(0, 1))).max() < 1e-5  # neighbours add up to 1


@pytest.mark.parametrize("optimizer", [keras.optimizers.SGD, keras.optimizers.Adam, keras.optimizers.AdamW])
def test_the_constraint_holds_from_the_start_and_after_every_update(optimizer):
    inputs = keras.Input((None, None, 3))
    layer = layers.BayarConvolution(2)
    network = keras.Model(inputs, keras.layers.GlobalMaxPooling2D()(layer(inputs)))
    network.compile(optimizer=optimizer(0.1), loss="mse")
    before = layer.kernel.numpy()
    assert_constrained(before)
    for _ in range(3):
        network.train_on_batch(PICTURES / 255, np.ones((2, 2), np.float32))
        assert_constrained(layer.kernel.numpy())
    assert not np.allclose(before, layer.kernel.numpy())


def test_it_holds_after_loading_and_in_training_that_goes_on(tmp_path):
    network_of(layers.BayarConvolution(2, name="bayar"), PICTURES).save(tmp_path / "a.keras")
    kernel = keras.saving.load_model(tmp_path / "a.keras").get_layer("bayar").kernel
    assert_constrained(kernel.numpy())
    assert isinstance(kernel.constraint, PredictionError)


def test_what_is_missing_of_one_is_spread_evenly_also_where_the_sum_is_zero():
    mended = np.asarray(PredictionError()(np.zeros((5, 5, 1, 1), np.float32)))
    assert np.allclose(np.delete(mended.reshape(25), 12), 1 / 24)
    assert_constrained(mended)


@pytest.mark.parametrize(
    ("layer", "value", "most"),
    [
        (layers.BayarConvolution(4), 0.3, 1e-5),
        (layers.Residuals(True), 77, 1e-4),
        (layers.Residuals(False), 77, 1e-4),
    ],
    ids=["bayar", "luma", "colours"],
)
def test_an_even_picture_has_no_residual_not_even_at_its_border(layer, value, most):
    assert np.abs(layer(np.full((1, 16, 16, 3), value, np.float32))).max() < most


def test_residuals_are_those_of_each_colour_cut_off_at_three_grey_levels_or_of_the_luminance():
    assert np.abs(KERNELS.sum(axis=(1, 2))).max() < 1e-12
    assert KERNELS.shape == (3, 5, 5)
    picture = np.random.default_rng(0).integers(100, 110, (2, 16, 24, 3)).astype(np.float32)
    residuals = layers.Residuals(luma=False)(picture).numpy()
    assert residuals.shape == (2, 16, 24, 9)
    for colour in range(3):
        for number, kernel in enumerate(KERNELS):
            expected = correlate(picture[0, ..., colour].astype(float), kernel, mode="mirror")
            expected = np.clip(expected, -3, 3) / 3
            assert np.allclose(residuals[0, ..., 3 * colour + number], expected, atol=1e-4)
    grey = np.repeat((picture @ np.float32([0.299, 0.587, 0.114]))[..., None], 3, axis=3)
    of_luminance = layers.Residuals(luma=True)(picture).numpy()
    assert np.allclose(of_luminance, layers.Residuals(luma=False)(grey).numpy()[..., :3], atol=1e-4)


def test_it_is_two_thirds_of_the_difference_to_the_first_pixel_of_each_two_by_two():
    differences = layers.NeighbouringPixels()(PICTURES).numpy()
    assert np.allclose(differences[0, 1, 3], (PICTURES[0, 1, 3] - PICTURES[0, 0, 2]) * 2 / 3)
    assert not differences[:, ::2, ::2].any()
    doubled = PICTURES.repeat(2, axis=1).repeat(2, axis=2)  # by its nearest pixels
    assert not np.asarray(layers.NeighbouringPixels()(doubled)).any()


def test_each_block_has_one_number_out_of_its_own_features():
    layer = layers.CellLogits()
    layer.build(FEATURES.shape)
    layer.bias.assign(0.5)
    logits = layer(FEATURES).numpy()
    assert np.allclose(logits, (FEATURES @ layer.kernel.numpy())[..., 0] + 0.5, atol=1e-6)
    assert logits.shape == (2, 3, 5)


def test_each_block_is_beside_its_difference_to_its_own_pictures_mean():
    beside = layers.RelativeContext()(FEATURES).numpy()
    assert np.array_equal(beside[..., :4], FEATURES)
    assert np.allclose(beside[..., 4:], FEATURES - FEATURES.mean(axis=(1, 2), keepdims=True), atol=1e-6)


@pytest.mark.usefixtures("mixed_policy")
def test_the_mean_of_many_blocks_is_right_in_mixed_precision():
    features = np.ones((1, 64, 64, 1), np.float32)
    assert not np.asarray(layers.RelativeContext()(features), np.float32)[..., 1].any()


@pytest.mark.parametrize("shape", [(8, 8), (10, 50), (3, 2), (37, 41), (1, 1)])
@pytest.mark.parametrize("share", [0, 0.02, 0.29, 1])
def test_it_is_the_mean_of_the_largest_blocks_for_any_height_and_width(shape, share):
    blocks = GENERATOR.normal(size=(3, *shape)).astype(np.float32)
    network = network_of(layers.TopKMean(share, fewest=8), blocks)
    logit = network.predict_on_batch([blocks])  # as a graph
    n_blocks = blocks[0].size
    count = min(max(8, int(share * n_blocks + 1e-9)), n_blocks)
    expected = np.sort(blocks.reshape(3, -1), axis=1)[:, -count:].mean(axis=1)
    assert np.allclose(logit, expected, atol=1e-5)
    assert np.allclose(network([blocks]), logit, atol=1e-6)


def test_scale_and_offset_are_learned_and_change_nothing_at_first():
    layer = layers.TopKMean(1.0)
    blocks = np.ones((2, 4, 4), np.float32)
    assert np.allclose(layer(blocks), 1)
    layer.scale.assign(3.0)
    layer.offset.assign(-1.0)
    assert np.allclose(layer(blocks), 2)
    assert [each.name for each in layer.trainable_weights] == ["scale", "offset"]


def test_bins_of_a_picture_without_colours_are_those_of_exact_arithmetic():
    """Of four frequencies every eighth coefficient is a half there: no library may round it its own way."""
    grey = np.random.default_rng(3).integers(0, 256, (4, 64, 96, 1)).repeat(3, axis=3)
    blocks = grey[..., 0].reshape(4, 8, 8, 12, 8).swapaxes(2, 3) - 128.0
    exact = np.abs(dctn(blocks, norm="ortho", axes=(3, 4)).reshape(4, 8, 12, 64)[..., ZIGZAG])
    halves = np.abs(exact - np.floor(exact) - 0.5) < 1e-9
    assert halves[exact < 16].sum() > 20
    wanted = np.minimum(np.floor(exact + 0.5 + 1e-9), 16)
    bins = bins_of(layers.CoefficientBins(64, 16, "absolute"), layers.BlockDCT()(grey.astype(np.float32)))
    assert np.array_equal(bins.argmax(axis=4)[halves], wanted[halves])
