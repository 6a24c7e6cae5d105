"""Hashes by which files and pictures are recognised again."""

import hashlib
from pathlib import Path

import imagehash
from PIL import Image

_BAND_PIXELS = 1 << 18  # hashed at a time: a large picture's pixels are not copied whole


def sha256_of(content: bytes | memoryview) -> str:
    """Hash bytes; hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Hash a file's bytes without holding it in memory whole; hexadecimal."""
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pixel_sha256(rgb: Image.Image) -> str:
    """Hash the shape and the pixels of an RGB picture: equal for equal pictures in unlike files."""
    width, height = rgb.size
    digest = hashlib.sha256(f"{height}x{width}x3;".encode())
    rows = max(_BAND_PIXELS // width, 1)
    for top in range(0, height, rows):
        band = rgb.crop((0, top, width, min(top + rows, height))) if rows < height else rgb
        digest.update(band.tobytes())
    return digest.hexdigest()


def perceptual_hash(rgb: Image.Image) -> str:
    """Give the 64-bit DCT hash of a picture as 16 hexadecimal digits.

    Few bits differ between a picture and its copies of another size, quality or brightness.
    Reference: N. Krawetz, "Looks Like It", 2011, as in the library imagehash (`phash`).
    """
    return str(imagehash.phash(rgb))
