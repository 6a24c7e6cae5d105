"""Whole JPEGs are never called damaged, and damaged ones are, where the decoder can know."""

import io
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.images.files import Unreadable
from pipeline.images.read import read_rgb
from tests.images.odd_files import damaged, encoded
from tests.images.pictures import draw_photo


def drawn(content: str, height: int, width: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if content == "flat":
        return np.full((height, width, 3), rng.integers(0, 256), np.uint8)
    if content == "noise":
        return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return draw_photo(height, width, seed)


@settings(max_examples=300)
@given(
    content=st.sampled_from(["flat", "noise", "photo"]),
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    seed=st.integers(0, 99),
    mode=st.sampled_from(["RGB", "L", "CMYK"]),
    options=st.fixed_dictionaries(
        {"quality": st.integers(1, 100), "optimize": st.booleans(), "progressive": st.booleans()},
        optional={
            "subsampling": st.sampled_from(["4:4:4", "4:2:2", "4:2:0"]),
            "restart_marker_blocks": st.integers(1, 20),
        },
    ),
)
def test_a_whole_jpeg_is_never_called_damaged(content, height, width, seed, mode, options):
    picture = Image.fromarray(drawn(content, height, width, seed)).convert(mode)
    encoding = encoded(picture, "JPEG", **options)
    plain = Image.open(io.BytesIO(encoding))
    assert np.array_equal(read_rgb(encoding), np.asarray(plain.convert("RGB")))
    assert read_rgb(encoding, at_least=(height // 2 or 1, width // 2 or 1)).shape[2] == 3


def test_data_that_are_missing_or_too_many_are_noticed():
    noticed = 0
    for seed in range(40):
        chance = random.Random(seed)
        jpeg = encoded(draw_photo(120, 160, seed), "JPEG", quality=chance.randrange(60, 98))
        start, size = chance.randrange(200, 900), chance.choice([100, 300])
        change = chance.choice([
            lambda data, start=start, size=size: data[:start] + data[start + size :],
            lambda data, start=start: data[:start] + data[start - 100 : start] + data[start:],
        ])  # fmt: skip
        try:
            read_rgb(damaged(jpeg, change))
        except Unreadable as error:
            noticed += "it is damaged" in error.reason
    assert noticed >= 36


def test_no_real_picture_is_called_damaged(real_pictures):
    pictures = sorted(real_pictures.rglob("*.jpg"))[::8]
    assert len(pictures) > 100
    for path in pictures:
        assert read_rgb(path).ndim == 3


@pytest.mark.parametrize(
    "junk", [b"", b"\0" * 99, b"\xff\xd8\xff" * 99], ids=["nothing", "zeros", "starts of pictures"]
)
def test_what_follows_a_jpeg_is_no_part_of_it(junk):
    jpeg = encoded(draw_photo(), "JPEG")
    assert np.array_equal(read_rgb(jpeg + junk), read_rgb(jpeg))
