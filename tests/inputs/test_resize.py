import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inputs.resize import resize
from tests.inputs.drawn import blotches

sides = st.integers(1, 40)


@given(sides, sides, sides, sides)
def test_any_size_becomes_the_wanted_one(height, width, wanted_height, wanted_width):
    picture = np.full((height, width, 3), 77, np.uint8)
    resized = resize(picture, wanted_height, wanted_width)
    assert resized.shape == (wanted_height, wanted_width, 3)
    assert resized.dtype == np.uint8
    assert (resized == 77).all()


def test_a_picture_of_the_wanted_size_keeps_its_pixels():
    picture = blotches(0)
    assert np.array_equal(resize(picture, *picture.shape[:2]), picture)


def test_fine_texture_is_averaged_and_makes_no_moire():
    stripes = np.zeros((64, 96, 3), np.uint8)
    stripes[:, ::2] = 255
    resized = resize(stripes, 64, 36)
    assert abs(resized.mean() - 127.5) < 2
    assert resized.std() < 45


def test_one_axis_may_shrink_while_the_other_grows():
    ramp = np.repeat(np.linspace(0, 255, 64, dtype=np.uint8)[None, :, None], 8, axis=0).repeat(3, axis=2)
    resized = resize(ramp, 32, 16)
    assert np.array_equal(resized, np.broadcast_to(resized[:1], resized.shape))
    assert (np.diff(resized[0, :, 0].astype(int)) > 0).all()
