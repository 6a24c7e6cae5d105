"""The matrix of PNG, JPEG 2000, BMP and GIF: each kind of file shows what was written into it."""

import itertools
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from pipeline.images.files import Limits, Unreadable
from pipeline.images.read import read
from tests.images.odd_files import chunk
from tests.images.pictures import draw_photo, encoded, linear_rgb, over_white, read_rgb, rgb
from tests.images.test_colour import gamma

HEIGHT, WIDTH = 19, 37
PHOTO = draw_photo(HEIGHT, WIDTH)
GREY = PHOTO[..., 1].copy()
ALPHA = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))[..., None]
PALETTE = np.random.default_rng(0).integers(0, 256, (256, 3), np.uint8)


def in_bits(samples, bits):
    """8 bits to others, 0 to 0 and white to white."""
    return np.rint(samples.astype(float) * ((1 << bits) - 1) / 255).astype(np.uint16)


def shown(samples, bits):
    return np.rint(samples * (255 / ((1 << bits) - 1)))


def furthest(content, wanted):
    found = read_rgb(content)
    assert found.shape == wanted.shape
    return np.abs(found.astype(float) - wanted).max()


# PNG

PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def png(samples, bits, kind, interlaced=False, **chunks):
    """Write (height, width, channels) by hand; `chunks` stand before the pixels."""
    passes = PASSES if interlaced else ((0, 0, 1, 1),)
    data = b""
    for left, top, across, down in passes:
        for row in samples[top::down, left::across]:
            if bits == 16:
                packed = row.astype(">u2").tobytes()
            else:
                packed = np.packbits(np.unpackbits(row.astype(np.uint8)[..., None], axis=-1)[..., 8 - bits :])
            data += b"\0" + bytes(packed) if row.size else b""
    height, width = samples.shape[:2]
    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, interlaced)
    pieces = [chunk(b"IHDR", head), *(chunk(name.encode(), content) for name, content in chunks.items())]
    pieces += [chunk(b"IDAT", zlib.compress(data)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(pieces)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_grey_png_with_a_transparent_level(bits, interlaced):
    samples = in_bits(GREY, bits)[..., None]
    for level in (None, 0, (1 << bits) - 1, int(samples[9, 9, 0])):
        wanted = shown(samples, bits)
        chunks = {}
        if level is not None:
            chunks["tRNS"], wanted = struct.pack(">H", level), np.where(samples == level, 255, wanted)
        content = png(samples, bits, 0, interlaced, **chunks)
        if level is None or (samples != level).any():
            assert furthest(content, np.repeat(wanted, 3, axis=-1)) == 0, level


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
def test_colour_png_with_a_transparent_colour(bits, interlaced):
    samples = in_bits(PHOTO, bits)
    if bits == 16:  # colours that differ in their lower bits alone
        samples[5, :9] = samples[5, 9]
        samples[5, :8, 2] ^= 1
    for colour in (None, samples[5, 9]):
        wanted, chunks = shown(samples, bits), {}
        if colour is not None:
            chunks["tRNS"] = struct.pack(">3H", *colour.tolist())
            wanted[(samples == colour).all(axis=-1)] = 255
        assert furthest(png(samples, bits, 2, interlaced, **chunks), wanted) == 0


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(("kind", "colours"), [(4, GREY[..., None]), (6, PHOTO)], ids=["grey", "rgb"])
def test_png_with_alpha(kind, colours, bits):
    samples = in_bits(np.concatenate([colours, ALPHA], axis=-1), bits)
    wanted = over_white(colours, ALPHA) * np.ones(3)
    assert furthest(png(samples, bits, kind), wanted) <= 1
    samples[..., -1] = 0
    assert furthest(png(samples, bits, kind), colours * np.ones(3)) == 0


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_png_with_a_palette_some_of_it_transparent(bits):
    n_colours = 1 << bits
    indices = (GREY.astype(int) >> (8 - bits)).astype(np.uint8)
    for n_alpha in {0, 1, n_colours // 2, n_colours}:
        alpha = np.full(n_colours, 255)
        alpha[:n_alpha] = np.linspace(9, 200, n_alpha)
        chunks = {"PLTE": PALETTE[:n_colours].tobytes()}
        chunks |= {"tRNS": alpha[:n_alpha].astype(np.uint8).tobytes()} if n_alpha else {}
        wanted = over_white(PALETTE[indices], alpha[indices][..., None])
        assert furthest(png(indices[..., None], bits, 3, **chunks), wanted) <= 1


# JPEG 2000

SRGB, LUMINANCE, SYCC, CMYK = 16, 17, 18, 12


def box(name, data):
    return struct.pack(">I", 8 + len(data)) + name + data


def by_number(number):
    return b"\1\0\0" + struct.pack(">I", number)


def code_stream(samples, bits=8, **options):
    options = {"reversible": True, "level": 0, "mct": False, **options}
    pixels = np.ascontiguousarray(samples)
    return imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", bitspersample=bits, **options)


def jp2(stream, channels, bits, colours, *more):
    """Put the boxes of a file around a code stream; `colours` is its colour box."""
    head = struct.pack(">IIHBBBB", HEIGHT, WIDTH, channels, bits - 1, 7, 0, 0)
    inner = box(b"ihdr", head) + box(b"colr", colours) + b"".join(more)
    kind = box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 " + bytes(4) + b"jp2 ")
    return kind + box(b"jp2h", inner) + box(b"jp2c", stream)


def channel_kinds(*channels):
    """The box of (number, type, colour) of each channel."""
    return box(b"cdef", struct.pack(">H", len(channels)) + b"".join(struct.pack(">3H", *c) for c in channels))


@pytest.mark.parametrize("bits", range(1, 17))
def test_jpeg_2000_of_any_depth(bits):
    kind = np.uint8 if bits <= 8 else np.uint16
    for colours, channels, number in ((PHOTO, 3, SRGB), (GREY, 1, LUMINANCE)):
        samples = in_bits(colours, bits)
        wanted = shown(samples, bits) if channels == 3 else rgb(shown(samples, bits))
        stream = code_stream(samples.astype(kind), bits)
        assert furthest(stream, wanted) == 0
        assert furthest(jp2(stream, channels, bits, by_number(number)), wanted) == 0
    white = np.full((HEIGHT, WIDTH, 3), (1 << bits) - 1, kind)
    assert (read_rgb(code_stream(white, bits)) == 255).all()


def test_signed_jpeg_2000_lies_around_the_middle():
    for kind, bits in ((np.int8, 8), (np.int16, 16)):
        samples = (in_bits(GREY, bits).astype(int) - (1 << bits - 1)).astype(kind)
        assert furthest(code_stream(samples, bits), rgb(GREY)) == 0


def test_jpeg_2000_with_other_colours():
    inks = np.concatenate([255 - PHOTO, 0 * ALPHA], axis=-1)
    assert furthest(jp2(code_stream(inks), 4, 8, by_number(CMYK)), PHOTO) == 0
    profile = b"\2\0\0" + linear_rgb()
    assert furthest(jp2(code_stream(PHOTO), 3, 8, profile), gamma(PHOTO)) <= 2
    deep = code_stream(in_bits(PHOTO, 12), 12)
    assert furthest(jp2(deep, 3, 12, profile), gamma(PHOTO)) <= 2


@pytest.mark.parametrize("bits", [4, 8])
def test_jpeg_2000_with_a_palette(bits):
    indices = (GREY >> (8 - bits)).astype(np.uint8)
    entries = PALETTE[: 1 << bits]
    palette = box(b"pclr", struct.pack(">HB", len(entries), 3) + b"\7\7\7" + entries.tobytes())
    links = box(b"cmap", b"".join(struct.pack(">HBB", 0, 1, colour) for colour in range(3)))
    content = jp2(code_stream(indices, bits), 1, bits, by_number(SRGB), palette, links)
    assert furthest(content, entries[indices]) == 0


def test_jpeg_2000_says_which_channel_is_which():
    rgba, one, two, three = np.concatenate([PHOTO, ALPHA], axis=-1), (0, 0, 1), (1, 0, 2), (2, 0, 3)
    with_alpha = jp2(code_stream(rgba), 4, 8, by_number(SRGB), channel_kinds(one, two, three, (3, 1, 0)))
    assert furthest(with_alpha, over_white(PHOTO, ALPHA)) <= 1
    alpha_first = channel_kinds((0, 1, 0), (1, 0, 1), (2, 0, 2), (3, 0, 3))
    argb = code_stream(np.concatenate([ALPHA, PHOTO], axis=-1))
    assert furthest(jp2(argb, 4, 8, by_number(SRGB), alpha_first), over_white(PHOTO, ALPHA)) <= 1
    multiplied = np.concatenate([np.rint(PHOTO * (ALPHA / 255.0)), ALPHA], axis=-1).astype(np.uint8)
    kinds = channel_kinds(one, two, three, (3, 2, 0))
    assert furthest(jp2(code_stream(multiplied), 4, 8, by_number(SRGB), kinds), over_white(PHOTO, ALPHA)) <= 1
    assert furthest(jp2(code_stream(rgba), 4, 8, by_number(SRGB)), PHOTO) == 0  # a channel that nobody knows
    backwards = channel_kinds((0, 0, 3), (1, 0, 2), (2, 0, 1))
    assert furthest(jp2(code_stream(PHOTO[..., ::-1]), 3, 8, by_number(SRGB), backwards), PHOTO) == 0
    grey = code_stream(np.concatenate([GREY[..., None], ALPHA], axis=-1))
    kinds = channel_kinds(one, (1, 1, 0))
    assert furthest(jp2(grey, 2, 8, by_number(LUMINANCE), kinds), over_white(rgb(GREY), ALPHA)) <= 1


def subsampled(planes, factors, bits):
    """Put code streams of one colour each together, in one tile of one resolution (annexes A and B)."""
    parts = []
    for plane in planes:
        stream, place = code_stream(plane, bits, resolutions=1), 2
        segments = {}
        while (marker := stream[place : place + 2]) != b"\xff\x90":
            end = place + 2 + int.from_bytes(stream[place + 2 : place + 4], "big")
            segments[marker], place = stream[place:end], end
        parts.append((segments, stream[place + 14 : -2]))
    first = parts[0][0]
    size = first[b"\xff\x51"][4:38] + struct.pack(">H", len(planes))
    size += b"".join(bytes([bits - 1, across, down]) for across, down in factors)
    data = b"".join(part for _, part in parts)
    start = b"\xff\x90" + struct.pack(">HHIBB", 10, 0, 14 + len(data), 0, 1) + b"\xff\x93"
    head = b"\xff\x4f\xff\x51" + struct.pack(">H", len(size) + 2) + size
    return head + first[b"\xff\x52"] + first[b"\xff\x5c"] + start + data + b"\xff\xd9"


@pytest.mark.parametrize(("bits", "across", "down"), [(8, 1, 1), (8, 2, 1), (8, 2, 2), (12, 1, 1)])
def test_jpeg_2000_in_ycc_with_odd_sides(bits, across, down):
    ycc = np.asarray(Image.fromarray(PHOTO).convert("YCbCr"))
    planes = [ycc[..., 0], ycc[::down, ::across, 1], ycc[::down, ::across, 2]]
    deep = [(plane.astype(np.uint16) << (bits - 8)).astype("u1" if bits == 8 else "u2") for plane in planes]
    stream = subsampled(deep, [(1, 1), (across, down), (across, down)], bits)
    spread = [np.repeat(np.repeat(plane, down, axis=0), across, axis=1) for plane in planes[1:]]
    whole = np.dstack([planes[0], *(plane[:HEIGHT, :WIDTH] for plane in spread)])
    wanted = np.asarray(Image.fromarray(whole, "YCbCr").convert("RGB")).astype(float)
    assert furthest(jp2(stream, 3, bits, by_number(SYCC)), wanted) <= 2


def test_jpeg_2000_is_held_against_the_limits_of_what_its_decoder_takes():
    content = code_stream(PHOTO)
    with pytest.raises(Unreadable, match="GiB decoded"):
        read_rgb(content, limits=Limits(megapixels=1, gib=PHOTO.size * 3.9 / 2**30))


# BMP in runs


def bmp(data, bits, width=WIDTH):
    palette = np.pad(PALETTE[: 1 << bits, ::-1], ((0, 0), (0, 1))).tobytes()
    head = struct.pack("<IiiHHIIiiII", 40, width, HEIGHT, 1, bits, {8: 1, 4: 2}[bits], len(data), 0, 0, 0, 0)
    start = 14 + len(head) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + head + palette + data


def as_runs(row, bits):
    runs = b""
    for value, same in itertools.groupby(row.tolist()):
        runs += bytes([len(list(same)), value if bits == 8 else value << 4 | value])
    return runs


def as_listed(row, bits):
    """All pixels of a row in absolute mode, filled up to whole bytes as most programs do it."""
    filled = row if bits == 8 else np.pad(row, (0, len(row) % 2))
    data = filled.tobytes() if bits == 8 else (filled[::2] << 4 | filled[1::2]).tobytes()
    return bytes([0, len(filled)]) + data + b"\0" * (len(data) % 2)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("width", [36, 37])
@pytest.mark.parametrize("coded", [as_runs, as_listed])
def test_bmp_in_runs(coded, width, bits):
    indices = GREY[:, :width] >> (8 - bits)
    rows = [coded(row, bits) for row in indices[::-1]]
    for end in (b"\0\1", b"\0\0\0\1"):
        assert furthest(bmp(b"\0\0".join(rows) + end, bits, width), PALETTE[indices]) == 0
    assert read(bmp(b"\0\0".join(rows) + b"\0\1", bits, width)).stored.mode == "P"
    with pytest.raises(Unreadable):
        read_rgb(bmp(b"\0\0".join(rows), bits, width)[: -len(rows[-1])])


def test_bmp_in_runs_that_leaves_pixels_out():
    indices = GREY >> 4
    rows = [as_runs(row[:20], 4) for row in indices[::-1]]
    shorter = np.where(np.arange(WIDTH) < 20, indices, 0)
    assert furthest(bmp(b"\0\0".join(rows) + b"\0\1", 4), PALETTE[shorter]) == 0
    rows = [as_runs(row, 4) for row in indices[::-1]]
    rows[4:5] = [b"\0\2\0\1"]  # one row up; no end of a row follows it
    data = b"\0\0".join(rows[:5]) + b"\0\0".join(rows[5:]) + b"\0\1"
    without = indices.copy()
    without[-5] = 0
    assert furthest(bmp(data, 4), PALETTE[without]) == 0


@pytest.mark.parametrize("upwards", [True, False])
@pytest.mark.parametrize(
    ("bits", "masks"),
    [
        (16, (0xF800, 0x7E0, 0x1F)),
        (16, (0xF00, 0xF0, 0xF, 0xF000)),
        (32, (0xFF, 0xFF00, 0xFF0000)),
        (32, (0x3FF00000, 0xFFC00, 0x3FF)),
        (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    ],
    ids=["565", "4444", "bgr", "10 bits", "with alpha"],
)
def test_bmp_whose_masks_say_where_colours_lie(bits, masks, upwards):
    words, parts = np.zeros((HEIGHT, WIDTH), np.int64), []
    for mask, channel in zip(masks, (*np.moveaxis(PHOTO, -1, 0), ALPHA[..., 0]), strict=False):
        values = in_bits(channel, mask.bit_count()).astype(np.int64)
        words |= values << ((mask & -mask).bit_length() - 1)
        parts.append(shown(values, mask.bit_count()))
    rows = np.pad(words.astype(f"<u{bits // 8}"), ((0, 0), (0, WIDTH % 2)))[:: -1 if upwards else 1].tobytes()
    if bits == 32:
        rows = words.astype("<u4")[:: -1 if upwards else 1].tobytes()
    height = HEIGHT if upwards else -HEIGHT
    head = struct.pack("<IiiHHIIiiII4I", 56, WIDTH, height, 1, bits, 3, 0, 0, 0, 0, 0, *(*masks, 0)[:4])
    content = b"BM" + struct.pack("<IHHI", 70 + len(rows), 0, 0, 70) + head + rows
    wanted = np.dstack(parts[:3])
    wanted = over_white(wanted, parts[3][..., None]) if len(parts) > 3 else wanted
    assert furthest(content, wanted) <= 1
    with pytest.raises(Unreadable, match="truncated"):
        read_rgb(content[:-9])


# GIF, and what holds for several


@pytest.mark.parametrize("transparent", [None, 7])
@pytest.mark.parametrize("place", [(0, 0), (4, 5)])
def test_what_a_gif_draws_nothing_on_is_white(place, transparent):
    indexed = Image.fromarray(GREY, "P")
    indexed.putpalette(PALETTE.tobytes())
    gif = bytearray(encoded(indexed, "GIF", optimize=False))
    start = gif.index(b",", 13 + 3 * 256)
    gif[6:10], gif[start + 1 : start + 5] = struct.pack("<HH", 60, 40), struct.pack("<HH", *place)
    left, top = place
    drawn = PALETTE[GREY].astype(float)
    if transparent is not None:
        gif[start:start] = b"\x21\xf9\x04\1\0\0" + bytes([transparent, 0])
        drawn[transparent == GREY] = 255
    wanted = np.full((40, 60, 3), 255.0)
    wanted[top : top + HEIGHT, left : left + WIDTH] = drawn
    assert furthest(bytes(gif), wanted) == 0


def test_xmp_turns_nothing_and_alpha_that_hides_all_is_passed_over():
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:Description tiff:Orientation=\"6\"/></x:xmpmeta>"
    for kind in ("JPEG", "WEBP"):
        assert read(encoded(PHOTO, kind, xmp=xmp)).upright_size == (WIDTH, HEIGHT)
    hidden = np.concatenate([PHOTO, 0 * ALPHA], axis=-1)
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True})):
        assert furthest(encoded(hidden, kind, **options), PHOTO) == 0


def test_what_libraries_print_goes_to_the_log(capfd, caplog):
    caplog.set_level("INFO", logger="pipeline.images")
    read_rgb(png(in_bits(PHOTO, 16), 16, 2, interlaced=True))
    assert capfd.readouterr() == ("", "")
    assert "nterlace" in caplog.text
