"""What a JPEG's header tells of its last save, JPEGs taken apart and put together plainly, and encoders."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.images.encode import Copied, Jpeg, JpegLike, Png, Stripped, settings_of, take_apart
from pipeline.images.files import Unreadable
from pipeline.images.jpeg import (
    HUFFMAN,
    header_segments,
    huffman_tables,
    is_standard,
    libjpeg_tables,
    read_header,
)
from tests.images.pictures import as_photoshop_writes, saved, with_segment


@pytest.fixture
def picture(photo) -> Image.Image:
    return Image.fromarray(photo(16, 16))


def test_libjpegs_qualities_are_told_exactly(picture):
    for quality in range(1, 101):
        header = read_header(saved(picture, quality=quality))
        assert (header.quality, header.exact) == (quality, True)


def test_tables_are_those_that_the_decoder_reads(picture):
    content = saved(picture, quality=77)
    read_by_pillow = Image.open(io.BytesIO(content)).quantization
    header = read_header(content)
    assert header.tables == (tuple(read_by_pillow[0]), tuple(read_by_pillow[1]), tuple(read_by_pillow[1]))
    assert header.tables[:2] == libjpeg_tables(77)


def test_tables_of_another_encoder_have_the_nearest_quality(picture):
    luminance, chrominance = (list(table) for table in libjpeg_tables(85))
    luminance[63] += 1
    header = read_header(saved(picture, qtables=[luminance, chrominance]))
    assert (header.quality, header.exact) == (85, False)


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("progressive", [False, True])
def test_subsampling_and_scans_are_told(picture, subsampling, progressive):
    header = read_header(saved(picture, subsampling=subsampling, progressive=progressive))
    assert (header.subsampling, header.progressive) == (subsampling, progressive)


def test_a_grey_picture_has_one_table_and_no_subsampling(picture):
    header = read_header(saved(picture.convert("L"), quality=60))
    assert (len(header.tables), header.subsampling, header.quality, header.exact) == (1, "grey", 60, True)


def test_comments_and_exif_before_the_tables_are_passed_over(picture):
    exif = Image.Exif()
    exif[0x010F] = "camera"
    content = saved(picture, quality=90, comment=b"\xff\xdb", exif=exif)
    assert read_header(content).quality == 90


def test_a_header_that_breaks_off_tells_nothing(picture):
    content = saved(picture)
    first_scan = content.index(b"\xff\xda")
    for cut in range(first_scan + 2):
        assert read_header(content[:cut]) is None


def test_what_is_no_jpeg_tells_nothing():
    assert read_header(b"") is None
    assert read_header(b"\x89PNG\r\n\x1a\n") is None


def test_huffman_tables_with_other_symbols_are_not_the_standard_ones(picture):
    (_, payload), *_ = [each for each in header_segments(saved(picture)) if each[0] == HUFFMAN]
    (number, codes), *_ = huffman_tables(payload)
    assert is_standard(number, codes)
    assert not is_standard(number, codes[:-2] + codes[:-3:-1])  # as many codes of each length
    assert not is_standard(number ^ 1, codes)


def test_mutated_headers_never_crash(picture):
    content = bytearray(saved(picture))
    rng = np.random.default_rng(0)
    for _ in range(500):
        mutated = bytearray(content)
        for place in rng.integers(2, 620, 4):
            mutated[place] = rng.integers(256)
        read_header(bytes(mutated))


def test_real_pictures_tell_what_the_published_facts_say(real_pictures):
    facts = pd.read_csv(real_pictures / "facts.csv").query("format == 'JPEG'")
    for path, estimate, subsampling in facts[["path", "jpeg_quality_estimate", "subsampling"]].itertuples(
        index=False
    ):
        header = read_header((real_pictures / path).read_bytes())
        nearest = int(str(estimate).lstrip("~"))
        assert header.subsampling == subsampling
        assert header.exact == (not str(estimate).startswith("~"))
        assert abs(header.quality - nearest) <= (0 if header.exact else 2)


WAYS = {
    "4:4:4": {"subsampling": 0},
    "4:2:2": {"subsampling": 1},
    "4:2:0": {"subsampling": 2},
    "optimised": {"optimize": True},
    "progressive": {"progressive": True},
    "restarts by row": {"restart_marker_rows": 1},
    "restarts by blocks": {"restart_marker_blocks": 3, "optimize": True},
    "one table": {"qtables": [list(range(1, 65))]},
    "three tables": {"qtables": [[n] * 64 for n in (2, 3, 4)]},
}


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


@pytest.mark.parametrize("way", WAYS)
def test_what_pillow_writes_comes_back_byte_for_byte(photo, way):
    content = saved(photo(41, 67), **WAYS[way])
    assert take_apart(content).plain() == content


@pytest.mark.parametrize("way", WAYS)
def test_another_picture_saved_with_its_settings_has_the_same_ones(photo, way):
    settings = settings_of(take_apart(saved(photo(41, 67), **WAYS[way])))
    again = settings.save(b"", Image.fromarray(photo(90, 130, seed=1)))
    assert settings_of(take_apart(again)) == settings
    assert [marker for marker, _ in header_segments(again)][:2] == [0xE0, 0xDB]


def test_an_editors_file_loses_all_but_its_picture(photo):
    content = as_photoshop_writes(photo(40, 64))
    plain = take_apart(content).plain()
    assert np.array_equal(pixels(plain), pixels(content))
    assert [marker for marker, _ in header_segments(plain)] == [
        0xE0, 0xDB, 0xDB, 0xC0, 0xC4, 0xC4, 0xC4, 0xC4, 0xDD, 0xDA,
    ]  # fmt: skip
    assert read_header(plain) == read_header(content)
    assert plain.endswith(b"\xff\xd9")
    assert b"Photoshop" not in plain
    assert b"Adobe" not in plain
    assert plain.count(b"\xff\xd8") == 1  # neither a thumbnail nor a second picture behind the first


def test_numbers_of_components_and_tables_become_libjpegs(photo):
    content = bytearray(saved(photo()))
    frame, scan = content.index(b"\xff\xc0") + 10, content.index(b"\xff\xda") + 5
    for i in range(3):  # counted from 0, as some encoders do
        content[frame + 3 * i] = content[scan + 2 * i] = i
    assert take_apart(bytes(content)).plain() == saved(photo())


def grey(photo):
    return saved(Image.fromarray(photo()).convert("L"))


def cmyk(photo):
    return saved(Image.fromarray(photo()).convert("CMYK"))


def rgb(photo):
    return saved(Image.fromarray(photo()), keep_rgb=True)


def rgb_said_by_adobe(photo):
    plain = saved(photo())
    return with_segment(plain.replace(plain[2:20], b"", 1), 0xEE, b"Adobe\0\x64\0\0\0\0\0")


def sixteen_bit_tables(photo):
    return saved(photo(), qtables=[[300] * 64] * 2)


def arithmetic(photo):
    content = bytearray(saved(photo()))
    content[content.index(b"\xff\xc0") + 1] = 0xC9
    return bytes(content)


def unusual_sampling(photo):
    content = bytearray(saved(photo(), subsampling=0))
    content[content.index(b"\xff\xc0") + 11] = 0x12
    return bytes(content)


def later_table(photo):
    """A progressive JPEG whose tables change between its scans."""
    content = saved(photo(), progressive=True)
    second = content.index(b"\xff\xda", content.index(b"\xff\xda") + 2)
    table = content[content.index(b"\xff\xdb") :][:69]
    return content[:second] + table + content[second:]


def cut_off(photo):
    return saved(photo())[:-2]


@pytest.mark.parametrize(
    "odd", [grey, cmyk, rgb, rgb_said_by_adobe, sixteen_bit_tables, arithmetic, later_table, cut_off]
)
def test_what_we_could_not_write_ourselves_is_not_taken_apart(photo, odd):
    assert take_apart(odd(photo)) is None


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n"], ids=["empty", "start alone", "png"]
)
def test_what_is_no_jpeg_is_not_taken_apart(content):
    assert take_apart(content) is None


def test_unusual_sampling_gives_no_settings_to_others(photo):
    assert settings_of(take_apart(unusual_sampling(photo))) is None


def test_cut_anywhere_it_is_not_taken_apart_or_what_is_there_is_whole(photo):
    content = as_photoshop_writes(photo(24, 24))
    picture_end = content.index(b"\xff\xd9", content.rindex(b"\xff\xda", 0, content.index(b"MPF behind")))
    for cut in range(0, picture_end + 2, 7):
        assert take_apart(content[:cut]) is None
    assert take_apart(content[: picture_end + 2]).plain() == take_apart(content).plain()


def test_mutated_files_never_crash(photo):
    content = as_photoshop_writes(photo(24, 24))
    rng = np.random.default_rng(0)
    for _ in range(1000):
        mutated = bytearray(content)
        for place in rng.integers(2, len(content), 4):
            mutated[place] = rng.integers(256)
        if parts := take_apart(bytes(mutated)):
            parts.plain()


def test_real_jpegs_keep_every_pixel(real_pictures):
    paths = sorted((real_pictures / "casia").rglob("*.jpg"))[::10] + sorted(
        (real_pictures / "imd2020").rglob("*.jpg")
    )
    taken = 0
    for path in paths:
        content = path.read_bytes()
        if parts := take_apart(content):
            taken += 1
            assert np.array_equal(pixels(parts.plain()), pixels(content)), path
            assert take_apart(parts.plain()) == parts
    assert taken > 0.9 * len(paths)


# Each encoder gives the file that it says.


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_a_jpeg_is_saved_as_told(photo, subsampling):
    header = read_header(Jpeg(91, subsampling).save(b"", Image.fromarray(photo())))
    assert (header.quality, header.exact, header.subsampling, header.progressive) == (
        91,
        True,
        subsampling,
        False,
    )


def test_a_jpeg_holds_nothing_but_its_pixels(photo):
    picture = Image.fromarray(photo())
    plain = Jpeg(95, "4:4:4").save(b"", picture)
    with Image.open(io.BytesIO(plain)) as stored:
        assert set(stored.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        assert np.abs(np.asarray(stored).astype(float) - photo()).mean() < 3


def test_with_the_settings_of_a_quality_the_file_is_that_of_the_quality(photo):
    picture = Image.fromarray(photo())
    like = JpegLike(tables=libjpeg_tables(83), subsampling="4:2:0")
    assert like.save(b"", picture) == Jpeg(83, "4:2:0").save(b"", picture)


@pytest.mark.parametrize("progressive", [False, True])
def test_noise_that_needs_more_bytes_than_pillow_guesses_is_saved_too(progressive):
    noise = np.random.default_rng(0).integers(0, 256, (600, 600, 3), dtype=np.uint8)
    finest = JpegLike(((1,) * 64, (1,) * 64), "4:4:4", progressive=progressive, optimised=True)
    content = finest.save(b"", Image.fromarray(noise))
    assert Image.open(io.BytesIO(content)).size == (600, 600)
    assert len(content) > 2 * 600 * 600


def test_words_tell_settings_apart():
    tables = libjpeg_tables(83)
    ways = [
        Copied(),
        Png(),
        Stripped(),
        Jpeg(90, "4:4:4"),
        Jpeg(91, "4:4:4"),
        JpegLike(tables, "4:4:4"),
        JpegLike(tables[:1], "4:4:4"),
        JpegLike(tables, "4:2:0"),
        JpegLike(tables, "4:4:4", progressive=True),
        JpegLike(tables, "4:4:4", optimised=True),
        JpegLike(tables, "4:4:4", restart_rows=1),
        JpegLike(tables, "4:4:4", restart_blocks=1),
    ]
    assert len({way.words for way in ways}) == len(ways)


def test_png_keeps_every_pixel_and_nothing_else(photo):
    with Image.open(io.BytesIO(Png().save(b"", Image.fromarray(photo())))) as stored:
        assert (stored.format, stored.mode, stored.info) == ("PNG", "RGB", {})
        assert np.array_equal(np.asarray(stored), photo())


def test_stripped_keeps_the_compressed_data(photo):
    content = as_photoshop_writes(photo())
    plain = Stripped().save(content, Image.fromarray(photo()))
    scan = content[content.rindex(b"\xff\xda", 0, content.index(b"MPF behind")) :]
    assert plain[plain.index(b"\xff\xda") :] == scan[: scan.index(b"\xff\xd9") + 2]


def test_a_file_that_changed_since_it_was_looked_at_is_refused(photo):
    with pytest.raises(Unreadable, match="changed"):
        Stripped().save(saved(Image.fromarray(photo()).convert("L")), Image.fromarray(photo()))
