"""Hashes by which files and pictures are recognised again."""

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

# The seven ways to turn and mirror a picture, in the order of `perceptual_hashes`, as numpy does it.
TURNED = ("rot90", "rot180", "rot270", "fliplr", "fliplr rot90", "fliplr rot180", "fliplr rot270")

_BAND_PIXELS = 1 << 18  # hashed at a time: a large picture's pixels are not copied whole
_SIDE, _LOW = 32, 8  # of the picture that is transformed; of the square of its lowest frequencies
_COSINES = 2 * np.cos(np.pi / _SIDE * np.outer(np.arange(_LOW), np.arange(_SIDE) + 0.5))  # of the DCT-II
_MIRRORED = np.where(np.arange(_LOW) % 2, -1.0, 1.0)  # what a mirror does to each frequency
# The sums below are the same on every machine up to their last digits, which must not decide a bit.
_DIGITS = 6


def sha256_of(content: bytes | memoryview) -> str:
    """Hash bytes; hexadecimal.

    >>> sha256_of(b"")[:8]
    'e3b0c442'
    """
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


def perceptual_hashes(rgb: Image.Image) -> tuple[str, str]:
    """Return the 64-bit DCT hash of a picture, and those of it turned and mirrored.

    Few bits differ between a picture and its copies of another size, quality or brightness. Turning
    costs little: a mirror changes the sign of the odd frequencies, a quarter turn transposes them.
    Reference: N. Krawetz, "Looks Like It", 2011, as in the library imagehash (`phash`).

    Returns:
        16 hexadecimal digits, and 7 x 16 in the order of `TURNED`.
    """
    grey, lanczos = rgb.convert("L"), Image.Resampling.LANCZOS
    lying = _frequencies(grey.resize((_SIDE, _SIDE), lanczos))
    # Pillow shrinks sideways, rounds, and shrinks downwards; of a picture on its side, the other way round.
    standing = _frequencies(grey.resize((grey.width, _SIDE), lanczos).resize((_SIDE, _SIDE), lanczos)).T
    sideways, downwards = _MIRRORED, _MIRRORED[:, None]
    turned = np.stack([
        lying, standing * downwards, lying * sideways * downwards, standing * sideways,
        lying * sideways, standing, lying * downwards, standing * sideways * downwards,
    ]).reshape(len(TURNED) + 1, -1)  # fmt: skip
    middle = turned.shape[1] // 2
    medians = np.sort(turned, axis=1)[:, middle - 1 : middle + 1].sum(axis=1) / 2
    words = np.packbits(turned > medians[:, None], axis=1).tobytes().hex()
    return words[:16], words[16:]


def _frequencies(grey: Image.Image) -> np.ndarray:
    """Return the lowest frequencies of a small picture, those downwards by row."""
    return np.round(_COSINES @ np.asarray(grey, dtype=np.float64) @ _COSINES.T, _DIGITS)
