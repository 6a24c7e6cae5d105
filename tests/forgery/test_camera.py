"""The simulated camera."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pipeline.forgery.camera import (
    CAMERAS,
    EDITORS,
    PATTERNS,
    decoded,
    demosaiced,
    mosaic,
    photograph,
    save_camera_jpeg,
    save_editor_jpeg,
    save_lossless,
    save_mask,
)

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


@pytest.mark.parametrize("pattern", PATTERNS)
def test_half_of_the_pixels_see_green(pattern):
    colours = np.eye(3, dtype=np.float32)[:, None, None] * np.ones((1, 6, 8, 1), np.float32)
    assert [int(mosaic(colour, pattern).sum()) for colour in colours] == [12, 24, 12]


def test_a_mosaic_keeps_what_each_filter_lets_through():
    rgb = np.arange(4 * 6 * 3, dtype=np.float32).reshape(4, 6, 3)
    raw = mosaic(rgb, "RGGB")
    assert raw[0, 0] == rgb[0, 0, 0]
    assert raw[0, 1] == rgb[0, 1, 1]
    assert raw[3, 5] == rgb[3, 5, 2]


@pytest.mark.parametrize("shape", [(8, 8), (9, 11)])
@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("edge_aware", [False, True], ids=["bilinear", "edge aware"])
def test_demosaicing_gives_one_colour_everywhere_back_also_at_the_borders(edge_aware, pattern, shape):
    camera = replace(PERFECT, edge_aware=edge_aware, pattern=pattern)
    rgb = np.broadcast_to(np.array([0.2, 0.5, 0.7], np.float32), (*shape, 3))
    assert demosaiced(mosaic(rgb, pattern), camera) == pytest.approx(rgb, abs=1e-4)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("edge_aware", [False, True], ids=["bilinear", "edge aware"])
def test_demosaicing_keeps_what_the_sensor_saw(edge_aware, pattern):
    raw = mosaic(np.random.default_rng(0).random((12, 14, 3), dtype=np.float32), pattern)
    found = mosaic(demosaiced(raw, replace(PERFECT, edge_aware=edge_aware, pattern=pattern)), pattern)
    assert found[1:-1, 1:-1] == pytest.approx(raw[1:-1, 1:-1], abs=1e-4)


@pytest.mark.parametrize("edge_aware", [False, True], ids=["bilinear", "edge aware"])
def test_demosaicing_gives_a_grey_ramp_back(edge_aware):
    ramp = np.broadcast_to(np.linspace(0, 1, 24, dtype=np.float32)[None, :, None], (16, 24, 3))
    found = demosaiced(mosaic(ramp, "GRBG"), replace(PERFECT, edge_aware=edge_aware, pattern="GRBG"))
    assert found[4:-4, 4:-4] == pytest.approx(ramp[4:-4, 4:-4], abs=1e-4)


# What cameras and editors write.


def test_lossless_files_give_the_pixels_back(photographs):
    pixels = photographs[0].pixels
    for ending in ("png", "tif"):
        for editor in EDITORS:
            assert np.array_equal(decoded(save_lossless(pixels, ending, editor)), pixels)


def test_no_byte_of_a_tiff_is_left_to_chance():
    gaps = []
    for width in range(60, 72):
        pixels = np.random.default_rng(width).integers(0, 256, (40, width, 3), np.uint8)
        content = save_lossless(pixels, "tif", EDITORS[0])
        with Image.open(io.BytesIO(content)) as picture:
            end = picture.tag_v2[273][-1] + picture.tag_v2[279][-1]
            assert np.array_equal(np.asarray(picture), pixels)
        gaps.append(content[end : int.from_bytes(content[4:8], "little")])
    assert set(gaps) == {b"", b"\0"}


def test_every_camera_and_editor_has_jpeg_tables_of_its_own(photographs):
    pixels = photographs[0].pixels
    files = [save_camera_jpeg(pixels, camera) for camera in CAMERAS]
    files += [save_editor_jpeg(pixels, editor) for editor in EDITORS]
    tables = {str(Image.open(io.BytesIO(file)).quantization) for file in files}
    assert len(tables) == len(CAMERAS) + len(EDITORS)


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: camera.name)
def test_a_camera_names_itself_and_uses_its_subsampling(photographs, camera):
    with Image.open(io.BytesIO(save_camera_jpeg(photographs[0].pixels, camera))) as picture:
        assert picture.getexif()[0x0131] == camera.name
        across, down = picture.layer[0][1:3]
    assert (across, down) == {"4:4:4": (1, 1), "4:2:2": (2, 1), "4:2:0": (2, 2)}[camera.subsampling]


def test_a_mask_is_a_png_of_0_and_255():
    mask = np.eye(9, 12, dtype=bool)
    with Image.open(io.BytesIO(save_mask(mask))) as picture:
        assert (picture.format, picture.mode) == ("PNG", "L")
        assert np.array_equal(np.asarray(picture), np.where(mask, 255, 0))
