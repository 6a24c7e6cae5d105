"""Masks lie over their pictures, whatever way either is stored."""

import numpy as np
import pytest
from PIL import Image

from pipeline.images.files import Limits, Unreadable
from pipeline.images.mask import align_mask, encode_mask, read_mask
from pipeline.images.read import read
from tests.images.pictures import encoded, read_rgb, turned_by

MARKED = np.zeros((8, 12), bool)
MARKED[1:4, 2:9] = True
MARKED[6, 0] = True


def align(content: bytes, stored: tuple[int, int], orientation: int = 1, page: int = 0) -> np.ndarray:
    """Lay a mask over a picture of `stored` (width, height) and of an orientation."""
    picture = encoded(Image.new("L", stored), "PNG", exif=turned_by(orientation))
    return align_mask(read(content, page=page), read(picture))


def grey(marked: np.ndarray, white: int = 255, dtype: type = np.uint8) -> Image.Image:
    return Image.fromarray(marked.astype(dtype) * dtype(white))


def test_a_mask_written_is_a_mask_read(tmp_path):
    path = tmp_path / "m.png"
    path.write_bytes(encode_mask(MARKED))
    assert np.array_equal(read_mask(path), MARKED)
    with Image.open(path) as stored:
        assert stored.mode == "L"
        assert np.unique(np.asarray(stored)).tolist() == [0, 255]


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "P", "I;16", "0 and 1"])
def test_every_mode_is_read(tmp_path, mode):
    unusual = {"I;16": (65_535, np.uint16), "0 and 1": (1, np.uint8)}
    stored = grey(MARKED, *unusual[mode]) if mode in unusual else grey(MARKED).convert(mode)
    path = tmp_path / "m.png"
    stored.save(path)
    assert np.array_equal(read_mask(path), MARKED)


def test_the_noise_of_a_jpeg_is_told_from_the_mask(tmp_path):
    marked = np.kron(MARKED, np.ones((8, 8), bool))
    path = tmp_path / "m.jpg"
    grey(marked).save(path, quality=70)
    assert np.array_equal(read_mask(path), marked)


def test_a_broken_mask_is_refused_by_name(tmp_path):
    (tmp_path / "m.png").write_bytes(b"no")
    with pytest.raises(Unreadable, match=r"m\.png"):
        read_mask(tmp_path / "m.png")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_mask_of_the_stored_pixels_turns_with_them(orientation):
    upright = read_rgb(encoded(grey(MARKED), "PNG", exif=turned_by(orientation)))[..., 0] > 0
    assert np.array_equal(align(encode_mask(MARKED), (12, 8), orientation), upright)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_mask_of_the_upright_picture_is_left_as_it_is(orientation):
    assert np.array_equal(align(encode_mask(MARKED), (8, 12), orientation), MARKED)


def test_a_mask_with_an_orientation_of_its_own_is_turned_once():
    content = encoded(grey(MARKED), "PNG", exif=turned_by(6))
    assert np.array_equal(align(content, (12, 8), 6), np.rot90(MARKED, -1))


def test_a_mask_of_another_resolution_is_resized():
    assert np.array_equal(align(encode_mask(MARKED), (24, 16)), np.kron(MARKED, np.ones((2, 2), bool)))


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(Unreadable, match="12x8, its picture 300x100"):
        align(encode_mask(MARKED), (300, 100), 1)


def in_pages(*masks: np.ndarray) -> bytes:
    first, *others = map(grey, masks)
    return encoded(first, "TIFF", save_all=True, append_images=others)


def test_each_page_of_a_picture_has_the_same_page_of_its_mask():
    content = in_pages(MARKED, ~MARKED)
    assert np.array_equal(align(content, (12, 8), 1), MARKED)
    assert np.array_equal(align(content, (12, 8), page=1), ~MARKED)


@pytest.mark.parametrize("content", [encode_mask(MARKED), in_pages(MARKED)], ids=["png", "tiff"])
def test_a_mask_of_one_page_is_not_that_of_the_second(content):
    with pytest.raises(Unreadable, match="page 2 was asked for"):
        align(content, (12, 8), page=1)


def test_a_mask_larger_than_the_limits_is_refused():
    with pytest.raises(Unreadable, match="larger than the limit"):
        read(encode_mask(MARKED), limits=Limits(megapixels=5e-5, gib=1))


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.int32])
@pytest.mark.parametrize("white", [1, 255])
def test_deep_masks_of_few_values_are_read(dtype, white):
    content = encoded(grey(MARKED, white, dtype), "TIFF")
    assert np.array_equal(align(content, (12, 8)), MARKED)
