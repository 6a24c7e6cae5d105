import cv2
import numpy as np
import pytest

from pipeline.examination.claimed_original import compare
from tests.examination.drawn import texture

ORIGINAL = texture(240, 320, seed=3)


def edited():
    changed = ORIGINAL.copy()
    changed[80:140, 140:220] = texture(60, 80, seed=9)
    return changed


def test_the_same_picture_differs_nowhere():
    found = compare(ORIGINAL, ORIGINAL)
    assert found.share == 0
    assert found.difference.max() == 0


@pytest.mark.parametrize("kind", ["as it is", "cropped", "smaller", "turned", "brighter"])
def test_a_change_is_found_where_it_is(kind):
    picture, original, place = edited(), ORIGINAL, (slice(80, 140), slice(140, 220))
    if kind == "cropped":
        picture, place = picture[24:, 40:], (slice(56, 116), slice(100, 180))
    elif kind == "smaller":
        original = cv2.resize(original, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)
    elif kind == "turned":
        original = np.ascontiguousarray(np.rot90(original))
    elif kind == "brighter":
        original = (original * 0.8 + 30).astype(np.uint8)
    found = compare(np.ascontiguousarray(picture), original)
    assert found.original is not None, found.words
    outside = found.difference.astype(float)
    outside[place[0].start - 12 : place[0].stop + 12, place[1].start - 12 : place[1].stop + 12] = np.nan
    assert found.difference[place].mean() > 6 * np.nanmean(outside) + 10
    assert 0.2 < found.share * picture.shape[0] * picture.shape[1] / (60 * 80) < 1.5
    assert "most of it" in found.words


def test_unlike_pictures_are_said_to_be_so():
    found = compare(ORIGINAL, texture(240, 320, seed=77))
    assert found.original is None
    assert "cannot be laid on one another" in found.words


def test_flat_pictures_are_no_trouble():
    flat = np.full((64, 64, 3), 120, np.uint8)
    assert compare(flat, flat).original is None
    assert compare(ORIGINAL, flat).original is None
