"""An ICC profile is applied where it says something, and passed over where it is broken."""

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageCms

from pipeline.images import colour
from pipeline.images.colour import applied_profile, eight_bit
from pipeline.images.read import read
from tests.images.pictures import GREY, PHOTO, cmyk_profile, encoded, linear_grey, linear_rgb, read_rgb, tiff

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def gamma(linear: np.ndarray) -> np.ndarray:
    """The curve of sRGB (IEC 61966-2-1), 0..255 to 0..255."""
    light = linear / 255
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_a_linear_picture_becomes_srgb(kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    found = read_rgb(encoded(PHOTO, kind, icc_profile=linear_rgb(), **options))
    assert np.abs(found - gamma(PHOTO)).max() <= 2


def test_a_deep_picture_is_scaled_and_then_brought_to_srgb():
    content = tiff(PHOTO.astype(np.uint16) * 257, iccprofile=linear_rgb())
    assert np.abs(read_rgb(content) - gamma(PHOTO)).max() <= 2


def test_a_grey_picture_has_a_grey_profile():
    for content in (
        encoded(GREY, "PNG", icc_profile=linear_grey()),
        encoded(GREY.astype(np.uint16) * 257, "PNG", icc_profile=linear_grey()),
        tiff(GREY.astype(np.uint16) * 257, photometric="minisblack", iccprofile=linear_grey()),
    ):
        assert np.abs(read_rgb(content)[..., 1] - gamma(GREY)).max() <= 2


def test_a_cmyk_picture_is_shown_by_its_profile():
    ink = np.concatenate([255 - PHOTO, np.zeros((40, 60, 1), np.uint8)], axis=-1)
    plain = read_rgb(tiff(ink, photometric="separated"))
    shown = read_rgb(tiff(ink, photometric="separated", iccprofile=cmyk_profile()))
    assert np.array_equal(plain, PHOTO)
    assert np.abs(shown.astype(int) - plain).mean() > 5
    deep = read_rgb(tiff(ink.astype(np.uint16) * 257, photometric="separated", iccprofile=cmyk_profile()))
    assert np.array_equal(deep, shown)


def test_srgb_is_not_applied_and_nothing_moves():
    content = encoded(PHOTO, "PNG", icc_profile=SRGB)
    assert applied_profile(read(content)._opened) is None
    assert np.array_equal(read_rgb(content), PHOTO)
    assert applied_profile(read(encoded(PHOTO, "PNG", icc_profile=linear_rgb()))._opened) is not None


@pytest.mark.parametrize(
    ("profile", "line"),
    [(b"?", "a broken ICC profile is ignored"), (SRGB[:99], "broken"), (linear_grey(), "profile for GRAY")],
    ids=["no profile", "cut off", "of grey"],
)
def test_what_cannot_be_applied_is_ignored_with_a_line_in_the_log(profile, line, caplog):
    colour._transforms.clear()  # a profile is spoken of once, however many pictures have it
    caplog.set_level(logging.INFO, logger="pipeline.images")
    assert np.array_equal(read_rgb(encoded(PHOTO, "PNG", icc_profile=profile)), PHOTO)
    assert line in caplog.text


def test_transparent_and_palette_pictures_have_profiles_too():
    rgba = Image.fromarray(PHOTO).convert("RGBA")
    assert np.abs(read_rgb(encoded(rgba, "PNG", icc_profile=linear_rgb())) - gamma(PHOTO)).max() <= 2
    pale = Image.fromarray(PHOTO).quantize(64)
    found = read_rgb(encoded(pale, "PNG", icc_profile=linear_rgb()))
    assert np.abs(found - gamma(np.asarray(pale.convert("RGB")))).max() <= 2


# Deep samples are scaled, not clipped and not wrapped around.

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
    monkeypatch.setattr(colour, "_BAND_SAMPLES", 12)
    assert np.array_equal(eight_bit(samples), whole)
