import io

import numpy as np
from PIL import Image

from pipeline.examination.views import (
    ELA_GAIN,
    ELA_QUALITY,
    LONGEST,
    error_level,
    jpeg_ghost,
    make_views,
    noise_residual,
)
from tests.examination.drawn import saved, texture

PIXELS = texture()


def opened(content):
    return Image.open(io.BytesIO(content)).convert("RGB")


def test_an_error_level_is_the_difference_to_a_save_at_a_fixed_gain():
    image = Image.fromarray(PIXELS)
    once = np.asarray(opened(saved(PIXELS, quality=ELA_QUALITY, subsampling="4:4:4")))
    wanted = np.clip(np.abs(once.astype(int) - PIXELS) * ELA_GAIN, 0, 255)
    assert np.array_equal(error_level(image), wanted)


def test_what_was_saved_at_that_quality_before_is_dark_in_its_ghost():
    part = np.asarray(opened(saved(PIXELS[64:128, 64:192], quality=60, subsampling="4:4:4")))
    spliced = PIXELS.copy()
    spliced[64:128, 64:192] = part
    ghost = jpeg_ghost(Image.fromarray(spliced), 60).astype(float)
    rest = ghost.copy()
    rest[48:144, 48:208] = np.nan
    assert ghost[76:116, 76:180].mean() < 0.5 * np.nanmean(rest)


def test_a_smoothed_part_has_less_noise():
    noisy = PIXELS.copy().astype(int) + np.random.default_rng(1).integers(-6, 7, PIXELS.shape)
    noisy[50:150, 50:150] = PIXELS[50:150, 50:150]
    residual = noise_residual(noisy.clip(0, 255).astype(np.uint8)).astype(float)
    assert residual[60:140, 60:140].mean() < 0.6 * residual[:, 200:].mean()


def test_the_gain_is_fixed_a_flat_picture_stays_dark():
    flat = Image.new("RGB", (120, 80), (90, 90, 90))
    for view in make_views(flat):
        for picture in view.pictures.values():
            assert np.ptp(picture) == 0  # a save may move a flat picture by a level, all of it alike
    assert error_level(flat).max() == 0


def test_large_pictures_are_shown_smaller_and_too_wide_ones_not_at_all():
    views = make_views(Image.new("RGB", (3000, 40)))
    assert views[0].pictures[""].shape[1] == LONGEST
    assert make_views(Image.new("RGB", (70_000, 2))) == []
