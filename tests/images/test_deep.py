"""Deep samples are scaled, not clipped and not wrapped around."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipeline.images import deep
from pipeline.images.deep import eight_bit

KINDS = ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"]


@settings(max_examples=300)
@given(
    st.sampled_from(KINDS).flatmap(
        lambda kind: arrays.arrays(
            kind, arrays.array_shapes(min_dims=1, max_dims=3, max_side=6),
            elements={"allow_nan": False, "allow_infinity": False} if kind[0] == "f" else None,
        )
    )
)  # fmt: skip
def test_a_brighter_sample_never_becomes_darker(samples):
    order = np.argsort(samples, axis=None)
    scaled = eight_bit(samples)
    assert scaled.dtype == np.uint8
    assert scaled.shape == samples.shape
    assert (np.diff(scaled.reshape(-1)[order].astype(int)) >= 0).all()


@pytest.mark.parametrize("kind", ["u4", "i2", "i4", "f4", "f8"])
def test_the_darkest_becomes_black_and_the_brightest_white(kind):
    samples = np.array([[3, 17], [90, 7]], kind)
    assert eight_bit(samples).tolist() == [[0, round(14 * 255 / 87)], [255, round(4 * 255 / 87)]]


@pytest.mark.parametrize("bits", range(1, 17))
def test_unsigned_samples_are_scaled_by_their_bits(bits):
    white = (1 << bits) - 1
    samples = np.array([0, white // 2, white], np.uint16)
    assert eight_bit(samples, bits).tolist() == [0, round(white // 2 * 255 / white), 255]


def test_the_largest_doubles_do_not_overflow():
    big = np.finfo(np.float64).max
    assert eight_bit(np.array([-big, 0, big])).tolist() == [0, 128, 255]


def test_what_is_no_number_becomes_black_and_what_is_infinite_white():
    assert eight_bit(np.array([np.nan, -np.inf, 0.0, 1.0, np.inf])).tolist() == [0, 0, 0, 255, 255]


def test_bands_of_a_large_picture_share_one_range(monkeypatch):
    samples = np.arange(60, dtype=np.int32).reshape(10, 6)
    whole = eight_bit(samples)
    monkeypatch.setattr(deep, "_BAND_SAMPLES", 12)
    assert np.array_equal(eight_bit(samples), whole)
