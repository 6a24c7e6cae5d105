"""Masks lie over their pictures, whatever way either is stored."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.images.files import Limits, Unreadable
from pipeline.images.mask import align_mask, encode_mask, find_marked, is_background, read_mask
from pipeline.images.read import read
from tests.images.pictures import encoded, read_rgb, turned_by

MARKED = np.zeros((8, 12), bool)
MARKED[1:4, 2:9] = True
MARKED[6, 0] = True


def align(content: bytes, stored: tuple[int, int], orientation: int = 1, page: int = 0) -> np.ndarray:
    """Lay a mask over a picture of `stored` (width, height) and of an orientation."""
    picture = encoded(Image.new("L", stored), "PNG", exif=turned_by(orientation))
    return align_mask(read(content, page=page), read(picture)).pixels


def grey(marked: np.ndarray, white: int = 255, dtype: type = np.uint8) -> Image.Image:
    return Image.fromarray(marked.astype(dtype) * dtype(white))


def test_a_mask_written_is_a_mask_read(tmp_path):
    path = tmp_path / "m.png"
    path.write_bytes(encode_mask(MARKED))
    assert np.array_equal(read_mask(path), MARKED)
    with Image.open(path) as stored:
        assert stored.mode == "L"
        assert np.unique(np.asarray(stored)).tolist() == [0, 255]


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "P", "I;16", "0 and 1"])
def test_every_mode_is_read(mode):
    unusual = {"I;16": (65_535, np.uint16), "0 and 1": (1, np.uint8)}
    stored = grey(MARKED, *unusual[mode]) if mode in unusual else grey(MARKED).convert(mode)
    assert np.array_equal(found(stored)[0], MARKED)


# What a mask marks: rectangles of a picture of 48 x 64, a seventh of it.
AREA = np.zeros((48, 64), bool)
AREA[9:28, 16:40] = True
INNER = np.zeros_like(AREA)
INNER[12:25, 19:37] = True
LEFT = AREA & (np.arange(64) < 28)
THIN = np.eye(48, 64, dtype=bool) & (np.arange(64) > 3)
GREEN, BRIGHT_GREEN, RED, BRIGHT_RED = (0, 200, 0), (0, 255, 0), (200, 0, 0), (255, 0, 0)


def painted(background, *areas):
    """Colours, or grey levels, one over the other."""
    values = np.empty((*AREA.shape, *np.shape(background)), np.uint8)
    values[:] = background
    for where, colour in areas:
        values[where] = colour
    return Image.fromarray(values)


def with_palette(labels, *colours):
    image = Image.fromarray(labels.astype(np.uint8), "P")
    image.putpalette([channel for colour in colours for channel in colour])
    return image


def found(image: Image.Image, kind: str = "PNG", background=(), **options) -> tuple[np.ndarray, str]:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return find_marked(read(buffer.getvalue()), background)


OPAQUE = AREA.astype(np.uint8) * 255
ROUND = ~AREA.astype(bool) & (np.add.outer(np.arange(-24, 24) ** 2, np.arange(-32, 32) ** 2) < 200)
WAYS = {
    "white on black": (painted(0, (AREA, 255)), "black"),
    "grey 127": (painted(0, (AREA, 127)), "black"),
    "labels 0 and 1": (painted(0, (AREA, 1)), "black"),
    "labels 0, 1 and 2": (painted(0, (AREA, 1), (LEFT, 2)), "black"),
    "labels and a level for unknown": (painted(0, (AREA, 1), (LEFT, 255)), "black"),
    "three levels of grey": (painted(0, (AREA, 255), (LEFT, 85)), "black"),
    "labels 1 and 2": (painted(1, (AREA, 2)), "level 1"),
    "grey on white": (painted(255, (AREA, 100)), "white"),
    "red": (painted((0, 0, 0), (AREA, (255, 0, 0))), "black"),
    "blue": (painted((0, 0, 0), (AREA, (0, 0, 255))), "black"),
    "maroon and navy": (painted((0, 0, 0), (AREA, (128, 0, 0)), (LEFT, (0, 0, 128))), "black"),
    "yellow and red": (painted((0, 0, 0), (AREA, (255, 255, 0)), (LEFT, (255, 0, 0))), "black"),
    "black on white drawn in blue": (painted((0, 0, 255), (AREA, (255, 255, 255))), "#0000ff"),
    "Columbia": (painted(RED, (AREA, BRIGHT_GREEN), (INNER, GREEN)), "#c80000"),
    "palette": (with_palette(AREA, (0, 0, 0), (128, 0, 0)), "black"),
    "palette without colours": (with_palette(AREA, *[(0, 0, 0)] * 256), "black"),
    "white on transparent": (
        Image.merge("RGBA", [*painted((255, 255, 255)).split(), Image.fromarray(OPAQUE)]), "transparent",
    ),
    "black on transparent": (
        Image.merge("RGBA", [*painted((0, 0, 0)).split(), Image.fromarray(OPAQUE)]), "transparent",
    ),
    "white on black, all opaque": (painted((0, 0, 0), (AREA, (255, 255, 255))).convert("RGBA"), "black"),
    "16 bits, labels": (Image.fromarray(AREA.astype(np.uint16) * 2), "black"),
    "16 bits, half": (Image.fromarray(AREA.astype(np.uint16) * 30_000), "black"),
    "1 bit": (Image.fromarray(AREA), "black"),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_what_is_not_background_is_marked(way):
    image, background = WAYS[way]
    marking = found(image)
    assert np.array_equal(marking.pixels, AREA)
    assert marking.background == background


def test_red_on_a_green_ground_is_marked_and_a_frame_hides_no_inversion():
    assert np.array_equal(found(painted(GREEN, (AREA, RED))).pixels, AREA)
    for width in (1, 2):
        inverted = np.where(AREA, 0, 255).astype(np.uint8)
        inverted = np.pad(inverted[width:-width, width:-width], width)
        with pytest.raises(Unreadable, match="changed places"):
            found(Image.fromarray(inverted))


def test_a_colour_that_the_noise_of_a_jpeg_hides_is_refused():
    image = painted((0, 0, 0), (AREA, (16, 0, 0)))
    with pytest.raises(Unreadable, match="noise of a JPEG hides"):
        found(image, "JPEG", quality=75)
    assert np.array_equal(found(image).pixels, AREA)


def test_the_edges_that_columbia_draws_on_both_sides_belong_to_their_sides():
    around = np.zeros_like(AREA)
    around[6:31, 13:43] = True
    image = painted(RED, (around, BRIGHT_RED), (AREA, BRIGHT_GREEN), (INNER, GREEN))
    assert np.array_equal(found(image).pixels, AREA)
    large = Image.fromarray(np.asarray(image).repeat(8, 0).repeat(8, 1))
    marked = found(large, "JPEG", quality=85).pixels
    assert (marked != AREA.repeat(8, 0).repeat(8, 1)).mean() < 0.005


@pytest.mark.parametrize("shape", [AREA, ROUND, THIN], ids=["area", "disc", "line"])
@pytest.mark.parametrize("level", [90, 127, 255])
@pytest.mark.parametrize(
    "kind", [("JPEG", {"quality": 70}), ("JPEG", {"quality": 95}), ("WEBP", {})], ids=str
)
def test_the_noise_of_a_lossy_mask_is_told_from_it(shape, level, kind):
    marked = np.kron(shape, np.ones((8, 8), bool))
    read_back = found(Image.fromarray(marked.astype(np.uint8) * np.uint8(level)), kind[0], **kind[1]).pixels
    assert (read_back != marked).mean() < 0.005


def test_a_soft_edge_is_cut_in_its_middle():
    levels = np.clip(np.arange(-100, 400, 3), 0, 255).astype(np.uint8)[None].repeat(40, 0)
    assert np.array_equal(found(Image.fromarray(levels)).pixels, levels > 127)
    smooth = grey(AREA).resize((256, 192), Image.Resampling.BICUBIC)
    assert np.array_equal(found(smooth).pixels, np.asarray(smooth) > 127)


@given(
    st.tuples(*[st.integers(0, 255)] * 3).filter(any), st.integers(0, 36), st.integers(0, 52), st.integers()
)
def test_any_colour_on_black_marks(colour, top, left, size):
    marked = np.zeros_like(AREA)
    marked[top : top + 1 + size % 12, left : left + 1 + size // 12 % 12] = True
    assert np.array_equal(found(painted((0, 0, 0), (marked, colour))).pixels, marked)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (painted(0), "all of it is black, so it marks nothing, or everything"),
        (painted(255), "all of it is white"),
        (painted(255, (AREA, 0)), r"white \(85.2%\), black \(14.8%\).* changed places"),
        (
            painted((0, 128, 255), (np.arange(64) + AREA < 32, (255, 0, 255))),
            "the colours #0080ff .*, #ff00ff .* neither is one of them black nor does one make its border",
        ),
    ],
    ids=["black", "white", "inverted", "two halves"],
)
def test_a_mask_that_no_rule_fits_is_refused_with_its_colours(image, words):
    with pytest.raises(Unreadable, match=f"{words}.*mask_background"):
        found(image)


def test_a_photograph_is_no_mask():
    noise = np.random.default_rng(1).normal(0, 12, (96, 128, 3))
    light = 120 + 80 * np.sin(np.arange(128) / 20)[None, :, None] * np.cos(np.arange(96) / 30)[:, None, None]
    with pytest.raises(Unreadable, match="photograph and no mask"):
        found(Image.fromarray((light + noise).clip(0, 255).astype(np.uint8)))


@pytest.mark.parametrize(
    ("image", "background", "marked"),
    [
        (painted(255, (AREA, 0)), ["white"], AREA),
        (painted(0, (AREA, 1), (LEFT, 2)), ["0", "2"], AREA & ~LEFT),
        (painted(255), ["black"], AREA | True),
        (painted((0, 0, 0), (AREA, GREEN), (LEFT, RED)), ["black", "#c80000"], AREA & ~LEFT),
        (with_palette(AREA, (70, 80, 90), (70, 80, 91)), ["1"], ~AREA),
        (Image.merge("LA", [painted(9), Image.fromarray(OPAQUE)]), ["opaque"], ~AREA),
        (Image.fromarray(AREA.astype(np.uint16) * 65_535), ["white"], ~AREA),
    ],
    ids=["white", "labels", "whole", "colours", "number of a palette", "hole", "deep"],
)
def test_the_collection_says_what_is_background(image, background, marked):
    assert np.array_equal(found(image, background=background).pixels, marked)


def test_what_is_called_background_has_to_be_there_and_to_leave_something():
    with pytest.raises(Unreadable, match="no transparent pixels"):
        found(painted(0, (AREA, 255)), background=["transparent"])
    with pytest.raises(Unreadable, match="marks nothing: black"):
        found(painted(0), background=["black"])
    assert is_background("#c80000")
    assert is_background("255")
    assert not is_background("blak")


def test_a_broken_mask_is_refused_by_name(tmp_path):
    (tmp_path / "m.png").write_bytes(b"no")
    with pytest.raises(Unreadable, match=r"m\.png"):
        read_mask(tmp_path / "m.png")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_mask_of_the_stored_pixels_turns_with_them(orientation):
    upright = read_rgb(encoded(grey(MARKED), "PNG", exif=turned_by(orientation)))[..., 0] > 0
    assert np.array_equal(align(encode_mask(MARKED), (12, 8), orientation), upright)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_mask_of_the_upright_picture_is_left_as_it_is(orientation):
    assert np.array_equal(align(encode_mask(MARKED), (8, 12), orientation), MARKED)


def test_a_mask_with_an_orientation_of_its_own_is_turned_once():
    content = encoded(grey(MARKED), "PNG", exif=turned_by(6))
    assert np.array_equal(align(content, (12, 8), 6), np.rot90(MARKED, -1))


def test_a_mask_of_another_resolution_is_resized():
    assert np.array_equal(align(encode_mask(MARKED), (24, 16)), np.kron(MARKED, np.ones((2, 2), bool)))


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(Unreadable, match="12x8, its picture 300x100"):
        align(encode_mask(MARKED), (300, 100), 1)


def in_pages(*masks: np.ndarray) -> bytes:
    first, *others = map(grey, masks)
    return encoded(first, "TIFF", save_all=True, append_images=others)


def test_each_page_of_a_picture_has_the_same_page_of_its_mask():
    content = in_pages(MARKED, MARKED[::-1])
    assert np.array_equal(align(content, (12, 8), 1), MARKED)
    assert np.array_equal(align(content, (12, 8), page=1), MARKED[::-1])


@pytest.mark.parametrize("content", [encode_mask(MARKED), in_pages(MARKED)], ids=["png", "tiff"])
def test_a_mask_of_one_page_is_not_that_of_the_second(content):
    with pytest.raises(Unreadable, match="page 2 was asked for"):
        align(content, (12, 8), page=1)


def test_a_mask_larger_than_the_limits_is_refused():
    with pytest.raises(Unreadable, match="larger than the limit"):
        read(encode_mask(MARKED), limits=Limits(megapixels=5e-5, gib=1))


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.int32])
@pytest.mark.parametrize("white", [1, 255])
def test_deep_masks_of_few_values_are_read(dtype, white):
    content = encoded(grey(MARKED, white, dtype), "TIFF")
    assert np.array_equal(align(content, (12, 8)), MARKED)
