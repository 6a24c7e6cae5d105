"""Hashes recognise files, pixels and looks."""

import hashlib
import io

import imagehash
import numpy as np
import pytest
from PIL import Image

from pipeline.images.hashes import TURNED, perceptual_hashes, pixel_sha256, sha256_of, sha256_of_file
from tests.images.pictures import PHOTO, draw_photo, encoded


def bits_apart(first: str, second: str) -> int:
    return (int(first, 16) ^ int(second, 16)).bit_count()


def test_a_file_and_its_bytes_have_one_hash(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc" * 1_000_000)
    wanted = hashlib.sha256(path.read_bytes()).hexdigest()
    assert sha256_of_file(path) == sha256_of(path.read_bytes()) == wanted


def test_equal_pixels_in_unlike_files_have_one_hash():
    stored = Image.open(io.BytesIO(encoded(PHOTO, "PNG")))
    assert pixel_sha256(stored) == pixel_sha256(Image.fromarray(PHOTO))


def test_the_shape_counts():
    flat = np.zeros((4, 9, 3), np.uint8)
    assert pixel_sha256(Image.fromarray(flat)) != pixel_sha256(Image.fromarray(flat.reshape(9, 4, 3)))


def test_one_pixel_counts():
    changed = PHOTO.copy()
    changed[3, 4, 1] ^= 1
    assert pixel_sha256(Image.fromarray(changed)) != pixel_sha256(Image.fromarray(PHOTO))


def turned(pixels: np.ndarray) -> list[np.ndarray]:
    """The seven ways to turn it in the order of TURNED."""
    mirrored = np.fliplr(pixels)
    return [np.rot90(pixels, k) for k in (1, 2, 3)] + [np.rot90(mirrored, k) for k in range(4)]


@pytest.mark.parametrize("seed", range(20))
def test_the_perceptual_hashes_are_the_librarys_of_the_turned_picture(seed):
    pixels = draw_photo(100, 150, seed=seed)
    upright, others = perceptual_hashes(Image.fromarray(pixels))
    assert upright == str(imagehash.phash(Image.fromarray(pixels)))
    for number, (name, pixels_turned) in enumerate(zip(TURNED, turned(pixels), strict=True)):
        wanted = str(imagehash.phash(Image.fromarray(np.ascontiguousarray(pixels_turned))))
        assert others[16 * number : 16 * number + 16] == wanted, name


def test_a_picture_without_any_contrast_has_the_librarys_hash_however_turned():
    flat = Image.new("RGB", (50, 40), (9, 9, 9))
    upright, others = perceptual_hashes(flat)
    assert upright == str(imagehash.phash(flat))
    assert others == 7 * upright


def test_copies_look_alike_and_other_pictures_do_not():
    picture = Image.fromarray(draw_photo(128, 192))
    smaller = Image.open(io.BytesIO(encoded(picture.resize((96, 64)), "JPEG", quality=60)))
    others = smaller, Image.fromarray(draw_photo(128, 192, seed=1))
    first, copy, other = (perceptual_hashes(each)[0] for each in (picture, *others))
    assert bits_apart(first, copy) <= 4
    assert bits_apart(first, other) > 12
