"""The simulated camera."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.forgery.camera import photograph
from pipeline.forgery.cameras import CAMERAS

PERFECT = replace(
    CAMERAS[0], blur=0.01, fringe=0.0, vignetting=0.0, photons=1e9, read_noise=0.0, fixed_pattern=0.0,
    bits=16, contrast=0.0, sharpening=0.0, saturation=1.0,
)  # fmt: skip


def shot(radiance, camera, seed=0):
    return photograph(np.random.default_rng(seed), radiance.astype(np.float32), camera)


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: camera.name)
def test_a_picture_has_the_size_of_the_scene_and_is_the_same_for_the_same_seed(camera):
    scene = np.random.default_rng(1).random((33, 47, 3))
    picture = shot(scene, camera)
    assert picture.shape == (33, 47, 3)
    assert picture.dtype == np.uint8
    assert np.array_equal(picture, shot(scene, camera))
    assert not np.array_equal(picture, shot(scene, camera, seed=1))


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: camera.name)
def test_a_white_sheet_is_white(camera):
    picture = shot(np.full((64, 64, 3), 0.6), replace(camera, vignetting=0.0)).reshape(-1, 3).mean(axis=0)
    assert np.ptp(picture) < 4


def test_how_bright_the_scene_is_in_numbers_does_not_matter():
    scene = np.random.default_rng(2).random((24, 24, 3))
    assert np.abs(shot(scene, PERFECT).astype(int) - shot(1000 * scene, PERFECT)).max() <= 1


def test_fewer_photons_are_noisier():
    grey = np.full((64, 64, 3), 0.5)
    noise = [shot(grey, replace(PERFECT, photons=photons))[8:-8, 8:-8].std() for photons in (200, 3000, 1e8)]
    assert noise[0] > 2 * noise[1] > 4 * noise[2]


def test_a_camera_leaves_its_fixed_pattern_in_every_picture():
    """After J. Lukas, J. Fridrich and M. Goljan, IEEE Trans. Inf. Forensics Secur. 1(2), 2006."""
    grey = np.full((64, 64, 3), 0.5)

    def pattern(camera, seed):
        green = shot(grey, replace(camera, vignetting=0.0), seed)[..., 1].astype(float)
        return green - green.mean()

    first, second, other = (pattern(CAMERAS[index], seed) for index, seed in ((4, 1), (4, 2), (0, 3)))
    same = np.corrcoef(first.ravel(), second.ravel())[0, 1]
    different = np.corrcoef(first.ravel(), other.ravel())[0, 1]
    assert same > 0.05
    assert same > 3 * abs(different)


def test_names_are_unique_and_settings_differ_from_camera_to_camera():
    assert len({camera.name for camera in CAMERAS}) == len(CAMERAS)
    assert len({camera.jpeg_quality for camera in CAMERAS}) == len(CAMERAS)
