import io

import numpy as np
from PIL import Image

from pipeline.examination import views
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
    once = np.asarray(opened(saved(PIXELS, quality=ELA_QUALITY, subsampling="4:4:4")))
    wanted = np.clip(np.abs(once.astype(int) - PIXELS) * ELA_GAIN, 0, 255)
    assert np.array_equal(error_level(PIXELS), wanted)


def test_what_was_saved_at_that_quality_before_is_dark_in_its_ghost():
    part = np.asarray(opened(saved(PIXELS[64:128, 64:192], quality=60, subsampling="4:4:4")))
    spliced = PIXELS.copy()
    spliced[64:128, 64:192] = part
    ghost = jpeg_ghost(spliced, 60).astype(float)
    rest = ghost.copy()
    rest[48:144, 48:208] = np.nan
    assert ghost[76:116, 76:180].mean() < 0.5 * np.nanmean(rest)


def test_a_smoothed_part_has_less_noise():
    noisy = PIXELS.copy().astype(int) + np.random.default_rng(1).integers(-6, 7, PIXELS.shape)
    noisy[50:150, 50:150] = PIXELS[50:150, 50:150]
    residual = noise_residual(noisy.clip(0, 255).astype(np.uint8)).astype(float)
    assert residual[60:140, 60:140].mean() < 0.6 * residual[:, 200:].mean()


def test_the_gain_is_fixed_a_flat_picture_stays_dark():
    flat = np.full((80, 120, 3), 90, np.uint8)
    for view in make_views(flat):
        for picture in view.pictures.values():
            assert np.ptp(picture) == 0  # a save may move a flat picture by a level, all of it alike
    assert error_level(flat).max() == 0


def test_large_pictures_are_shown_smaller_and_too_wide_ones_not_at_all():
    made = make_views(np.zeros((40, 3000, 3), np.uint8))
    assert made[0].pictures[""].shape[1] == LONGEST
    assert make_views(np.zeros((2, 70_000, 3), np.uint8)) == []


def test_strips_change_nothing(monkeypatch):
    whole = [error_level(PIXELS), jpeg_ghost(PIXELS, 70)]
    monkeypatch.setattr(views, "_ROWS", 64)
    assert np.array_equal(error_level(PIXELS), whole[0])
    assert np.array_equal(jpeg_ghost(PIXELS, 70), whole[1])
