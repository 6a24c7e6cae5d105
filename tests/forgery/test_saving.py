"""What cameras and editors write."""

import io

import numpy as np
import pytest
from PIL import Image

from pipeline.forgery.cameras import CAMERAS
from pipeline.forgery.saving import (
    EDITORS,
    decoded,
    save_camera_jpeg,
    save_editor_jpeg,
    save_lossless,
    save_mask,
)


def test_lossless_files_give_the_pixels_back(photographs):
    pixels = photographs[0].pixels
    for ending in ("png", "tif"):
        for editor in EDITORS:
            assert np.array_equal(decoded(save_lossless(pixels, ending, editor)), pixels)


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
