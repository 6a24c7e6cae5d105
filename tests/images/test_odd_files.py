"""Mutated files neither crash nor hang reading, nor fill memory, nor pass for whole where they are not."""

import json
import subprocess
import sys

import numpy as np
import pytest
import pyvips

from pipeline.images.files import Unreadable
from pipeline.images.read import read_rgb
from tests.conftest import ROOT
from tests.images import odd_files


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
    expected = found if found.ndim == 3 else np.repeat(found[..., None], 3, axis=-1)
    difference = np.abs(read_rgb(content).astype(int) - expected[..., :3])
    assert difference.max() <= 2
    assert difference.mean() < 0.8
