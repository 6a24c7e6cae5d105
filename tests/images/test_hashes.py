"""Hashes recognise files, pixels and looks."""

import hashlib
import io

import imagehash
import numpy as np
from PIL import Image

from pipeline.images.hashes import perceptual_hash, pixel_sha256, sha256_of, sha256_of_file


def bits_apart(first: str, second: str) -> int:
    return (int(first, 16) ^ int(second, 16)).bit_count()


def test_a_file_and_its_bytes_have_one_hash(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc" * 1_000_000)
    assert (
        sha256_of_file(path) == sha256_of(path.read_bytes()) == hashlib.sha256(b"abc" * 1_000_000).hexdigest()
    )


def test_equal_pixels_in_unlike_files_have_one_hash(photo):
    buffer = io.BytesIO()
    Image.fromarray(photo()).save(buffer, "PNG")
    assert pixel_sha256(Image.open(buffer)) == pixel_sha256(Image.fromarray(photo()))


def test_the_shape_counts():
    flat = np.zeros((4, 9, 3), np.uint8)
    assert pixel_sha256(Image.fromarray(flat)) != pixel_sha256(Image.fromarray(flat.reshape(9, 4, 3)))


def test_one_pixel_counts(photo):
    changed = photo()
    changed[3, 4, 1] ^= 1
    assert pixel_sha256(Image.fromarray(changed)) != pixel_sha256(Image.fromarray(photo()))


def test_the_perceptual_hash_is_the_librarys(photo):
    picture = Image.fromarray(photo(100, 150))
    assert imagehash.hex_to_hash(perceptual_hash(picture)) == imagehash.phash(picture)


def test_copies_look_alike_and_other_pictures_do_not(photo):
    picture = Image.fromarray(photo(128, 192))
    buffer = io.BytesIO()
    picture.resize((96, 64)).save(buffer, "JPEG", quality=60)
    first = perceptual_hash(picture)
    assert bits_apart(first, perceptual_hash(Image.open(buffer))) <= 4
    assert bits_apart(first, perceptual_hash(Image.fromarray(photo(128, 192, seed=1)))) > 12
