"""Any supported picture becomes upright 8-bit RGB, and nothing less than a whole one is accepted."""

import hashlib
import io
import pickle
import struct

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.images.colour import to_rgb
from pipeline.images.files import Unreadable
from pipeline.images.read import READING, read
from tests.images.pictures import PHOTO, draw_photo, encoded, in_lab, linear_rgb, read_rgb, tiff, turned_by

XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:Description tiff:Orientation=\"%d\"/></x:xmpmeta>"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", [None, *range(11)])
@pytest.mark.parametrize("in_xmp", [None, 1, 6])
def test_it_is_what_exif_says_and_not_what_xmp_does(kind, orientation, in_xmp):
    options = {} if in_xmp is None or kind in {"PNG", "TIFF"} else {"xmp": XMP % in_xmp}
    content = encoded(PHOTO, kind, exif=turned_by(orientation), **options)
    assert read(content).orientation == (orientation if orientation in range(1, 9) else 1)


@pytest.mark.parametrize("late", [False, True])
def test_an_orientation_behind_the_pixels_of_a_png_is_known_at_once(late):
    content = encoded(STORED, "PNG", exif=turned_by(6))
    start = content.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(content[start : start + 4], "big")
    if late:
        content = content[:start] + content[end:-12] + content[start:end] + content[-12:]
    picture = read(content)
    assert (picture.orientation, picture.stored_size, picture.upright_size) == (6, (6, 4), (4, 6))
    assert np.array_equal(picture.pixels, UPRIGHT[6])


@pytest.mark.parametrize("orientation", [1, 6])
def test_both_byte_orders_are_read(orientation):
    assert read(encoded(PHOTO, "JPEG", exif=turned_by(orientation, ">"))).orientation == orientation


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize(
    "block",
    [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\x7f", b"Exif\0\0II*\0\x08\0\0\0\xff\xff"],
    ids=["empty", "directory far away", "directory cut off"],
)
def test_what_is_broken_is_left_to_pillow(block):
    assert read(encoded(PHOTO, "JPEG", exif=block)).orientation == 1


STORED = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3) * 3
UPRIGHT = {
    1: STORED,
    2: STORED[:, ::-1],
    3: STORED[::-1, ::-1],
    4: STORED[::-1],
    5: STORED.transpose(1, 0, 2),
    6: np.rot90(STORED, -1),
    7: np.rot90(STORED, 2).transpose(1, 0, 2),
    8: np.rot90(STORED),
}


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_lossless_pictures_come_bit_for_bit(kind):
    found = read_rgb(encoded(PHOTO, kind))
    assert np.array_equal(found, PHOTO)
    assert found.flags.writeable
    assert found.flags.c_contiguous


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd"])
def test_compressed_tiffs_come_bit_for_bit(compression):
    assert np.array_equal(read_rgb(encoded(PHOTO, "TIFF", compression=compression)), PHOTO)


def test_a_file_and_its_bytes_read_alike_whatever_the_ending(tmp_path):
    path = tmp_path / "Bild – größer.jpg"
    path.write_bytes(encoded(PHOTO, "PNG"))
    assert np.array_equal(read_rgb(path), read_rgb(path.read_bytes()))


@pytest.mark.parametrize(
    ("mode", "tolerance"),
    [("1", 128), ("L", 0), ("LA", 0), ("P", 20), ("RGBA", 0), ("CMYK", 0), ("YCbCr", 1.5), ("LAB", 2.5)],
)
def test_every_mode_looks_as_before(mode, tolerance):
    picture = Image.fromarray(PHOTO)
    stored = in_lab(picture) if mode == "LAB" else picture.convert(mode)
    found = read_rgb(encoded(stored, "PNG" if mode in {"P", "LA"} else "TIFF"))
    shown = picture.convert("L").convert("RGB") if mode in {"1", "L", "LA"} else picture
    assert found.shape == (40, 60, 3)
    assert np.abs(found.astype(float) - np.asarray(shown)).mean() <= tolerance


@pytest.mark.parametrize(("by", "mode"), [("RGBA", "PA"), ("LA", "La"), ("RGBA", "RGBa")])
def test_modes_that_some_decoders_give_look_as_before(by, mode):
    picture = Image.fromarray(PHOTO).convert("L")
    stored = picture.convert(by).convert(mode)
    assert np.abs(np.asarray(to_rgb(stored))[..., 0].astype(float) - np.asarray(picture)).mean() < 20


def test_transparent_pixels_lie_over_white():
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[0, 0] = (200, 100, 50, 255)
    rgba[0, 1] = (0, 0, 0, 128)
    found = read_rgb(encoded(rgba, "PNG"))
    assert found[0, 0].tolist() == [200, 100, 50]
    assert found[0, 1].tolist() == [127, 127, 127]
    assert found[1].tolist() == [[255, 255, 255]] * 2


def test_a_transparent_colour_without_alpha_channel_lies_over_white():
    pixels = np.full((2, 2, 3), 10, np.uint8)
    pixels[0, 0] = (1, 2, 3)
    found = read_rgb(encoded(pixels, "PNG", transparency=(1, 2, 3)))
    assert found[0].tolist() == [[255, 255, 255], [10, 10, 10]]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_by_their_range(kind):
    values = np.array([[0, 128, 129, 32768, 65535]], np.uint16)
    assert read_rgb(encoded(values, kind))[0, :, 0].tolist() == [0, 0, 1, 128, 255]


def test_sixteen_bits_of_the_other_byte_order_read_alike():
    picture = Image.frombytes("I;16B", (3, 1), np.array([0, 32768, 65535], ">u2").tobytes())
    assert read_rgb(encoded(picture, "TIFF"))[0, :, 1].tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0.0, 0.5, 0.75]], np.float32), [0, 128, 191]),
        (np.array([[-2.0, 0.0, 2.0]], np.float32), [0, 128, 255]),
        (np.array([[0.0, np.nan, np.inf, 1.0]], np.float32), [0, 0, 255, 255]),
        (np.array([[7.0, 7.0]], np.float32), [0, 0]),
        (np.array([[-100_000, 0, 100_000]], np.int32), [0, 128, 255]),
    ],
    ids=["unit range", "signed", "not finite", "constant", "long"],
)
def test_floats_and_long_integers_are_scaled_not_clipped(values, expected):
    assert read_rgb(encoded(values, "TIFF"))[0, :, 2].tolist() == expected


def test_floats_without_a_number_are_refused():
    with pytest.raises(Unreadable, match="no pixel holds a finite number"):
        read_rgb(encoded(np.full((2, 2), np.nan, np.float32), "TIFF"))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", [*range(1, 9), 42])
def test_exif_orientation_is_applied_and_passed_over_out_of_range(kind, orientation):
    options = {"lossless": True} if kind == "WEBP" else {}
    found = read_rgb(encoded(STORED, kind, exif=turned_by(orientation), **options))
    assert np.array_equal(found, UPRIGHT.get(orientation, STORED))


@settings(max_examples=60)
@given(
    height=st.integers(1, 200),
    width=st.integers(1, 200),
    wanted=st.tuples(st.integers(1, 200), st.integers(1, 200)),
    orientation=st.integers(1, 8),
)
def test_a_reduced_jpeg_is_never_smaller_than_wanted(height, width, wanted, orientation):
    content = encoded(np.zeros((height, width, 3), np.uint8), "JPEG", exif=turned_by(orientation))
    full, reduced = read_rgb(content).shape, read_rgb(content, at_least=wanted).shape
    assert all(
        got >= min(whole, least) for got, whole, least in zip(reduced[:2], full[:2], wanted, strict=True)
    )
    assert any(
        all(got == -(-whole // factor) for got, whole in zip(reduced[:2], full[:2], strict=True))
        for factor in (1, 2, 4, 8)
    )


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_reduced_jpeg_shows_the_same_picture(mode):
    picture = Image.fromarray(draw_photo(256, 384)).convert(mode)
    content = encoded(picture, "JPEG", quality=95)
    reduced = read_rgb(content, at_least=(64, 64))
    assert reduced.shape == (64, 96, 3)
    expected = np.asarray(picture.convert("RGB").reduce(4), dtype=float)
    assert np.abs(reduced - expected).mean() < 2


def test_other_formats_are_not_reduced():
    assert read_rgb(encoded(PHOTO, "PNG"), at_least=(8, 8)).shape == (40, 60, 3)


def test_a_phone_picture_with_a_second_one_behind_it_is_a_jpeg():
    first, second = Image.fromarray(PHOTO), Image.fromarray(draw_photo(seed=1))
    content = encoded(first, "MPO", save_all=True, append_images=[second], quality=95)
    assert np.abs(read_rgb(content).astype(float) - PHOTO).mean() < 4
    assert read_rgb(content, at_least=(20, 30)).shape == (20, 30, 3)


@pytest.mark.parametrize("orientation", [1, 6])
def test_pixels_take_the_place_of_what_they_were_decoded_to(orientation):
    """They are there once, and give what they were made of again."""
    content = encoded(PHOTO, "JPEG", exif=turned_by(orientation), quality=95)
    image, stored = np.array(read(content).image), np.array(read(content).stored)
    picture = read(content)
    pixels = picture.pixels
    assert np.array_equal(pixels, image)
    assert picture.stored_pixels is pixels
    assert np.array_equal(picture.stored, stored)
    assert np.array_equal(picture.image, image)
    assert picture.image.info == {}
    with pytest.raises(ValueError, match="closed"):
        picture._opened.getpixel((0, 0))


def test_pixels_in_other_colours_than_stored_leave_these_as_they_are():
    grey = Image.fromarray(PHOTO).convert("L")
    picture = read(encoded(grey, "JPEG"))
    assert picture.pixels.shape == (40, 60, 3)
    assert picture.stored_pixels.shape == (40, 60)
    profiled = read(encoded(PHOTO, "PNG", icc_profile=linear_rgb()))
    assert not np.array_equal(profiled.pixels, profiled.stored_pixels)
    assert np.array_equal(profiled.stored_pixels, PHOTO)


def test_no_metadata_goes_on_with_the_pixels():
    content = encoded(PHOTO, "JPEG", comment=b"edited by nobody", dpi=(300, 300))
    assert read(content).image.info == {}


TIFF_COMPRESSIONS = ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "zstd", "packbits")
TRUNCATED = [("JPEG", {}), ("JPEG", {"progressive": True}), ("WEBP", {"lossless": True})]
TRUNCATED += [(kind, {}) for kind in ("PNG", "BMP", "GIF", "WEBP", "AVIF", "JPEG2000")]
TRUNCATED += [("TIFF", {"compression": kind}) for kind in TIFF_COMPRESSIONS]


@pytest.mark.parametrize(("kind", "options"), TRUNCATED)
def test_a_file_cut_off_anywhere_is_refused(kind, options):
    content = encoded(PHOTO, kind, **options)
    cuts = {len(content) - missing for missing in (1, 2, 4, 9, 15, 40, 200)} | {1, 9, 30, len(content) // 2}
    if kind == "GIF":
        cuts.remove(len(content) - 1)  # a trailer that says nothing
    if kind == "PNG":
        cuts -= {len(content) - missing for missing in range(13)}  # so does IEND, of 12 bytes
    for cut in sorted(cuts):
        with pytest.raises(Unreadable):
            read_rgb(content[:cut])


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_a_tiff_whose_directory_comes_first_is_refused_when_its_data_are_cut_off(compression):
    content = directory_first(encoded(PHOTO, "TIFF", compression=compression))
    assert np.array_equal(read_rgb(content), PHOTO)
    for missing in (1, 20, 200, 2000):
        with pytest.raises(Unreadable):
            read_rgb(content[:-missing])


def directory_first(content: bytes) -> bytes:
    """Move the directory of a little-endian TIFF with one strip, and what it points to, before the data."""
    tags = Image.open(io.BytesIO(content)).tag_v2
    (start,), (size,) = tags[273], tags[279]
    entries = [(tag, 3, 1, tags[tag]) for tag in (256, 257, 259, 262, 277, 278, 317) if tag in tags]
    directory = 8 + 6  # after the header and three bit depths
    data = directory + 2 + 12 * (len(entries) + 3) + 4
    entries += [(258, 3, 3, 8), (273, 4, 1, data), (279, 4, 1, size)]
    head = b"II*\0" + directory.to_bytes(4, "little") + b"\x08\0" * 3 + len(entries).to_bytes(2, "little")
    for tag, kind, count, value in sorted(entries):
        head += struct.pack("<HHII", tag, kind, count, value)
    return head + b"\0" * 4 + content[start : start + size]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"hello", "no picture of a supported format"),
        (b"\xff\xd8\xff\xe0", "truncated or broken|truncated"),
        (b"II*\0\xff\xff", "begins as a TIFF"),
    ],
    ids=["empty", "text", "jpeg", "tiff"],
)
def test_what_is_no_picture_is_refused_with_the_reason(tmp_path, content, reason):
    path = tmp_path / "a b.jpg"
    path.write_bytes(content)
    with pytest.raises(Unreadable, match=reason) as caught:
        read_rgb(path)
    assert str(path) in str(caught.value)
    assert str(path) not in caught.value.reason


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path):
    with pytest.raises(Unreadable, match=r"gone\.png cannot be read: No such file"):
        read_rgb(tmp_path / "gone.png")
    with pytest.raises(Unreadable, match="directory"):
        read_rgb(tmp_path)


def test_a_picture_of_a_billion_pixels_is_refused_before_it_fills_the_memory():
    content = bytearray(encoded(np.zeros((1, 1, 3), np.uint8), "BMP"))
    content[18:26] = (40_000).to_bytes(4, "little") * 2
    with pytest.raises(Unreadable, match="larger than"):
        read_rgb(bytes(content))


def test_the_error_survives_the_way_between_processes():
    again = pickle.loads(pickle.dumps(Unreadable("it is empty", "a.jpg")))
    assert (str(again), again.reason) == ("a.jpg cannot be read: it is empty", "it is empty")


def test_pixels_are_those_that_converted_sets_were_made_from():
    """If this fails because reading was changed on purpose: raise READING, then update the hash."""
    values = (np.arange(40 * 60 * 4, dtype=np.uint32) * 2_654_435_761 >> 24).astype(np.uint8)
    values = values.reshape(40, 60, 4)
    deep = np.arange(2400, dtype=np.uint16).reshape(40, 60) * np.uint16(27)
    digest = hashlib.sha256(read_rgb(encoded(values, "PNG")))
    digest.update(read_rgb(encoded(values[..., 0], "PNG")))
    digest.update(read_rgb(encoded(Image.frombytes("CMYK", (60, 40), values.tobytes()), "TIFF")))
    digest.update(read_rgb(encoded(deep, "PNG")))
    digest.update(read_rgb(encoded(deep.astype(np.float32) - 5, "TIFF")))
    digest.update(read_rgb(tiff(values[..., :3].astype(np.uint16) * 257 + 128)))
    digest.update(read_rgb(tiff(values[..., :3].astype(np.float64) - 99)))
    digest.update(read_rgb(tiff(values, extrasamples=["unassalpha"])))
    digest.update(read_rgb(encoded(values[..., :3].copy(), "PNG", icc_profile=linear_rgb())))
    assert (READING, digest.hexdigest()[:16]) == (3, "f694f05ba20fcd78")


def test_real_tiffs_and_bitmaps_have_the_size_that_the_facts_say(real_pictures):
    facts = pd.read_csv(real_pictures / "facts.csv", dtype={"path": str})
    facts = facts[facts["format"].isin(["TIFF", "BMP"]) & (facts["bytes"] < 2_000_000)]
    assert len(facts) > 40
    for row in facts.itertuples():
        assert read_rgb(real_pictures / str(row.path)).shape == (row.height, row.width, 3)


@pytest.mark.parametrize("settings", [{}, {"progressive": True}, {"subsampling": "4:2:0", "quality": 60}])
@pytest.mark.parametrize("at_least", [None, (20, 20)])
def test_a_file_that_is_known_to_be_whole_has_the_same_pixels(settings, at_least):
    content = encoded(draw_photo(160, 240), "JPEG", **settings)
    known = read_rgb(content, at_least=at_least, known_whole=True)
    assert np.array_equal(read_rgb(content, at_least=at_least), known)
