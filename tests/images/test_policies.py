"""Each policy saves what it says, and its signature changes with whatever changes the result."""

import io
from pathlib import PurePosixPath

import numpy as np
import pytest
from PIL import Image

from pipeline import config
from pipeline.config import Convert
from pipeline.images.jpeg import read_header
from pipeline.images.policies import POLICIES, Jpeg, signature


def encoding(policy: str, name: str) -> Jpeg | None:
    return POLICIES[policy](PurePosixPath(name), Convert(policy=policy, quality=90, subsampling="4:2:0"))


def test_the_schema_allows_exactly_the_policies_that_there_are():
    allowed = config.Convert.__dataclass_fields__["policy"].metadata["choices"]
    assert set(allowed) == set(POLICIES)


@pytest.mark.parametrize("name", ["a.tif", "a.TIFF", "a.jpg", "a.png"])
def test_raw_copies_everything(name):
    assert encoding("raw", name) is None


@pytest.mark.parametrize(
    ("name", "saved"), [("a.tif", True), ("a.TIFF", True), ("a.jpg", False), ("a.png", False)]
)
def test_tif_only_saves_tifs_alone(name, saved):
    assert encoding("tif_only", name) == (Jpeg(90, "4:2:0") if saved else None)


@pytest.mark.parametrize("name", ["a.tif", "a.jpg", "a.JPG", "a.webp"])
def test_equal_saves_everything_alike(name):
    assert encoding("equal", name) == Jpeg(90, "4:2:0")


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_a_jpeg_is_saved_as_told(photo, subsampling):
    header = read_header(Jpeg(91, subsampling).encode(Image.fromarray(photo())))
    assert (header.quality, header.exact, header.subsampling, header.progressive) == (
        91,
        True,
        subsampling,
        False,
    )


def test_a_jpeg_holds_nothing_but_its_pixels(photo):
    picture = Image.fromarray(photo())
    plain = Jpeg(95, "4:4:4").encode(picture)
    with Image.open(io.BytesIO(plain)) as stored:
        assert set(stored.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        assert np.abs(np.asarray(stored).astype(float) - photo()).mean() < 3


def test_signatures_tell_settings_apart_and_name_them():
    assert signature("equal", Jpeg(95, "4:4:4")).startswith("equal(quality=95,subsampling=4:4:4,reading=")
    assert signature("raw", None).startswith("raw(copied,reading=")
    different = [
        ("equal", Jpeg(95, "4:4:4")),
        ("equal", Jpeg(94, "4:4:4")),
        ("tif_only", None),
        ("raw", None),
    ]
    assert len({signature(*each) for each in different}) == 4
