import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.images.read import Unreadable
from pipeline.inputs.resize import load, resize
from tests.inputs.drawn import blotches, preprocess

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


def test_a_file_and_its_content_give_the_same_pixels(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(blotches(1)).save(path)
    assert np.array_equal(load(path, preprocess()), load(path.read_bytes(), preprocess()))


def test_a_jpeg_decoded_at_reduced_size_looks_like_one_decoded_whole():
    content = io.BytesIO()
    Image.fromarray(blotches(2, height=256, width=384)).save(content, "JPEG", quality=95, subsampling=0)
    whole = np.array(Image.open(content))
    fast = load(content.getvalue(), preprocess(height=64, width=64))
    assert np.abs(fast.astype(int) - resize(whole, 64, 64)).max() <= 6


def test_an_unreadable_file_is_named(tmp_path):
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"no picture")
    with pytest.raises(Unreadable, match=r"broken\.jpg"):
        load(path, preprocess())
