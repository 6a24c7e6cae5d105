"""Mutated files neither crash nor hang reading, nor fill memory, nor pass for whole where they are not."""

import io
import json
import random
import subprocess
import sys

import numpy as np
import pytest
import pyvips
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.images.files import Unreadable
from tests.conftest import ROOT
from tests.images import odd_files
from tests.images.odd_files import damaged
from tests.images.pictures import PHOTO, draw_photo, encoded, read_rgb, rgb


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are set as Linux does")
@pytest.mark.parametrize("first", [0, 1000])
def test_a_thousand_mutated_files_are_read_or_refused(first):
    ended = subprocess.run(
        [sys.executable, "-m", "tests.images.fuzz_reading", str(first), "1000"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads(ended.stdout)
    assert found["wrong"] == []
    assert found["read"] + found["refused"] == 1000
    assert min(found["read"], found["refused"]) > 200  # neither is a matter of chance
    assert found["peak_mib"] < 1024


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is asked of Linux")
def test_the_limit_of_memory_counts_all_that_reading_takes():
    ended = subprocess.run(
        [sys.executable, "-m", "tests.images.peak_of_reading"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = [json.loads(line) for line in ended.stdout.splitlines()]
    assert len(found) == 16
    for kind in found:
        assert 3 < kind["peak"] < kind["counted"] + 1.5, kind  # what is there once adds some megabytes


# A corpus of odd files: each is read right, or refused with its reason.

READABLE, BROKEN = odd_files.readable(), odd_files.broken()


@pytest.mark.parametrize("name", READABLE)
def test_it_shows_what_is_in_it(name):
    odd = READABLE[name]
    found = read_rgb(odd.content)
    assert found.shape == odd.shown.shape
    difference = np.abs(found.astype(int) - odd.shown.astype(int))
    # A wrong byte order or sign would be far off in some pixels, not in the mean alone.
    assert difference.mean() <= odd.tolerance
    assert difference.max() <= 40 * odd.tolerance + (odd.tolerance > 0)


@pytest.mark.parametrize("name", BROKEN)
def test_it_is_refused_with_its_reason(name):
    content, reason = BROKEN[name]
    with pytest.raises(Unreadable, match=reason):
        read_rgb(content)


def test_the_corpus_is_as_large_as_it_should_be():
    assert len(READABLE) >= 120
    assert len(BROKEN) >= 40


# What is read is what another decoder reads, where there is one that can.

# libvips scales by other rules, leaves bands and palettes as they are, or has no decoder.
OTHERWISE = (
    "int8", "int16", "int32", "int64", "float", "bits", "white is zero", "five bands", "unknown", "lab",
    "palette of", "cmyk", "compressed by", "alpha", "bmp", "animated", "uncompressed", "thumbnail",
    "jpeg 2000", "avif",
)  # fmt: skip
COMPARED = [name for name in READABLE if not any(part in name for part in OTHERWISE)]


@pytest.mark.parametrize("name", COMPARED)
def test_libvips_reads_the_same(name):
    content = READABLE[name].content
    image = pyvips.Image.new_from_buffer(content, "")
    found = image.colourspace("srgb").numpy()
    expected = found if found.ndim == 3 else rgb(found)
    difference = np.abs(read_rgb(content).astype(int) - expected[..., :3])
    assert difference.max() <= 2
    assert difference.mean() < 0.8


# Whole JPEGs are never called damaged, and damaged ones are, where the decoder can know.


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
    plain = Image.open(io.BytesIO(encoding)).convert("RGB")
    assert np.array_equal(read_rgb(encoding), np.asarray(plain))
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
    jpeg = encoded(PHOTO, "JPEG")
    assert np.array_equal(read_rgb(jpeg + junk), read_rgb(jpeg))
