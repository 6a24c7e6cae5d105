"""A region that was saved once in a picture that was saved twice is found; a picture saved twice is not."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from pipeline.evidence.double_jpeg import examine
from pipeline.forgery.camera import CAMERAS, photograph
from pipeline.forgery.dead_leaves import fractal
from pipeline.images.read import read

SPEAKS = 8
TURNED_BACK = {1: None, 3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}


def drawn(seed, shape=(256, 384)):
    """A photograph of clouds: no JPEG history, texture everywhere, nothing black or white."""
    rng = np.random.default_rng(seed)
    radiance = np.repeat(0.15 + 0.4 * fractal(rng, shape, 0.8)[:, :, None], 3, axis=2).astype(np.float32)
    return (50 + 0.6 * photograph(rng, radiance, CAMERAS[0])).astype(np.uint8)


def saved(pixels, kind="JPEG", **settings):
    file = io.BytesIO()
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(file, kind, **settings)
    return file.getvalue()


def through_jpeg(pixels, quality):
    return read(saved(pixels, quality=quality)).pixels


@pytest.fixture(scope="module")
def host():
    return drawn(1)


@pytest.fixture(scope="module")
def forged(host):
    forged = through_jpeg(host, 70)
    forged[64:160, 200:320] = drawn(2)[64:160, 200:320]
    return forged


def inside_and_outside(finding):
    inside = np.zeros(finding.map.shape, bool)
    inside[9:19, 26:39] = True
    return finding.map[inside].mean(), finding.map[~inside].mean()


def test_a_region_saved_once_is_found_where_it_is(forged):
    finding = examine(read(saved(forged, quality=90)))
    assert finding.statistic > 5 * SPEAKS
    inside, outside = inside_and_outside(finding)
    assert inside > 0.8 > 0.2 > outside
    square = re.search(r"\((\d+) pixels square at \((\d+), (\d+)\)", finding.words)
    side, top, left = map(int, square.groups())
    assert top >= 56
    assert top + side <= 168
    assert left >= 192
    assert left + side <= 328


def test_the_words_name_the_earlier_quality(forged):
    quality = int(re.search(r"quality (\d+)", examine(read(saved(forged, quality=90))).words)[1])
    assert abs(quality - 70) <= 2


def test_a_region_from_a_jpeg_on_another_grid_is_found(host):
    forged = through_jpeg(host, 70)
    forged[64:160, 200:320] = np.roll(through_jpeg(drawn(2), 70), (3, 5), axis=(0, 1))[64:160, 200:320]
    assert examine(read(saved(forged, quality=92))).statistic > SPEAKS


@pytest.mark.parametrize("first", [60, 75, 85])
@pytest.mark.parametrize("last", [70, 90, 95, 98])
def test_a_picture_saved_twice_as_a_whole_is_not(host, first, last):
    assert examine(read(saved(through_jpeg(host, first), quality=last))).statistic < SPEAKS


@pytest.mark.parametrize("quality", [60, 75, 90, 98])
def test_a_picture_saved_once_has_no_earlier_save(host, quality):
    finding = examine(read(saved(host, quality=quality)))
    assert finding.statistic == 0
    assert not finding.map.any()


@pytest.mark.parametrize("orientation", [3, 6])
def test_a_turned_picture_is_answered_as_it_is_looked_at(forged, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(forged).transpose(TURNED_BACK[orientation])
    finding = examine(read(saved(stored, quality=90, exif=exif)))
    assert finding.statistic > 5 * SPEAKS
    inside, outside = inside_and_outside(finding)
    assert inside > 0.8 > 0.2 > outside


def test_a_grey_picture_is_found_as_well(forged):
    grey = np.array(Image.open(io.BytesIO(saved(drawn(3)[:, :, 1], quality=70))))
    assert examine(read(saved(grey, quality=90))).statistic < SPEAKS
    grey[64:160, 200:320] = forged[64:160, 200:320, 1]
    assert examine(read(saved(grey, quality=90))).statistic > 5 * SPEAKS


def test_black_and_white_parts_say_nothing(host):
    """What is cut off there is no multiple of any step: a genuine picture with both is not found."""
    contrast = np.clip((host.astype(np.int16) - 100) * 5, 0, 255).astype(np.uint8)
    for last in (90, 97):
        assert examine(read(saved(through_jpeg(contrast, 75), quality=last))).statistic < SPEAKS


@pytest.mark.parametrize("size", [(8, 8), (127, 300), (128, 128), (131, 157)])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_any_picture_is_answered(size, mode, kind):
    finding = examine(read(saved(Image.new(mode, size, 100), kind)))
    applies = kind == "JPEG" and mode != "CMYK" and min(size) >= 128
    assert np.isnan(finding.statistic) == (not applies)
    assert finding.map is None or finding.map.shape == (size[1] // 8, size[0] // 8)
    assert not finding.statistic > 0


def test_a_picture_saved_too_coarsely_is_not_judged(forged):
    assert np.isnan(examine(read(saved(forged, quality=5))).statistic)


def test_the_same_picture_gets_the_same_answer(forged):
    first, second = (examine(read(saved(forged, quality=90))) for _ in range(2))
    assert first.statistic == second.statistic
    assert np.array_equal(first.map, second.map)
