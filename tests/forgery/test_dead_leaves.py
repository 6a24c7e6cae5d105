"""Scenes and the noise that their textures are made of."""

import numpy as np
import pytest

from pipeline.forgery.dead_leaves import STYLES, draw_scene, fractal

EVERY_STYLE = pytest.mark.parametrize(
    "style", STYLES, ids=[f"{n}_{style.category}" for n, style in enumerate(STYLES)]
)


@pytest.mark.parametrize("shape", [(32, 32), (64, 96), (97, 61)])
@EVERY_STYLE
def test_every_style_fills_every_shape_with_light(style, shape):
    for seed in range(4):
        scene = draw_scene(np.random.default_rng(seed), shape, style)
        assert scene.radiance.shape == (*shape, 3)
        assert scene.radiance.dtype == np.float32
        assert np.isfinite(scene.radiance).all()
        assert scene.radiance.min() >= 0
        assert scene.radiance.std() > 0.01
        assert all(thing.shape == shape and thing.dtype == bool for thing in scene.objects)


@EVERY_STYLE
def test_things_in_a_scene_do_not_overlap(style):
    scenes = [draw_scene(np.random.default_rng(seed), (64, 96), style) for seed in range(4)]
    for scene in scenes:
        assert sum((thing.astype(int) for thing in scene.objects), np.zeros((64, 96), int)).max() <= 1
    assert any(scene.objects for scene in scenes)


@EVERY_STYLE
def test_a_scene_is_the_same_for_the_same_seed_only(style):
    first, again, other = (
        draw_scene(np.random.default_rng(seed), (48, 64), style).radiance for seed in (5, 5, 6)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@EVERY_STYLE
def test_scenes_are_textured_like_photographs_and_not_like_noise(style):
    """Neighbouring pixels of photographs correlate by about 0.9 and more, those of noise by 0."""
    found = []
    for seed in range(4):
        radiance = draw_scene(np.random.default_rng(seed), (128, 192), style).radiance
        grey = np.log(radiance.mean(axis=2) + 0.02)
        found.append(np.corrcoef(grey[:, 1:].ravel(), grey[:, :-1].ravel())[0, 1])
    assert 0.5 < np.mean(found) < 0.999


def spectral_slope(picture):
    """How steeply power falls with frequency, between waves of 22 and of 3 pixels."""
    power = np.abs(np.fft.fft2(picture)) ** 2
    frequency = np.hypot(*np.meshgrid(*map(np.fft.fftfreq, picture.shape), indexing="ij"))
    bands = [(0.04, 0.05), (0.32, 0.40)]
    low, high = (np.log(power[(frequency >= a) & (frequency < b)].mean()) for a, b in bands)
    return (low - high) / np.log(0.36 / 0.045)


def test_power_falls_with_frequency_as_in_photographs():
    """About f ** -2 (Field 1987; by 1.2 to 3.2 in single photographs), also where shapes cover shapes."""
    slopes = [
        spectral_slope(
            np.log(draw_scene(np.random.default_rng(seed), (256, 256), style).radiance.mean(axis=2))
        )
        for style in STYLES
        for seed in range(3)
    ]
    assert 1.6 < np.mean(slopes) < 2.8


def test_fractal_noise_is_standardised_and_the_same_for_the_same_seed():
    first, second = (fractal(np.random.default_rng(4), (45, 61), 2.0) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.shape == (45, 61)
    assert first.dtype == np.float32
    assert first.mean() == pytest.approx(0, abs=1e-3)
    assert first.std() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("slope", [1.0, 2.0, 3.0])
def test_fractal_power_falls_with_frequency_by_the_slope_asked_for(slope):
    noise = fractal(np.random.default_rng(0), (256, 256), slope)
    assert spectral_slope(noise) == pytest.approx(slope, abs=0.25)


def test_noise_has_no_seam():
    noise = fractal(np.random.default_rng(1), (128, 128), 3.0)
    assert np.abs(noise[0] - noise[-1]).mean() < 2 * np.abs(np.diff(noise, axis=0)).mean()
