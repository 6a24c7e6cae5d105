"""Data of a JPEG are written with the tables that libjpeg would choose, to the bit."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.images import huffman
from pipeline.images.encode import Stripped, take_apart
from pipeline.images.huffman import optimised
from tests.images.pictures import draw_photo, read_rgb, saved


def in_noise(height, width, seed, sigma):
    noise = np.random.default_rng(seed).normal(0, sigma, (height, width, 3))
    return Image.fromarray((draw_photo(height, width, seed) + noise).clip(0, 255).astype(np.uint8))


@given(
    st.integers(1, 70), st.integers(1, 70), st.sampled_from([0, 3, 40, 200]), st.integers(1, 100),
    st.sampled_from([0, 1, 2]), st.integers(0, 5), st.integers(0, 2**31),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_what_libjpeg_wrote_with_standard_tables_becomes_what_it_writes_when_told_to_optimise(
    height, width, sigma, quality, subsampling, restarts, seed
):
    how = {"quality": quality, "subsampling": subsampling, "restart_marker_blocks": restarts}
    picture = in_noise(height, width, seed, sigma)
    standard, best = saved(picture, **how), saved(picture, **how, optimize=True)
    parts, wanted = take_apart(standard), take_apart(best)
    (scan,), (across, down) = parts.scans, parts.sampling[0]
    units = -(-width // (8 * across)) * -(-height // (8 * down))
    pattern = (0,) * (across * down) + (1, 1)
    found = optimised(scan.huffman, pattern, units, parts.restart_interval, scan.data)
    assert found == (wanted.scans[0].huffman, wanted.scans[0].data)
    assert wanted.recoded() == wanted
    assert parts.recoded() is parts  # standard tables tell nothing


def with_generic_tables(content: bytes) -> bytes:
    """Write data with tables that know every symbol and suit no picture, as Photoshop's do."""
    parts = take_apart(content)
    (scan,) = parts.scans
    generic = {key: generic_table(key) for key in scan.huffman}
    with mock.patch.object(huffman, "_best_codes", side_effect=[generic[key] for key in scan.huffman]):
        return parts.recoded().plain()


def generic_table(key: int) -> bytes:
    (scan,) = take_apart(saved(draw_photo(40, 60, seed=8))).scans
    return scan.huffman[key][:16] + scan.huffman[key][16:][::-1]  # short codes for what is rare


def test_the_tables_of_an_editor_are_not_seen_any_more():
    best = saved(in_noise(120, 90, 4, 20), quality=88, optimize=True)
    edited = with_generic_tables(best)
    assert np.array_equal(read_rgb(edited), read_rgb(best))
    assert len(edited) > len(best)
    assert Stripped().save(edited, None) == best


@pytest.mark.parametrize(
    "data", [b"", b"\xff\x00", bytes(40), b"\x55" * 1000], ids=["none", "short", "zeros", "fives"]
)
def test_data_that_break_off_or_hold_no_code_are_refused(data):
    (scan,) = take_apart(saved(draw_photo(40, 60, seed=8))).scans
    with pytest.raises(ValueError, match=r"break off|no code|restart"):
        optimised(scan.huffman, (0, 0, 0, 0, 1, 1), 12, 0, data)
    with pytest.raises(ValueError, match="restart"):
        optimised(scan.huffman, (0, 0, 0, 0, 1, 1), 12, 4, scan.data)
