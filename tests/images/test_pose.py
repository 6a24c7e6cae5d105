"""The orientation that is found at once is the one that Pillow finds."""

import io

import pytest
from PIL import Image

from pipeline.images.pose import ORIENTATION, orientation_of
from tests.images.odd_files import PHOTO, encoded

XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:Description tiff:Orientation=\"%d\"/></x:xmpmeta>"


def exif(pose: int | None, order: str = "<") -> Image.Exif:
    block = Image.Exif()
    block.endian = order
    block[0x010F] = "a camera"
    if pose is not None:
        block[ORIENTATION] = pose
    return block


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("pose", [None, *range(11)])
@pytest.mark.parametrize("in_xmp", [None, 1, 6])
def test_it_is_what_pillow_says(kind, pose, in_xmp):
    options = {} if in_xmp is None or kind in {"PNG", "TIFF"} else {"xmp": XMP % in_xmp}
    content = encoded(PHOTO, kind, exif=exif(pose), **options)
    expected = Image.open(io.BytesIO(content)).getexif().get(ORIENTATION, 1)
    assert orientation_of(Image.open(io.BytesIO(content))) == (expected if expected in range(1, 9) else 1)


@pytest.mark.parametrize("pose", [1, 6])
def test_both_byte_orders_are_read(pose):
    content = encoded(PHOTO, "JPEG", exif=exif(pose, ">"))
    assert orientation_of(Image.open(io.BytesIO(content))) == pose


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize(
    "block",
    [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\x7f", b"Exif\0\0II*\0\x08\0\0\0\xff\xff"],
    ids=["empty", "directory far away", "directory cut off"],
)
def test_what_is_broken_is_left_to_pillow(block):
    content = encoded(PHOTO, "JPEG", exif=block)
    assert orientation_of(Image.open(io.BytesIO(content))) == 1
