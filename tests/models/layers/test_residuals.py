import keras
import numpy as np
import pytest
from scipy.ndimage import correlate

from pipeline.models.layers import BayarConvolution, NeighbouringPixels, Residuals
from pipeline.models.layers.residuals import KERNELS, PredictionError

PICTURES = np.random.default_rng(0).random((4, 16, 16, 3), dtype=np.float32)


def _assert_constrained(kernel):
    rows, columns = kernel.shape[:2]
    assert (kernel[rows // 2, columns // 2] == -1).all()
    assert np.abs(kernel.sum(axis=(0, 1))).max() < 1e-5  # neighbours add up to 1


@pytest.mark.parametrize("optimizer", [keras.optimizers.SGD, keras.optimizers.Adam, keras.optimizers.AdamW])
def test_the_constraint_holds_from_the_start_and_after_every_update(optimizer):
    inputs = keras.Input((None, None, 3))
    x = keras.layers.GlobalMaxPooling2D()(BayarConvolution(2, name="bayar")(inputs))
    network = keras.Model(inputs, x)
    kernel = network.get_layer("bayar").kernel
    network.compile(optimizer=optimizer(0.1), loss="mse")
    before = kernel.numpy()
    _assert_constrained(before)
    for _ in range(3):
        network.train_on_batch(PICTURES, np.ones((4, 2), np.float32))
        _assert_constrained(kernel.numpy())
    assert not np.allclose(before, kernel.numpy())


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_it_holds_after_loading_and_in_training_that_goes_on(tmp_path):
    inputs = keras.Input((None, None, 3))
    keras.Model(inputs, BayarConvolution(2, name="bayar")(inputs)).save(tmp_path / "a.keras")
    loaded = keras.saving.load_model(tmp_path / "a.keras")
    _assert_constrained(loaded.get_layer("bayar").kernel.numpy())
    assert isinstance(loaded.get_layer("bayar").kernel.constraint, PredictionError)


def test_what_is_missing_of_one_is_spread_evenly_also_where_the_sum_is_zero():
    mended = np.asarray(PredictionError()(np.zeros((5, 5, 1, 1), np.float32)))
    around = np.delete(mended.reshape(25), 12)
    assert np.allclose(around, 1 / 24)
    _assert_constrained(mended)


def test_an_even_picture_has_no_residual():
    even = np.full((1, 16, 16, 3), 0.3, np.float32)
    assert np.abs(BayarConvolution(4)(even)).max() < 1e-5


def test_an_even_size_is_refused():
    with pytest.raises(ValueError, match="size: found 4, expected an odd number"):
        BayarConvolution(4, size=4)


SMALL = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 3)).astype(np.float32)


def test_a_picture_that_was_doubled_by_its_nearest_pixels_has_none():
    doubled = SMALL.repeat(2, axis=1).repeat(2, axis=2)
    assert not np.asarray(NeighbouringPixels()(doubled)).any()


def test_it_is_two_thirds_of_the_difference_to_the_first_pixel_of_each_cell():
    found = NeighbouringPixels()(SMALL).numpy()
    assert np.allclose(found[0, 1, 3], (SMALL[0, 1, 3] - SMALL[0, 0, 2]) * 2 / 3)
    assert not found[:, ::2, ::2].any()


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
