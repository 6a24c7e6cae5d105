import io
import re

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from pipeline.images.files import Unreadable
from pipeline.images.plain_files import decode_plain_jpeg, decode_plain_tiff
from pipeline.images.read import read
from tests.images.pictures import draw_photo, encoded, in_lab, saved, tiff, turned_by, with_segment

SHAPES = [(40, 64), (256, 384), (257, 391), (31, 530), (5, 3)]
SAVES = [
    {"subsampling": subsampling, **more}
    for subsampling in ("4:4:4", "4:2:2", "4:2:0")
    for more in ({}, {"progressive": True}, {"optimize": True}, {"restart_marker_rows": 2})
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("options", SAVES, ids=str)
def test_the_pixels_are_those_that_are_read(shape, options):
    for quality in (40, 75, 95, 100):
        content = saved(draw_photo(*shape), quality=quality, **options)
        for at_least in (None, shape, (128, 128), (30, 30), (4, 300), (1, 1)):
            expected = read(content, at_least=at_least).pixels
            assert np.array_equal(decode_plain_jpeg(content, at_least), expected), at_least


def _with_profile() -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return saved(draw_photo(), icc_profile=profile)


def _without_height() -> bytes:
    return re.sub(rb"(\xff\xc0\0\x11\x08)..", rb"\1\0\0", saved(draw_photo()), count=1)


@pytest.mark.parametrize(
    "content",
    [
        saved(draw_photo(), exif=turned_by(6)),
        _with_profile(),
        saved(Image.fromarray(draw_photo()).convert("L")),
        saved(Image.fromarray(draw_photo()).convert("CMYK")),
        with_segment(saved(draw_photo()), 0xEE, b"Adobe\0\x64\0\0\0\0\0"),
        with_segment(saved(draw_photo()), 0xFE, b"a comment"),
        saved(draw_photo())[:-2],
        saved(draw_photo())[:100],
        saved(draw_photo()) + b"another picture",
        _without_height(),
        encoded(draw_photo(), "PNG"),
        encoded(in_lab(Image.fromarray(draw_photo())), "TIFF"),
        b"no picture",
        b"",
    ],
    ids=[
        *("turned", "profile", "grey", "CMYK", "Adobe", "comment", "no end", "header only", "more behind"),
        *("no height", "PNG", "TIFF", "text", "empty"),
    ],
)
def test_whatever_else_is_left_to_read(content):
    assert decode_plain_jpeg(content) is None


TIFFS = [
    {"compression": compression, **more}
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "tiff_deflate")
    for more in ({}, {"tiffinfo": {317: 2}}, {"tiffinfo": {278: 5}})
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("options", TIFFS, ids=str)
def test_a_plain_tiff_has_its_pixels(shape, options):
    picture = draw_photo(*shape)
    opened = Image.open(io.BytesIO(encoded(picture, "TIFF", **options)))
    assert np.array_equal(decode_plain_tiff(opened), picture)
    opened = Image.open(io.BytesIO(tiff(picture, photometric="rgb", compression="lzw", byteorder=">")))
    assert np.array_equal(decode_plain_tiff(opened), picture)


@pytest.mark.parametrize(
    "content",
    [
        encoded(draw_photo(), "TIFF"),
        encoded(draw_photo(), "TIFF", compression="tiff_lzw", exif=turned_by(6)),
        encoded(Image.fromarray(draw_photo()).convert("L"), "TIFF", compression="tiff_lzw"),
        encoded(Image.fromarray(draw_photo()).convert("RGBA"), "TIFF", compression="tiff_lzw"),
        encoded(in_lab(Image.fromarray(draw_photo())), "TIFF", compression="tiff_lzw"),
        encoded(draw_photo(), "PNG"),
    ],
    ids=["raw", "turned", "grey", "transparent", "Lab", "PNG"],
)
def test_any_other_tiff_is_left_to_pillow(content):
    assert decode_plain_tiff(Image.open(io.BytesIO(content))) is None


def test_a_damaged_tiff_is_left_to_pillow_which_says_what_is_wrong(monkeypatch):
    content = bytearray(encoded(draw_photo(256, 384), "TIFF", compression="tiff_lzw"))
    content[5_000:5_004] = b"\xff\xff\xff\xff"
    assert decode_plain_tiff(Image.open(io.BytesIO(bytes(content)))) is None
    with pytest.raises(Unreadable, match="broken"):
        _ = read(bytes(content)).pixels
    whole = encoded(draw_photo(), "TIFF", compression="tiff_lzw")
    monkeypatch.setattr(cv2.utils.logging, "getLogLevel", lambda: cv2.utils.logging.LOG_LEVEL_SILENT)
    assert decode_plain_tiff(Image.open(io.BytesIO(whole))) is None
