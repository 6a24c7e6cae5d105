"""The matrix of AVIF and WebP: depths, colours, alpha, cropping, pictures that leave their canvas free."""

import struct

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from pipeline.images.read import read
from tests.images.pictures import draw_photo, encoded, linear_rgb, read_rgb, rgb, turned_by
from tests.images.test_colour import gamma
from tests.images.test_variants import box, in_bits

PHOTO = draw_photo(40, 60)
GREY = PHOTO[..., 1].copy()
ALPHA = np.tile(np.linspace(0, 255, 60).astype(np.uint8), (40, 1))[..., None]


def over_white(colours):
    return colours * (ALPHA / 255) + 255 * (1 - ALPHA / 255)


def mean_difference(content, wanted):
    return np.abs(read_rgb(content) - wanted).mean()


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_avif_of_any_depth(bits):
    for samples, wanted in (
        (GREY, rgb(GREY)),
        (PHOTO, PHOTO.astype(float)),
        (np.concatenate([PHOTO, ALPHA], axis=-1), over_white(PHOTO)),
        (np.concatenate([GREY[..., None], ALPHA], axis=-1), over_white(rgb(GREY))),
    ):
        deep = in_bits(samples, bits).astype(np.uint8 if bits == 8 else np.uint16)
        content = imagecodecs.avif_encode(deep, level=100, bitspersample=bits)
        assert mean_difference(content, wanted) < 0.5


@pytest.mark.parametrize("value_range", ["full", "limited"])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0", "4:0:0"])
def test_avif_with_fewer_colours(subsampling, value_range):
    content = encoded(PHOTO, "AVIF", quality=98, subsampling=subsampling, range=value_range)
    grey = rgb(np.asarray(Image.fromarray(PHOTO).convert("L")))
    assert mean_difference(content, (grey if subsampling == "4:0:0" else PHOTO).astype(float)) < 4


@pytest.mark.parametrize("multiplied", [False, True])
def test_avif_with_alpha_and_with_a_profile(multiplied):
    rgba = np.concatenate([PHOTO, ALPHA], axis=-1)
    options = {"quality": 100, "subsampling": "4:4:4"}
    content = encoded(rgba, "AVIF", **options, alpha_premultiplied=multiplied)
    assert mean_difference(content, over_white(PHOTO)) < 1
    assert mean_difference(encoded(PHOTO, "AVIF", **options, icc_profile=linear_rgb()), gamma(PHOTO)) < 2


def riff(*chunks):
    body = b"WEBP" + b"".join(name + struct.pack("<I", len(data)) + data for name, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("background", [bytes(4), b"\xff\0\0\xff"], ids=["transparent", "blue"])
@pytest.mark.parametrize("place", [(0, 0), (4, 6)])
def test_what_a_webp_draws_nothing_on_is_white(place, background):
    frame = encoded(PHOTO, "WEBP", lossless=True)[12:]
    left, top = place
    numbers = (left // 2, top // 2, PHOTO.shape[1] - 1, PHOTO.shape[0] - 1, 100)
    header = b"".join(number.to_bytes(3, "little") for number in numbers) + b"\2"
    canvas = b"\x12\0\0\0" + (79).to_bytes(3, "little") + (59).to_bytes(3, "little")
    content = riff((b"VP8X", canvas), (b"ANIM", background + bytes(2)), (b"ANMF", header + frame))
    wanted = np.full((60, 80, 3), 255)
    wanted[top : top + 40, left : left + 60] = PHOTO
    assert np.array_equal(read_rgb(content), wanted)


def with_clean_aperture(avif, width, height, across, down):
    """Add the property of a clean aperture to the only picture of a file that Pillow has written."""
    clap = box(b"clap", struct.pack(">4I", width, 1, height, 1) + struct.pack(">iIiI", *across, *down))
    links, container = avif.index(b"ipma"), avif.index(b"ipco")
    n_properties = avif[links + 14]
    position, n_boxes = container + 4, 0
    end = container - 4 + int.from_bytes(avif[container - 4 : container], "big")
    while position < end:
        position, n_boxes = position + int.from_bytes(avif[position : position + 4], "big"), n_boxes + 1
    last_link = links + 15 + n_properties
    changed = bytearray(
        avif[:end] + clap + avif[end:last_link] + bytes([0x80 | n_boxes + 1]) + avif[last_link:]
    )
    changed[links + len(clap) + 14] += 1
    for name, more in (
        (b"ipma", 1),
        (b"ipco", len(clap)),
        (b"iprp", len(clap) + 1),
        (b"meta", len(clap) + 1),
    ):
        place = changed.index(name) - 4
        size = int.from_bytes(changed[place : place + 4], "big") + more
        changed[place : place + 4] = size.to_bytes(4, "big")
    place = changed.index(b"iloc") + 4 + 4 + 2 + 2 + 2 + 2 + 2  # of the first extent
    offset = int.from_bytes(changed[place : place + 4], "big") + len(clap) + 1
    changed[place : place + 4] = offset.to_bytes(4, "big")
    return bytes(changed)


@pytest.mark.parametrize("orientation", [1, 6])
def test_an_avif_is_cropped_as_it_says(orientation):
    picture = draw_photo(40, 60)
    exif = {} if orientation == 1 else {"exif": turned_by(orientation)}
    avif = encoded(picture, "AVIF", quality=100, subsampling="4:4:4", **exif)
    # The middle of what is shown lies 5 pixels to the left of that of the picture, and 3 below it.
    cropped = with_clean_aperture(avif, 30, 20, (-5, 1), (3, 1))
    found, whole = read(cropped), read_rgb(avif)
    if orientation == 1:
        assert found.stored_size == (30, 20)
        assert np.array_equal(found.pixels, whole[13:33, 10:40])
    else:
        assert found.upright_size == (20, 30)
        assert np.array_equal(found.pixels, whole[10:40, 7:27])


def test_what_gives_no_pixel_leaves_an_avif_as_it_is():
    avif = encoded(draw_photo(40, 60), "AVIF")
    for crop in ((0, 20, (0, 1), (0, 1)), (30, 20, (0, 0), (0, 1)), (30, 20, (40, 1), (0, 1))):
        assert np.array_equal(read_rgb(with_clean_aperture(avif, *crop)), read_rgb(avif))
