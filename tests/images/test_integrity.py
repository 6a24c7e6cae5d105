"""What makes no pixels costs no picture: junk in every place that is thrown away anyway changes nothing."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.images import colour
from pipeline.images.files import Limits, Unreadable
from pipeline.images.jpeg import decodable, segments
from tests.images.odd_files import chunk, png_with
from tests.images.pictures import PHOTO, encoded, linear_rgb, read_rgb, saved, segment

JUNK = st.binary(max_size=300)
PIXELS = {
    kind: (content := encoded(PHOTO, kind), read_rgb(content))
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "JPEG2000", "BMP", "TIFF")
}


def changes_nothing(kind: str, content: bytes) -> None:
    assert np.array_equal(read_rgb(content), PIXELS[kind][1])
    assert np.array_equal(read_rgb(content, known_whole=True), PIXELS[kind][1])


@st.composite
def exif_blocks(draw: st.DrawFn) -> bytes:
    """A directory of random entries, none of which is an orientation; or junk."""
    order = draw(st.sampled_from("<>"))
    tags = st.integers(0, 65_535).filter(lambda tag: tag != 274)
    # Those that libraries look into: resolution, XMP, the directories of EXIF, GPS and Interoperability.
    tags |= st.sampled_from([282, 283, 296, 305, 700, 33_723, 34_665, 34_853, 40_965])
    entries = draw(
        st.lists(st.tuples(tags, st.integers(0, 20), st.integers(0, 2**32 - 1), st.binary(max_size=4)))
    )
    block = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "IH", 8, len(entries))
    for tag, kind, count, value in entries:
        block += struct.pack(
            order + "HHI", tag, kind, draw(st.sampled_from([count, count % 9]))
        ) + value.ljust(4, b"\0")
    return draw(st.sampled_from([block + bytes(4), block])) + draw(JUNK)


def in_jpeg(content: bytes, at: int, what: bytes) -> bytes:
    """Put something between the segments of a header."""
    places, position = [2], 2
    while content[position + 1] != 0xDA:
        position += 2 + int.from_bytes(content[position + 2 : position + 4], "big")
        places.append(position)
    place = places[at % len(places)]
    return content[:place] + what + content[place:]


NAMES = [
    b"Exif\0\0",
    b"http://ns.adobe.com/xap/1.0/\0",
    b"ICC_PROFILE\0",
    b"Photoshop 3.0\0",
    b"MPF\0",
    b"JFXX\0",
    b"",
]


@settings(max_examples=200)
@given(
    marker=st.sampled_from([*range(0xE0, 0xF0), 0xFE]),
    name=st.sampled_from(NAMES),
    junk=JUNK | exif_blocks(),
    at=st.integers(0, 9),
)
def test_blocks_of_metadata_in_a_jpeg(marker, name, junk, at):
    if (marker, junk[:5]) == (0xEE, b"Adobe"):
        return  # which tells how colours are stored
    changes_nothing("JPEG", in_jpeg(PIXELS["JPEG"][0], at, segment(marker, name + junk)))


@given(junk=st.binary(max_size=99).map(lambda junk: junk.replace(b"\xff", b"\xfe")), at=st.integers(0, 9))
def test_bytes_between_the_segments_of_a_jpeg(junk, at):
    for between in (junk, junk + b"\xff" * 5, junk + b"\xff\0" + junk, junk + b"\xff\x02" + junk):
        changes_nothing("JPEG", in_jpeg(PIXELS["JPEG"][0], at, between))


@pytest.mark.parametrize("n_zeros", [1, 16, 40, 41, 64, 258, 5000])
def test_zeros_before_the_end_of_a_jpeg(n_zeros):
    content = PIXELS["JPEG"][0]
    changes_nothing("JPEG", content[:-2] + bytes(n_zeros) + content[-2:])


def test_zeros_do_not_stand_for_data():
    content = PIXELS["JPEG"][0]
    for n_missing in (60, 200, 500):
        with pytest.raises(Unreadable, match="it is damaged"):
            read_rgb(content[: -2 - n_missing] + bytes(5000) + content[-2:])
    flat = saved(np.zeros((400, 600, 3), np.uint8), optimize=True)
    assert flat.count(b"\0" * 100) > 1  # whose data are zeros themselves
    assert read_rgb(flat).max() == 0


def test_a_panorama_of_samsung_has_no_end():
    content = PIXELS["JPEG"][0]
    name = b"MotionPhoto_Data"
    blocks = (
        b"\0\0\x30\x0a" + len(name).to_bytes(4, "little") + name + b"\xff\xd8\xff\xdb video" * 9 + b"SEFT"
    )
    changes_nothing("JPEG", content[:-2] + blocks)
    changes_nothing("JPEG", content + blocks)
    with pytest.raises(Unreadable, match=r"damaged|broken"):
        read_rgb(content[:-200] + blocks)
    with pytest.raises(Unreadable, match="truncated"):
        read_rgb(content[:-2] + blocks[:-4])


@pytest.mark.parametrize(
    "segment",
    [b"\xff\xee\0\x07Adobe", b"\xff\xee\0\x09Adobe\0\x64", b"\xff\xe0\0\x06JFIF"],
    ids=["adobe", "adobe cut", "jfif"],
)
def test_segments_of_a_jpeg_that_are_cut_short(segment):
    content = PIXELS["JPEG"][0]
    changes_nothing("JPEG", content[:2] + segment + content[2:])


def test_a_png_needs_no_end_behind_its_data():
    content = PIXELS["PNG"][0]
    assert content.endswith(b"IEND\xae\x42\x60\x82")
    for cut in (1, 4, 8, 11, 12):
        changes_nothing("PNG", content[:-cut])
    changes_nothing("PNG", content[:-4] + bytes(4))
    changes_nothing("PNG", content[:-12] + chunk(b"tEXt", b"a\0b")[:-3])


def test_a_png_that_breaks_off_between_its_data_is_refused():
    content = PIXELS["PNG"][0]
    start = content.index(b"IDAT") + 4
    length = int.from_bytes(content[start - 8 : start - 4], "big")
    data = content[start : start + length]
    for share in (0.1, 0.5, 0.9, 0.99):
        part = content[: start - 8] + chunk(b"IDAT", data[: int(share * length)])
        for end in (b"", chunk(b"IEND", b"")):
            with pytest.raises(Unreadable):
                read_rgb(part + end)


ANCILLARY = (
    "gAMA cHRM sRGB iCCP sBIT bKGD hIST pHYs sPLT tIME tEXt zTXt iTXt eXIf acTL fcTL fdAT oFFs sCAL caBX CgBI"
)


@settings(max_examples=200)
@given(
    name=st.sampled_from(ANCILLARY.split()),
    junk=JUNK | exif_blocks() | JUNK.map(lambda junk: b"a\0\0" + zlib.compress(junk)),
    whole=st.booleans(),
    late=st.booleans(),
)
def test_chunks_of_a_png(name, junk, whole, late):
    content, _ = PIXELS["PNG"]
    added = chunk(name.encode(), junk)
    added = added if whole else added[:-1] + bytes([added[-1] ^ 0x55])
    at = -12 if late else 33
    changes_nothing("PNG", content[:at] + added + content[at:])


def test_what_makes_the_pixels_of_a_png_must_have_its_checksum():
    palette = encoded(Image.fromarray(PHOTO).quantize(9), "PNG", transparency=0)
    for name in (b"IHDR", b"PLTE", b"tRNS", b"IDAT"):  # that of IEND covers nothing
        start = palette.index(name)
        end = start + 4 + int.from_bytes(palette[start - 4 : start], "big")
        broken = palette[:end] + bytes([palette[end] ^ 1]) + palette[end + 1 :]
        with pytest.raises(Unreadable, match=f"checksum of a chunk {name.decode()} is wrong"):
            read_rgb(broken)


def test_a_large_colour_profile_of_a_png_counts_and_a_broken_one_does_not():
    content, shown = PIXELS["PNG"]
    profile = b"icc\0\0" + zlib.compress(linear_rgb())
    assert not np.array_equal(read_rgb(png_with(content, b"iCCP", profile)), shown)
    for broken in (
        profile[5:],
        profile[:4] + b"\x07" + profile[5:],
        b"",
        b"\0\0" + profile[5:],
    ):
        assert np.array_equal(read_rgb(png_with(content, b"iCCP", broken)), shown)


HELD = (
    b"II*\0\x08\0\0\0\1\0\x0e\1\2\0" + (400).to_bytes(4, "little") + b"\x1a\0\0\0" + bytes(4) + b"held" * 100
)


@settings(max_examples=60)
@given(junk=JUNK | exif_blocks().map(lambda block: block[:300]))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_metadata_that_every_format_has(kind, junk):
    options = {"lossless": True} if kind == "WEBP" else {}
    plain = read_rgb(encoded(PHOTO, kind, **options))
    for metadata in ({"xmp": junk}, {"icc_profile": junk}):
        assert np.array_equal(read_rgb(encoded(PHOTO, kind, **options, **metadata)), plain)
    content = encoded(PHOTO, kind, **options, exif=HELD)  # sound, as encoders demand
    assert np.array_equal(read_rgb(content), plain)
    place = content.index(HELD)
    changed = content[:place] + junk.ljust(300, b"\0") + content[place + 300 :]
    if kind == "PNG":
        changed = changed.replace(
            zlib.crc32(b"eXIf" + HELD).to_bytes(4, "big"),
            zlib.crc32(b"eXIf" + junk.ljust(300, b"\0") + HELD[300:]).to_bytes(4, "big"),
        )
    assert np.array_equal(read_rgb(changed), plain)


@given(junk=JUNK)
@pytest.mark.parametrize("kind", PIXELS)
def test_bytes_behind_a_picture(kind, junk):
    content, _ = PIXELS[kind]
    for behind in (b"\0", b"\0\0\0", junk, b"\xff" * 9, b"\0\0\0\x10free" + junk, content[:40]):
        changes_nothing(kind, content + behind)


@given(name=st.sampled_from([b"xml ", b"uuid", b"free", b"abcd"]), junk=JUNK)
def test_boxes_of_a_jpeg_2000_that_nobody_knows(name, junk):
    content, _ = PIXELS["JPEG2000"]
    box = (8 + len(junk)).to_bytes(4, "big") + name + junk
    start = content.index(b"jp2c") - 4
    changes_nothing("JPEG2000", content[:start] + box + content[start:])
    changes_nothing("JPEG2000", content[:start] + bytes(4) + content[start + 4 :])  # to the end of the file
    comment = b"\xff\x64" + (4 + len(junk)).to_bytes(2, "big") + b"\0\0" + junk
    stream = content[start + 8 :]
    tile = stream.index(b"\xff\x90")
    for at in (tile, stream.index(b"\xff\x52")):
        changes_nothing("JPEG2000", stream[:at] + comment + stream[at:])


@given(label=st.sampled_from([0xFE, 0xFF, 0x01, 0x77]), blocks=st.lists(st.binary(min_size=1, max_size=255)))
def test_extensions_of_a_gif(label, blocks):
    content, _ = PIXELS["GIF"]
    extension = bytes([0x21, label]) + b"".join(bytes([len(each)]) + each for each in blocks) + b"\0"
    start = 13 + (3 << ((content[10] & 7) + 1))
    changes_nothing("GIF", content[:start] + extension + content[start:])
    changes_nothing("GIF", content[:-1] + extension + content[-1:])
    changes_nothing("GIF", content[:-1] + extension)


def tiff_with(entries: list[tuple[int, int, int, bytes]]) -> bytes:
    """PHOTO without compression, and more tags."""
    height, width, _ = PHOTO.shape
    values = {256: width, 257: height, 259: 1, 262: 2, 273: 8, 277: 3, 278: height, 279: PHOTO.size}
    usual = [(tag, 4, 1, struct.pack("<I", value)) for tag, value in values.items()]
    usual.append((258, 3, 3, struct.pack("<I", 8 + PHOTO.size)))
    own = {tag for tag, *_ in usual}
    entries = sorted(usual + [entry for entry in entries if entry[0] not in own])
    start = 8 + PHOTO.size + 6
    directory = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHI", *entry[:3]) + entry[3].ljust(4, b"\0") for entry in entries
    )
    return b"II*\0" + struct.pack("<I", start) + PHOTO.tobytes() + b"\x08\0" * 3 + directory + bytes(4)


# Those that say nothing of pixels, and private ones.
IDLE = [
    270, 271, 272, 282, 283, 285, 296, 297, 305, 306, 315, 316, 330, 700, 33_723, 34_377, 34_665, 34_675,
    34_853,
]  # fmt: skip


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(IDLE) | st.integers(40_000, 42_000) | st.integers(60_000, 65_535),
            st.integers(0, 20),
            st.integers(0, 99) | st.integers(0, 2**32 - 1),
            st.binary(max_size=4),
        ),
        max_size=5,
        unique_by=lambda entry: entry[0],
    )
)
def test_tags_of_a_tiff_that_say_nothing_of_pixels(entries):
    changes_nothing("TIFF", tiff_with(entries))


def test_a_header_without_the_height_and_one_of_arithmetic_coding():
    content, shown = PIXELS["JPEG"]
    frame = content.index(b"\xff\xc0")
    lines = b"\xff\xdc\0\4" + content[frame + 5 : frame + 7]
    later = content[: frame + 5] + b"\0\0" + content[frame + 7 : -2] + lines + content[-2:]
    assert np.array_equal(read_rgb(later), shown)


def test_the_smallest_webp_has_28_bytes():
    """One black pixel (RFC 9649): its sides, no transform, and five codes of one symbol that take no bit."""
    content = b"RIFF\x14\0\0\0WEBPVP8L\x08\0\0\0\x2f\0\0\0\0\x88\x88\x08"
    assert len(content) == 28
    assert read_rgb(content).tolist() == [[[0, 0, 0]]]


@pytest.mark.parametrize(
    ("frame", "reason"),
    [(0xC3, r"kind that is not read \(lossless\)"), (0xC5, r"\(hierarchical\)"), (0xF7, r"\(JPEG-LS\)")],
)
def test_a_jpeg_of_another_kind_is_not_called_broken(frame, reason):
    content = PIXELS["JPEG"][0].replace(b"\xff\xc0", bytes([0xFF, frame]))
    with pytest.raises(Unreadable, match=reason):
        read_rgb(content)
    twelve = PIXELS["JPEG"][0].replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c")
    with pytest.raises(Unreadable, match="12 bits a colour, which is not read"):
        read_rgb(twelve)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (b"%PDF-1.7", "a PDF"),
        (b"\0\0\0\x18ftypmp42", "a video"),
        (b"\0\0\0\x18ftypcrx ", "the raw file of a camera"),
        (b"PK\3\4", "an archive"),
        (bytes(4000), "nothing but zeros"),
    ],
    ids=["web page", "lfs", "pdf", "mp4", "cr3", "zip", "zeros"],
)
def test_what_is_no_picture_is_called_what_it_is(content, reason):
    with pytest.raises(Unreadable, match=reason):
        read_rgb(content)


# Headers cost no more than their bytes, and no decoder sees what is endless in them.


def test_millions_of_fill_bytes_and_of_segments_never_come_to_the_decoder():
    content, shown = PIXELS["JPEG"]
    for between in (b"\xff" * 5_000_000, bytes(5_000_000), segment(0xE1, b"Exif\0\0" + bytes(9)) * 9000):
        filled = in_jpeg(content, 1, between)
        assert len(decodable(filled)) < len(content) + 20_000
        assert len(list(segments(filled))) < 9020
        assert np.array_equal(read_rgb(filled), shown)
    with pytest.raises(Unreadable, match="more than 65,536 segments"):
        read_rgb(in_jpeg(content, 1, segment(0xFE, b"") * 70_000))
    assert np.array_equal(read_rgb(content[:-2] + b"\xff" * 5_000_000 + content[-2:]), shown)


def test_small_files_that_would_fill_the_memory_are_refused_before_they_do():
    webp = b"RIFF\x1a\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + (15_800 - 1).to_bytes(3, "little") * 2
    gif = b"GIF89a" + struct.pack("<HHBBB", 15_800, 15_800, 0, 0, 0)
    gif += b"\x2c" + struct.pack("<HHHHB", 0, 0, 15_800, 15_800, 0) + b"\x02\x01\x2c\0;"
    with pytest.raises(Unreadable, match="GiB decoded, more than the limit of 4 GiB"):
        read_rgb(webp)
    with pytest.raises(Unreadable, match="more than the limit of 3 GiB"):
        read_rgb(gif, limits=Limits(megapixels=250, gib=3))


def test_profiles_that_are_kept_are_bounded_in_bytes(monkeypatch):
    monkeypatch.setattr(colour, "_transforms", kept := type(colour._transforms)())
    monkeypatch.setattr(colour, "_CACHED", 5000)
    profile = linear_rgb()
    shown = read_rgb(encoded(PHOTO, "PNG", icc_profile=profile))
    for n in range(40):
        again = read_rgb(encoded(PHOTO, "PNG", icc_profile=profile + bytes(n)))
        assert np.array_equal(again, shown)
        assert sum(len(each) for each, _ in kept) <= 5000
    assert len(kept) > 5
    assert np.array_equal(read_rgb(encoded(PHOTO, "PNG", icc_profile=profile + bytes(5000))), PHOTO)


def test_an_avif_whose_alpha_does_not_tell_its_size():
    rgba = np.dstack([PHOTO, np.full(PHOTO.shape[:2], 51, np.uint8)])
    content = encoded(rgba, "AVIF", quality=95)
    links = content.index(b"\0\2\4\1\5", content.index(b"ipma"))  # of the alpha, the second picture
    without = content[: links + 3] + b"\5" + content[links + 4 :]
    with pytest.raises(Image.UnidentifiedImageError):
        Image.open(io.BytesIO(without))
    assert np.abs(read_rgb(without).astype(int) - read_rgb(content)).max() <= 2
    for cut in (9, 200, 400):
        with pytest.raises(Unreadable):
            read_rgb(without[:-cut])
    for avif in (content, without):  # the same is counted for both
        with pytest.raises(Unreadable, match="GiB decoded"):
            read_rgb(avif, limits=Limits(megapixels=1, gib=PHOTO[..., 0].size * 23 / 2**30))
