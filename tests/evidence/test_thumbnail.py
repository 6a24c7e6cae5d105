"""What was changed after its thumbnail was made is found; what was not, however it was made, is not."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline.evidence.thumbnail import examine
from pipeline.forgery.camera import CAMERAS, photograph
from pipeline.forgery.dead_leaves import STYLES, draw_scene
from pipeline.images.read import read

SPEAKS = 6
TURNED_BACK = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}
HEIGHT, WIDTH = 480, 640
CHANGED = np.s_[160:290, 320:460]


@pytest.fixture(scope="module")
def picture():
    return scene(1)


def scene(seed):
    rng = np.random.default_rng(seed)
    return photograph(rng, draw_scene(rng, (HEIGHT, WIDTH), STYLES[0]).radiance, CAMERAS[0])


@pytest.fixture(scope="module")
def changed(picture):
    changed = picture.copy()
    changed[CHANGED] = picture[300:430, 20:160][:, ::-1]
    return changed


def encoded(pixels, quality=75, **settings):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, **settings)
    return file.getvalue()


def exif_block(thumbnail, orientation=1):
    """An EXIF block with an orientation and a JPEG as its thumbnail (EXIF 2.32, 4.5)."""
    head = b"Exif\0\0II*\0" + (8).to_bytes(4, "little")
    turned = entry(0x0112, 3, orientation)
    first = (1).to_bytes(2, "little") + turned + (26).to_bytes(4, "little")
    start = 26 + 2 + 3 * 12 + 4
    entries = entry(0x0103, 3, 6) + entry(0x0201, 4, start) + entry(0x0202, 4, len(thumbnail))
    return head + first + (3).to_bytes(2, "little") + entries + bytes(4) + thumbnail


def entry(tag, kind, value):
    fields = ((tag, 2), (kind, 2), (1, 4), (value, 4))
    return b"".join(number.to_bytes(size, "little") for number, size in fields)


def found(pixels, thumbnail, orientation=1, **settings):
    content = thumbnail if isinstance(thumbnail, bytes) else encoded(thumbnail, **settings)
    return examine(read(encoded(pixels, quality=92, exif=exif_block(content, orientation))))


def small(pixels, width=160, how=cv2.INTER_AREA):
    return cv2.resize(pixels, (width, width * pixels.shape[0] // pixels.shape[1]), interpolation=how)


def sharpened(pixels):
    soft = cv2.GaussianBlur(pixels, (0, 0), 1).astype(np.float32)
    return np.clip(1.6 * pixels - 0.6 * soft, 0, 255).astype(np.uint8)


def brightened(pixels):
    return (255 * (pixels / 255) ** 0.7).astype(np.uint8)


def framed(pixels):
    wide = np.zeros((120, 160, 3), np.uint8)
    wide[7:-7] = cv2.resize(pixels, (160, 106), interpolation=cv2.INTER_AREA)
    return wide


MAKERS = {
    "averaged": small,
    "of every fourth pixel": lambda pixels: small(pixels, how=cv2.INTER_NEAREST),
    "cubic": lambda pixels: small(pixels, how=cv2.INTER_CUBIC),
    "of 320 pixels": lambda pixels: small(pixels, 320),
    "of 80 pixels": lambda pixels: small(pixels, 80),
    "of full size": lambda pixels: small(pixels, 400),
    "sharpened": lambda pixels: sharpened(small(pixels)),
    "brightened": lambda pixels: brightened(small(pixels)),
    "framed": framed,
    "grey": lambda pixels: np.repeat(small(pixels)[:, :, 1:2], 3, axis=2),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_an_untouched_picture_looks_like_its_thumbnail(picture, maker):
    finding = found(picture, MAKERS[maker](picture))
    assert finding.statistic < SPEAKS
    assert "looks like" in finding.words


@pytest.mark.parametrize("quality", [40, 60, 95])
def test_how_much_the_thumbnail_was_compressed_does_not_matter(picture, quality):
    assert found(picture, small(picture), quality=quality).statistic < SPEAKS


@pytest.mark.parametrize("maker", [maker for maker in MAKERS if maker not in {"of 80 pixels", "grey"}])
def test_what_was_changed_since_is_found_where_it_is(picture, changed, maker):
    finding = found(changed, MAKERS[maker](picture))
    assert finding.statistic > SPEAKS
    assert "differs" in finding.words
    row, column = np.unravel_index(finding.map.argmax(), finding.map.shape)
    assert 19 <= row <= 37
    assert 39 <= column <= 58
    inside = finding.map[20:36, 40:57].mean()
    assert inside > 3 * np.delete(finding.map, np.s_[18:38], axis=0).mean()


@pytest.mark.parametrize("orientation", [3, 6])
@pytest.mark.parametrize("is_upright", [False, True], ids=["stored as the picture", "stored upright"])
def test_a_turned_picture_is_compared_as_it_is_looked_at(picture, changed, orientation, is_upright):
    def stored(pixels):
        return np.array(Image.fromarray(pixels).transpose(TURNED_BACK[orientation]))

    thumbnail = small(picture) if is_upright else stored(small(picture))
    assert found(stored(picture), thumbnail, orientation).statistic < SPEAKS
    finding = found(stored(changed), thumbnail, orientation)
    assert finding.statistic > SPEAKS
    row, column = np.unravel_index(finding.map.argmax(), finding.map.shape)
    assert 19 <= row <= 37
    assert 39 <= column <= 58


def test_a_picture_that_was_cut_is_found_and_said(picture):
    finding = found(np.ascontiguousarray(picture[40:400, 100:580]), small(picture))
    assert finding.statistic > SPEAKS
    assert "cut off" in finding.words


def test_a_thumbnail_of_another_picture_is_found_and_said(picture):
    finding = found(picture, small(scene(2)))
    assert finding.statistic > 2 * SPEAKS
    assert "another picture" in finding.words


def test_a_broken_thumbnail_is_no_evidence(picture):
    for content in (encoded(small(picture))[:900], b"\xff\xd8 no picture at all", b"\0"):
        finding = found(picture, content)
        assert np.isnan(finding.statistic)
        assert "cannot be read" in finding.words


def test_a_broken_or_missing_block_is_no_evidence(picture):
    for block in (b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0nothing"):
        finding = examine(read(encoded(picture, exif=block) if block else encoded(picture)))
        assert np.isnan(finding.statistic)
        assert "no thumbnail" in finding.words


@pytest.mark.parametrize("size", [(8, 8), (31, 200), (40, 40), (200, 33)])
@pytest.mark.parametrize("colour", [0, 128, 255])
def test_any_picture_is_answered(size, colour):
    plain = np.full((size[1], size[0], 3), colour, np.uint8)
    finding = found(plain, np.full((120, 160, 3), colour, np.uint8))
    assert np.isnan(finding.statistic) == (min(size) < 32)
    assert not finding.statistic > 0
    assert finding.map is None or finding.map.shape == (size[1] // 8, size[0] // 8)


def test_a_png_has_no_thumbnail(picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    assert np.isnan(examine(read(file.getvalue())).statistic)


def test_the_same_picture_gets_the_same_answer(picture, changed):
    first, second = (found(changed, small(picture)) for _ in range(2))
    assert first.statistic == second.statistic
    assert np.array_equal(first.map, second.map)
