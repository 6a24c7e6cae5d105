"""Each way of saving gives the file that it says."""

import io

import numpy as np
import pytest
from PIL import Image

from pipeline.images.encode import Copied, Jpeg, JpegLike, Png, Stripped
from pipeline.images.files import Unreadable
from pipeline.images.jpeg import libjpeg_tables, read_header
from tests.images.jpeg_files import as_photoshop_writes, saved


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
