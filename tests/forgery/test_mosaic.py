"""Colour filter arrays."""

import numpy as np
import pytest

from pipeline.forgery.mosaic import DEMOSAICERS, PATTERNS, colours_under, mosaic


@pytest.mark.parametrize("pattern", PATTERNS)
def test_half_of_the_pixels_see_green(pattern):
    filters = colours_under(pattern, (6, 8))
    assert np.bincount(filters.ravel()).tolist() == [12, 24, 12]


def test_a_mosaic_keeps_what_each_filter_lets_through():
    rgb = np.arange(4 * 6 * 3, dtype=np.float32).reshape(4, 6, 3)
    raw = mosaic(rgb, "rggb")
    assert raw[0, 0] == rgb[0, 0, 0]
    assert raw[0, 1] == rgb[0, 1, 1]
    assert raw[3, 5] == rgb[3, 5, 2]


@pytest.mark.parametrize("shape", [(8, 8), (9, 11)])
@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("demosaicer", DEMOSAICERS)
def test_demosaicing_gives_one_colour_everywhere_back_also_at_the_borders(demosaicer, pattern, shape):
    rgb = np.broadcast_to(np.array([0.2, 0.5, 0.7], np.float32), (*shape, 3))
    found = DEMOSAICERS[demosaicer](mosaic(rgb, pattern), pattern)
    assert found == pytest.approx(rgb, abs=1e-5)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("demosaicer", DEMOSAICERS)
def test_demosaicing_keeps_what_the_sensor_saw(demosaicer, pattern):
    rgb = np.random.default_rng(0).random((12, 14, 3), dtype=np.float32)
    raw = mosaic(rgb, pattern)
    found = DEMOSAICERS[demosaicer](raw, pattern)
    assert mosaic(found, pattern) == pytest.approx(raw, abs=1e-5)


@pytest.mark.parametrize("demosaicer", DEMOSAICERS)
def test_demosaicing_gives_a_grey_ramp_back(demosaicer):
    ramp = np.broadcast_to(np.linspace(0, 1, 24, dtype=np.float32)[None, :, None], (16, 24, 3))
    found = DEMOSAICERS[demosaicer](mosaic(ramp, "grbg"), "grbg")
    assert found[4:-4, 4:-4] == pytest.approx(ramp[4:-4, 4:-4], abs=1e-5)
