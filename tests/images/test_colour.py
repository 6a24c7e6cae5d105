"""An ICC profile is applied where it says something, and passed over where it is broken."""

import logging

import numpy as np
import pytest
from PIL import Image, ImageCms

from pipeline.images import colour
from pipeline.images.colour import applied_profile
from pipeline.images.read import open_picture, read_rgb
from tests.images.odd_files import GREY, PHOTO, encoded, tiff
from tests.images.profiles import cmyk_profile, linear_grey, linear_rgb

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
    assert applied_profile(open_picture(content)) is None
    assert np.array_equal(read_rgb(content), PHOTO)
    assert applied_profile(open_picture(encoded(PHOTO, "PNG", icc_profile=linear_rgb()))) is not None


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        (b"no profile", "a broken ICC profile is ignored"),
        (SRGB[:99], "broken"),
        (linear_grey(), "profile for GRAY"),
    ],
    ids=["no profile", "cut off", "of grey"],
)
def test_what_cannot_be_applied_is_ignored_with_a_line_in_the_log(profile, said, caplog):
    colour._transform.cache_clear()  # a profile is spoken of once, however many pictures have it
    caplog.set_level(logging.INFO, logger="pipeline.images")
    assert np.array_equal(read_rgb(encoded(PHOTO, "PNG", icc_profile=profile)), PHOTO)
    assert said in caplog.text


def test_transparent_and_palette_pictures_have_profiles_too():
    rgba = Image.fromarray(PHOTO).convert("RGBA")
    assert np.abs(read_rgb(encoded(rgba, "PNG", icc_profile=linear_rgb())) - gamma(PHOTO)).max() <= 2
    pale = Image.fromarray(PHOTO).quantize(64)
    found = read_rgb(encoded(pale, "PNG", icc_profile=linear_rgb()))
    assert np.abs(found - gamma(np.asarray(pale.convert("RGB")))).max() <= 2
