"""HEIC and JPEG XL are read as any other picture, and refused where they are not whole."""

import logging
import re

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.images.files import Limits, Unreadable, find_pictures
from pipeline.images.jpeg_xl import JxlHeader, read_jxl_header
from pipeline.images.read import read
from tests.images.heics import ALPHA, HEICS, SHOWN
from tests.images.pictures import GREY, PHOTO, encoded, read_rgb, rgb


def differs(found: np.ndarray, shown: np.ndarray) -> float:
    return float(np.abs(found.astype(float) - shown).mean())


@pytest.mark.parametrize("name", ["plain", "ten bits", "second of two"])
def test_a_heic_shows_what_is_in_it(name):
    picture = read(HEICS[name])
    assert (picture.format, picture.orientation, picture.stored_size) == ("HEIF", 1, (48, 32))
    assert differs(picture.pixels, SHOWN[::-1] if name == "second of two" else SHOWN) < 4


def test_a_heic_comes_upright_by_its_own_property():
    picture = read(
        HEICS["turned"]
    )  # as a phone that was held upright: EXIF says so too, which does not count
    assert b"irot" in HEICS["turned"]
    assert picture.upright_size == (32, 48)
    assert differs(picture.pixels, np.rot90(SHOWN, -1)) < 4


def test_a_heic_of_grey_and_one_with_alpha():
    grey = SHOWN @ [0.299, 0.587, 0.114]
    assert differs(read_rgb(HEICS["grey"]), rgb(grey)) < 4
    opacity = ALPHA[..., None] / 255
    assert differs(read_rgb(HEICS["alpha"]), SHOWN * opacity + 255 * (1 - opacity)) < 4


@pytest.mark.parametrize("name", HEICS)
def test_a_heic_cut_off_anywhere_is_refused(name):
    for cut in range(0, len(HEICS[name]), 7):
        with pytest.raises(Unreadable):
            read_rgb(HEICS[name][:cut])


@settings(max_examples=50)
@given(junk=st.binary(max_size=100))
def test_what_follows_a_heic_and_what_its_metadata_say_changes_nothing(junk):
    content = HEICS["turned"]
    expected = read_rgb(content)
    for behind in (junk, bytes(3), len(junk + bytes(8)).to_bytes(4, "big") + b"free" + junk):
        assert np.array_equal(read_rgb(content + behind), expected)
    exif = content.rindex(b"Exif\0\0")
    changed = content[:exif] + junk.ljust(20, b"\0")[:20] + content[exif + 20 :]
    assert np.array_equal(read_rgb(changed), expected)


def jxl(samples: np.ndarray, **options: object) -> bytes:
    return imagecodecs.jpegxl_encode(samples, **{"lossless": True, **options})


DEEP = PHOTO.astype(np.uint16)
WITH_ALPHA = np.dstack([PHOTO, np.full(GREY.shape, 51, np.uint8)])
JXLS = {
    "colours": (jxl(PHOTO), PHOTO),
    "in boxes": (jxl(PHOTO, usecontainer=True), PHOTO),
    "grey": (jxl(GREY), rgb(GREY)),
    "alpha": (jxl(WITH_ALPHA), PHOTO * 0.2 + 255 * 0.8),
    "grey and alpha": (jxl(np.dstack([GREY, WITH_ALPHA[..., 3]])), rgb(GREY) * 0.2 + 255 * 0.8),
    "16 bits": (jxl(DEEP * 257), PHOTO),
    "10 bits": (jxl(DEEP * 4, bitspersample=10), PHOTO * (4 * 255 / 1023)),
    "floats": (jxl((PHOTO / 255).astype(np.float32)), PHOTO),
    "animated": (jxl(np.stack([PHOTO, PHOTO[::-1]])), PHOTO),
}


@pytest.mark.parametrize("name", JXLS)
def test_a_jpeg_xl_shows_what_is_in_it(name):
    content, shown = JXLS[name]
    picture = read(content)
    assert (picture.format, picture.upright_size) == ("JXL", (60, 40))
    assert np.abs(picture.pixels - shown.astype(float)).max() <= 1
    assert np.array_equal(read_rgb(content + b"\0junk"), picture.pixels)
    first = len(JXLS["colours"][0]) if name == "animated" else len(content)
    for cut in range(0, first - 20, max(len(content) // 40, 1)):
        with pytest.raises(Unreadable):
            read_rgb(content[:cut])


def test_a_jpeg_that_became_a_jpeg_xl_shows_the_same():
    jpeg = encoded(PHOTO, "JPEG", quality=90)
    assert differs(read_rgb(imagecodecs.jpegxl_encode_jpeg(jpeg)), read_rgb(jpeg)) < 1


@settings(max_examples=40)
@given(width=st.integers(1, 700), height=st.integers(1, 700))
def test_the_size_of_a_jpeg_xl_is_known_before_it_is_decoded(width, height):
    header = read_jxl_header(jxl(np.zeros((height, width), np.uint8)))
    assert header == JxlHeader(width, height, 8, False, 0, False)


@pytest.mark.parametrize("content", [HEICS["plain"], JXLS["colours"][0]], ids=["heic", "jxl"])
def test_limits_hold_for_them(content):
    with pytest.raises(Unreadable, match=r"larger than the limit of 0\.001 megapixels"):
        read_rgb(content, limits=Limits(megapixels=0.001, gib=4))
    with pytest.raises(Unreadable, match=r"raise convert\.max_gib"):
        read_rgb(content, limits=Limits(megapixels=1, gib=1e-6))


def test_they_are_found_by_their_endings_and_by_their_beginnings(tmp_path):
    names = ["IMG_1.HEIC", "b.heif", "c.hif", "d.jxl", "plain", "without"]
    for name in names:
        (tmp_path / name).write_bytes(JXLS["colours"][0] if name in {"d.jxl", "without"} else HEICS["plain"])
    assert find_pictures(tmp_path) == ([tmp_path / name for name in names], [])


def test_later_pictures_of_a_file_are_said_once_with_its_name(caplog, tmp_path):
    two = {"save_all": True, "append_images": [read(encoded(PHOTO[::-1].copy(), "PNG")).image]}
    files = {kind: encoded(PHOTO, kind, **two) for kind in ("GIF", "PNG", "WEBP", "AVIF")}
    files |= {"JXL": JXLS["animated"][0], "HEIF": HEICS["second of two"]}
    files |= {"TIFF": encoded(PHOTO, "TIFF", **two)}
    for kind, content in files.items():
        caplog.clear()
        path = tmp_path / kind
        path.write_bytes(content)
        with caplog.at_level(logging.INFO, logger="pipeline.images"):
            read(path)
            read(path, known_whole=True)
            read(content)
        said = r"2 pages, the first" if kind == "TIFF" else "several pictures, the (first|primary one)"
        assert len(caplog.messages) == 1, kind
        assert re.search(rf"{re.escape(str(path))}: it has {said} is read", caplog.messages[0]), kind
    caplog.clear()
    alone = [encoded(PHOTO, kind) for kind in ("PNG", "GIF", "TIFF")]
    with caplog.at_level(logging.INFO, logger="pipeline.images"):
        for content in (*alone, JXLS["colours"][0], HEICS["plain"]):
            path.write_bytes(content)
            read(path)
        path.write_bytes(files["TIFF"])
        read(path, page=0)  # as where each is taken
    assert not caplog.messages
