"""What is read is what another decoder reads, where there is one that can."""

import numpy as np
import pytest
import pyvips

from pipeline.images.read import read_rgb
from tests.images import odd_files

READABLE = odd_files.readable()
# libvips scales by other rules, leaves bands and palettes as they are, or has no decoder.
OTHERWISE = (
    "int8", "int16", "int32", "int64", "float", "bits", "white is zero", "five bands", "unknown", "lab",
    "palette of", "cmyk", "compressed by", "alpha", "bmp", "animated", "uncompressed", "thumbnail",
    "jpeg 2000", "avif",
)  # fmt: skip
COMPARED = [name for name in READABLE if not any(part in name for part in OTHERWISE)]


@pytest.mark.parametrize("name", COMPARED)
def test_libvips_reads_the_same(name):
    content = READABLE[name].content
    image = pyvips.Image.new_from_buffer(content, "")
    found = image.colourspace("srgb").numpy()
    expected = found if found.ndim == 3 else np.repeat(found[..., None], 3, axis=-1)
    difference = np.abs(read_rgb(content).astype(int) - expected[..., :3])
    assert difference.max() <= 2
    assert difference.mean() < 0.8
