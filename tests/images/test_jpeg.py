"""What a JPEG's header tells of its last save."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.images.jpeg import libjpeg_tables, read_header


def save(picture: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", **options)
    return buffer.getvalue()


@pytest.fixture
def picture(photo) -> Image.Image:
    return Image.fromarray(photo(16, 16))


def test_libjpegs_qualities_are_told_exactly(picture):
    for quality in range(1, 101):
        header = read_header(save(picture, quality=quality))
        assert (header.quality, header.exact) == (quality, True)


def test_tables_are_those_that_the_decoder_reads(picture):
    content = save(picture, quality=77)
    read_by_pillow = Image.open(io.BytesIO(content)).quantization
    header = read_header(content)
    assert header.tables == (tuple(read_by_pillow[0]), tuple(read_by_pillow[1]), tuple(read_by_pillow[1]))
    assert header.tables[:2] == libjpeg_tables(77)


def test_tables_of_another_encoder_have_the_nearest_quality(picture):
    luminance, chrominance = (list(table) for table in libjpeg_tables(85))
    luminance[63] += 1
    header = read_header(save(picture, qtables=[luminance, chrominance]))
    assert (header.quality, header.exact) == (85, False)


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("progressive", [False, True])
def test_subsampling_and_scans_are_told(picture, subsampling, progressive):
    header = read_header(save(picture, subsampling=subsampling, progressive=progressive))
    assert (header.subsampling, header.progressive) == (subsampling, progressive)


def test_a_grey_picture_has_one_table_and_no_subsampling(picture):
    header = read_header(save(picture.convert("L"), quality=60))
    assert (len(header.tables), header.subsampling, header.quality, header.exact) == (1, "grey", 60, True)


def test_comments_and_exif_before_the_tables_are_passed_over(picture):
    exif = Image.Exif()
    exif[0x010F] = "camera"
    content = save(picture, quality=90, comment=b"\xff\xdb", exif=exif)
    assert read_header(content).quality == 90


def test_a_header_that_breaks_off_tells_nothing(picture):
    content = save(picture)
    first_scan = content.index(b"\xff\xda")
    for cut in range(first_scan + 2):
        assert read_header(content[:cut]) is None


def test_what_is_no_jpeg_tells_nothing():
    assert read_header(b"") is None
    assert read_header(b"\x89PNG\r\n\x1a\n") is None


def test_mutated_headers_never_crash(picture):
    content = bytearray(save(picture))
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
