import numpy as np
import pytest

from pipeline.images.jpeg import ZIGZAG
from pipeline.models.layers import CoefficientBins

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
