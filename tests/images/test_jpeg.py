"""What a JPEG's header tells of its last save, JPEGs taken apart and put together plainly, and encoders."""

import io
from collections.abc import Iterator

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
from tests.images.pictures import PHOTO, as_photoshop_writes, draw_photo, saved, with_segment

SMALL = Image.fromarray(draw_photo(16, 16))
PLAIN = saved(PHOTO)
EDITED = as_photoshop_writes(draw_photo(24, 24))


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def changed(content: bytes, marker: bytes, offset: int, value: int) -> bytes:
    """Change one byte, counted from a marker."""
    place = content.index(marker) + offset
    return content[:place] + bytes([value]) + content[place + 1 :]


def mutants(content: bytes, end: int, count: int) -> Iterator[bytes]:
    rng = np.random.default_rng(0)
    for _ in range(count):
        mutated = bytearray(content)
        for place in rng.integers(2, end, 4):
            mutated[place] = rng.integers(256)
        yield bytes(mutated)


def test_libjpegs_qualities_are_read_exactly():
    for quality in range(1, 101):
        header = read_header(saved(SMALL, quality=quality))
        assert (header.quality, header.exact) == (quality, True)


def test_tables_are_those_that_the_decoder_reads():
    content = saved(SMALL, quality=77)
    read_by_pillow = Image.open(io.BytesIO(content)).quantization
    header = read_header(content)
    assert header.tables == (tuple(read_by_pillow[0]), tuple(read_by_pillow[1]), tuple(read_by_pillow[1]))
    assert header.tables[:2] == libjpeg_tables(77)


def test_tables_of_another_encoder_have_the_nearest_quality():
    luminance, chrominance = (list(table) for table in libjpeg_tables(85))
    luminance[63] += 1
    header = read_header(saved(SMALL, qtables=[luminance, chrominance]))
    assert (header.quality, header.exact) == (85, False)


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("progressive", [False, True])
def test_subsampling_and_scans_are_told(subsampling, progressive):
    header = read_header(saved(SMALL, subsampling=subsampling, progressive=progressive))
    assert (header.subsampling, header.progressive) == (subsampling, progressive)


def test_a_grey_picture_has_one_table_and_no_subsampling():
    header = read_header(saved(SMALL.convert("L"), quality=60))
    assert (len(header.tables), header.subsampling, header.quality, header.exact) == (1, "grey", 60, True)


def test_comments_and_exif_before_the_tables_are_passed_over():
    exif = Image.Exif()
    exif[0x010F] = "camera"
    content = saved(SMALL, quality=90, comment=b"\xff\xdb", exif=exif)
    assert read_header(content).quality == 90


def test_a_header_that_breaks_off_tells_nothing():
    content = saved(SMALL)
    first_scan = content.index(b"\xff\xda")
    for cut in range(first_scan + 2):
        assert read_header(content[:cut]) is None


def test_what_is_no_jpeg_tells_nothing():
    assert read_header(b"") is None
    assert read_header(b"\x89PNG\r\n\x1a\n") is None


def test_huffman_tables_with_other_symbols_are_not_the_standard_ones():
    (_, payload), *_ = [each for each in header_segments(saved(SMALL)) if each[0] == HUFFMAN]
    (number, codes), *_ = huffman_tables(payload)
    assert is_standard(number, codes)
    assert not is_standard(number, codes[:-2] + codes[:-3:-1])  # as many codes of each length
    assert not is_standard(number ^ 1, codes)


def test_mutated_headers_never_crash():
    for content in mutants(saved(SMALL), 620, 500):
        read_header(content)


def test_real_pictures_tell_what_the_published_facts_say(real_pictures):
    facts = pd.read_csv(real_pictures / "facts.csv").query("format == 'JPEG'")
    for row in facts.itertuples():
        header = read_header((real_pictures / row.path).read_bytes())
        estimate = str(row.jpeg_quality_estimate)
        assert header.subsampling == row.subsampling
        assert header.exact == (not estimate.startswith("~"))
        assert abs(header.quality - int(estimate.lstrip("~"))) <= (0 if header.exact else 2)


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


@pytest.mark.parametrize("way", WAYS)
def test_what_pillow_writes_comes_back_byte_for_byte(way):
    content = saved(draw_photo(41, 67), **WAYS[way])
    assert take_apart(content).plain() == content


@pytest.mark.parametrize("way", WAYS)
def test_another_picture_saved_with_its_settings_has_the_same_ones(way):
    settings = settings_of(take_apart(saved(draw_photo(41, 67), **WAYS[way])))
    again = settings.save(b"", Image.fromarray(draw_photo(90, 130, seed=1)))
    assert settings_of(take_apart(again)) == settings
    assert [marker for marker, _ in header_segments(again)][:2] == [0xE0, 0xDB]


def test_an_editors_file_loses_all_but_its_picture():
    content = as_photoshop_writes(draw_photo(40, 64))
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


def test_numbers_of_components_and_tables_become_libjpegs():
    content = bytearray(PLAIN)
    frame, scan = content.index(b"\xff\xc0") + 10, content.index(b"\xff\xda") + 5
    for i in range(3):  # counted from 0, as some encoders do
        content[frame + 3 * i] = content[scan + 2 * i] = i
    assert take_apart(bytes(content)).plain() == PLAIN


def later_table():
    """A progressive JPEG whose tables change between its scans."""
    content = saved(PHOTO, progressive=True)
    second = content.index(b"\xff\xda", content.index(b"\xff\xda") + 2)
    table = content[content.index(b"\xff\xdb") :][:69]
    return content[:second] + table + content[second:]


NOT_PLAIN = {
    "grey": saved(Image.fromarray(PHOTO).convert("L")),
    "cmyk": saved(Image.fromarray(PHOTO).convert("CMYK")),
    "rgb": saved(PHOTO, keep_rgb=True),
    "rgb by Adobe's marker": with_segment(PLAIN[:2] + PLAIN[20:], 0xEE, b"Adobe\0\x64\0\0\0\0\0"),
    "tables of 16 bits": saved(PHOTO, qtables=[[300] * 64] * 2),
    "arithmetic": changed(PLAIN, b"\xff\xc0", 1, 0xC9),
    "a table between scans": later_table(),
    "cut off": PLAIN[:-2],
    "empty": b"",
    "start alone": b"\xff\xd8",
    "png": b"\x89PNG\r\n\x1a\n",
}


@pytest.mark.parametrize("content", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_what_we_could_not_write_ourselves_is_not_taken_apart(content):
    assert take_apart(content) is None


def test_unusual_sampling_gives_no_settings_to_others():
    unusual = changed(saved(PHOTO, subsampling=0), b"\xff\xc0", 11, 0x12)
    assert settings_of(take_apart(unusual)) is None


def test_cut_anywhere_it_is_not_taken_apart_or_what_is_there_is_whole():
    picture_end = EDITED.index(b"\xff\xd9", EDITED.rindex(b"\xff\xda", 0, EDITED.index(b"MPF behind")))
    for cut in range(0, picture_end + 2, 7):
        assert take_apart(EDITED[:cut]) is None
    assert take_apart(EDITED[: picture_end + 2]).plain() == take_apart(EDITED).plain()


def test_mutated_files_never_crash():
    for content in mutants(EDITED, len(EDITED), 1000):
        if parts := take_apart(content):
            parts.plain()


def test_real_jpegs_keep_every_pixel(real_pictures):
    paths = sorted((real_pictures / "casia").rglob("*.jpg"))[::10]
    paths += sorted((real_pictures / "imd2020").rglob("*.jpg"))
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
def test_a_jpeg_is_saved_with_its_settings(subsampling):
    header = read_header(Jpeg(91, subsampling).save(b"", Image.fromarray(PHOTO)))
    found = (header.quality, header.exact, header.subsampling, header.progressive)
    assert found == (91, True, subsampling, False)


def test_a_jpeg_holds_nothing_but_its_pixels():
    picture = Image.fromarray(PHOTO)
    plain = Jpeg(95, "4:4:4").save(b"", picture)
    with Image.open(io.BytesIO(plain)) as stored:
        assert set(stored.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        assert np.abs(np.asarray(stored).astype(float) - PHOTO).mean() < 3


def test_with_the_settings_of_a_quality_the_file_is_that_of_the_quality():
    picture = Image.fromarray(PHOTO)
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
    changes = [{}, {"progressive": True}, {"optimised": True}, {"restart_rows": 1}, {"restart_blocks": 1}]
    ways = [Copied(), Png(), Stripped(), Jpeg(90, "4:4:4"), Jpeg(91, "4:4:4")]
    ways += [JpegLike(tables, "4:2:0"), JpegLike(tables[:1], "4:4:4")]
    ways += [JpegLike(tables, "4:4:4", **changed) for changed in changes]
    assert len({way.words for way in ways}) == len(ways)


def test_png_keeps_every_pixel_and_nothing_else():
    with Image.open(io.BytesIO(Png().save(b"", Image.fromarray(PHOTO)))) as stored:
        assert (stored.format, stored.mode, stored.info) == ("PNG", "RGB", {})
        assert np.array_equal(np.asarray(stored), PHOTO)


def test_stripped_keeps_the_compressed_data():
    content = as_photoshop_writes(PHOTO)
    plain = Stripped().save(content, Image.fromarray(PHOTO))
    scan = content[content.rindex(b"\xff\xda", 0, content.index(b"MPF behind")) :]
    assert plain[plain.index(b"\xff\xda") :] == scan[: scan.index(b"\xff\xd9") + 2]


def test_a_file_that_changed_since_it_was_looked_at_is_refused():
    with pytest.raises(Unreadable, match="changed"):
        Stripped().save(saved(Image.fromarray(PHOTO).convert("L")), Image.fromarray(PHOTO))
