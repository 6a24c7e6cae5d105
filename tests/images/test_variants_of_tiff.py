"""The matrix of TIFFs: depths, colours, alpha, planes, compressions, byte orders show what was written."""

import io
import itertools
import struct
from typing import NamedTuple

import numpy as np
import pytest
import tifffile

from pipeline.images.files import Unreadable
from pipeline.images.read import read
from tests.images.odd_files import entry_of, with_numbers, with_value
from tests.images.pictures import draw_photo, over_white, read_rgb, rgb
from tests.images.test_read import UPRIGHT

PHOTO = draw_photo(19, 37)
GREY = PHOTO[..., 1]
ALPHA = np.tile(np.linspace(0, 255, 37).astype(np.uint8), (19, 1))[..., None]
INKS = np.concatenate([255 - PHOTO, np.zeros((19, 37, 1), np.uint8)], axis=-1)


class Colours(NamedTuple):
    """Samples of 8 bits without alpha, and what they show."""

    samples: np.ndarray
    shown: np.ndarray


COLOURS = {
    "minisblack": Colours(GREY[..., None], rgb(GREY)),
    "miniswhite": Colours(255 - GREY[..., None], rgb(GREY)),
    "rgb": Colours(PHOTO, PHOTO),
    "separated": Colours(INKS, PHOTO),
}
DEPTHS = {
    "uint8": lambda samples: samples,
    "uint16": lambda samples: samples.astype(np.uint16) * np.uint16(257),
    "float16": lambda samples: (samples / 255).astype(np.float16),
    "float32": lambda samples: (samples / 255).astype(np.float32),
}
WITHOUT_LOSS = {
    "none": {},
    "lzw": {"compression": "lzw"},
    "lzw, predicted": {"compression": "lzw", "predictor": True},
    "deflate": {"compression": "adobe_deflate"},
    "packbits": {"compression": "packbits"},
    "zstd": {"compression": "zstd"},
    "jpegxl": {"compression": "jpegxl", "compressionargs": {"lossless": True}},
    "png": {"compression": "png"},
    "webp": {"compression": "webp", "compressionargs": {"lossless": True}},
}
EXTRA = ([], ["unassalpha"], ["assocalpha"], ["unspecified"], ["unassalpha", "unspecified"])
LAYOUTS = ({}, {"tile": (16, 16)}, {"rowsperstrip": 5, "byteorder": ">"})


def stored(colours: Colours, extra: list[str], scale) -> np.ndarray:
    """(height, width, samples), multiplied with its alpha where that is said."""
    samples = [scale(colours.samples)]
    if extra[:1] == ["assocalpha"]:
        samples = [scale(np.rint(colours.samples * (ALPHA / 255.0)).astype(np.uint8))]
    return np.concatenate(samples + [scale(ALPHA)] * len(extra), axis=-1)


def written(samples: np.ndarray, planar: str, **options) -> bytes | None:
    """None where no program can write it so."""
    buffer = io.BytesIO()
    if samples.shape[-1] == 1:
        pixels = samples[..., 0]
    else:
        pixels = np.moveaxis(samples, -1, 0) if planar == "separate" else samples
        options["planarconfig"] = planar
    try:
        tifffile.imwrite(buffer, pixels, metadata=None, **options)
    except (ValueError, RuntimeError, KeyError, TypeError):
        return None
    return buffer.getvalue()


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("photometric", COLOURS)
def test_every_variant_shows_what_was_written(photometric, depth):
    colours, n_read = COLOURS[photometric], 0
    planes = ["contig", "separate"]
    for compression, extra, planar, layout in itertools.product(WITHOUT_LOSS, EXTRA, planes, LAYOUTS):
        samples = stored(colours, extra, DEPTHS[depth])
        if planar == "separate" and samples.shape[-1] == 1:
            continue
        options = {**WITHOUT_LOSS[compression], **layout, "photometric": photometric}
        content = written(samples, planar, **options, **({"extrasamples": extra} if extra else {}))
        if content is None:
            continue
        has_alpha = extra[:1] in (["unassalpha"], ["assocalpha"])
        shown = over_white(colours.shown, ALPHA) if has_alpha else colours.shown
        difference = np.abs(read_rgb(content) - shown.astype(float)).max()
        assert difference <= 2 * has_alpha, (compression, extra, planar, layout)
        n_read += 1
    assert n_read > 100


@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "uint32", "float64"])
def test_what_has_no_agreed_white_is_scaled_by_its_range(kind):
    for photometric, planar in itertools.product(COLOURS, ["contig", "separate"]):
        colours = COLOURS[photometric]
        samples = ((colours.samples.astype(np.int64) - (kind[0] != "u") * 128) * 1).astype(kind)
        content = written(samples, planar, photometric=photometric, compression="lzw")
        low, high = colours.samples.min(), colours.samples.max()
        wide = np.rint((colours.samples.astype(float) - low) * 255 / (high - low))
        shown = wide if photometric in {"minisblack", "rgb"} else 255 - wide
        shown = np.repeat(shown, 3, axis=-1) if shown.shape[-1] == 1 else shown[..., :3]
        assert np.abs(read_rgb(content) - shown).max() <= 1, (photometric, planar)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite", "palette"])
def test_samples_of_few_bits(bits, photometric):
    levels = (GREY.astype(int) >> (8 - bits)).astype(np.uint8)
    options = {}
    shown = np.rint(levels * (255 / ((1 << bits) - 1)))
    shown = np.repeat((255 - shown if photometric == "miniswhite" else shown)[..., None], 3, axis=-1)
    if photometric == "palette":
        colormap = np.random.default_rng(bits).integers(0, 256, (3, 1 << bits)).astype(np.uint16)
        values = (colormap * np.uint16(257)).ravel().tolist()
        options["extratags"], shown = [(320, 3, len(values), values, True)], colormap.T[levels]
    rows = np.unpackbits(levels[..., None], axis=-1)[..., 8 - bits :].reshape(len(levels), -1)
    data, packed = np.packbits(rows, axis=-1).tobytes(), io.BytesIO()
    options |= {"photometric": "minisblack", "bitspersample": bits, "metadata": None, "rowsperstrip": 19}
    tifffile.imwrite(packed, iter([data]), shape=levels.shape, dtype=np.uint8, **options)
    number = {"minisblack": 1, "miniswhite": 0, "palette": 3}[photometric]
    content = with_value(packed.getvalue(), 262, number)
    assert np.array_equal(read_rgb(content), shown)


def test_a_palette_with_alpha_lies_over_white():
    colormap = np.random.default_rng(3).integers(0, 256, (3, 256)).astype(np.uint16)
    values = (colormap * np.uint16(257)).ravel().tolist()
    samples = np.concatenate([GREY[..., None], ALPHA], axis=-1)
    options = {"photometric": "minisblack", "extrasamples": ["unassalpha"], "compression": "lzw"}
    content = written(samples, "contig", **options, extratags=[(320, 3, len(values), values, True)])
    found = read_rgb(with_value(content, 262, 3))
    assert np.abs(found - over_white(colormap.T[GREY], ALPHA)).max() <= 1


@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_a_fourth_sample_that_is_not_called_alpha_is_none(kind):
    samples = stored(COLOURS["rgb"], ["unspecified"], DEPTHS[kind])
    content = written(samples, "contig", photometric="rgb", extrasamples=["unspecified"])
    assert np.array_equal(read_rgb(content), PHOTO)
    assert np.array_equal(read_rgb(without(content, 338)), PHOTO)


def without(content: bytes, tag: int) -> bytes:
    """Give an entry of a little-endian TIFF a private number that nobody knows."""
    return with_numbers(content, entry_of(content, tag), "<H", 250)


def test_a_page_that_does_not_say_its_colours_is_what_libtiff_takes_it_for():
    assert np.array_equal(read_rgb(without(written(PHOTO, "contig", photometric="rgb"), 262)), PHOTO)
    grey = written(GREY[..., None], "contig", photometric="minisblack")
    assert np.array_equal(read_rgb(without(grey, 262)), rgb(GREY))
    inks = written(INKS, "contig", photometric="separated")
    with pytest.raises(Unreadable, match="does not say what its 4 samples are"):
        read_rgb(without(inks, 262))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("kind", "code"), [(1, "B"), (3, "H"), (4, "I"), (6, "b"), (8, "h"), (9, "i")])
def test_an_orientation_of_any_type_is_obeyed(orientation, kind, code):
    pixels = UPRIGHT[1]
    content = written(pixels, "contig", photometric="rgb", extratags=[(274, 3, 1, 1, True)])
    entry = entry_of(content, 274)
    content = with_numbers(content, entry + 2, "<HI4s", kind, 1, struct.pack("<" + code, orientation))
    assert read(content).orientation == orientation
    assert np.array_equal(read_rgb(content), UPRIGHT[orientation])


def test_what_xmp_says_of_a_tiff_does_not_turn_it():
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    content = written(PHOTO, "contig", photometric="rgb", extratags=[(700, 1, len(xmp), xmp, True)])
    assert read(content).orientation == 1
    assert np.array_equal(read_rgb(content), PHOTO)


@pytest.mark.parametrize(
    ("kind", "nodata"),
    [("int16", -32768), ("int32", -9999), ("float32", -9999.0), ("float32", -3.4028234663852886e38)],
)
def test_where_no_value_is_known_the_range_is_that_of_the_others(kind, nodata):
    samples = GREY.astype(kind) * 4
    samples[:3] = nodata
    content = written(samples[..., None], "contig", photometric="minisblack",
                      extratags=[(42113, 2, None, str(nodata), True)])  # fmt: skip
    found, values = read_rgb(content)[..., 0], GREY[3:].astype(float)
    assert (found[:3] == 0).all()
    wanted = np.rint((values - values.min()) * 255 / (values.max() - values.min()))
    assert np.abs(found[3:] - wanted).max() <= 1


def test_an_alpha_that_hides_everything_is_passed_over():
    for planar in ("contig", "separate"):
        hidden = np.concatenate([PHOTO, 0 * ALPHA], axis=-1)
        content = written(hidden, planar, photometric="rgb", extrasamples=["unassalpha"])
        assert np.array_equal(read_rgb(content), PHOTO)


def test_a_nodata_that_is_no_number_is_passed_over():
    content = written(GREY[..., None].astype(np.int16), "contig", photometric="minisblack",
                      extratags=[(42113, 2, None, "none", True)])  # fmt: skip
    assert read_rgb(with_value(content, 257, 19)).shape == PHOTO.shape
