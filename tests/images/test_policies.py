"""Each policy saves what it says, and its signature changes with whatever changes the result."""

import logging
from pathlib import Path

import pytest

from pipeline import config
from pipeline.images.policies import POLICIES, signature
from pipeline.images.savings import Copied, Jpeg, JpegLike, Png, Saving, Stripped
from pipeline.images.sources import Source
from tests.images.pictures import settings

DONOR = JpegLike(((1,) * 64,), "4:4:4")


def source(name: str, label: str = "fake", collection: str = "set", role: str = "train") -> Source:
    return Source(Path(name), name, f"{collection}/{label}/{name}", label, collection, role)


def saving(policy: str, name: str) -> Saving:
    return POLICIES[policy]([source(name)], settings(policy, quality=90, subsampling="4:2:0"), {})[0]


def test_the_schema_allows_exactly_the_policies_that_there_are():
    allowed = config.Convert.__dataclass_fields__["policy"].metadata["choices"]
    assert set(allowed) == set(POLICIES)


@pytest.mark.parametrize("name", ["a.tif", "a.TIFF", "a.jpg", "a.png"])
def test_raw_copies_everything(name):
    assert saving("raw", name) == Copied()


@pytest.mark.parametrize(
    ("name", "saved"), [("a.tif", True), ("a.TIFF", True), ("a.jpg", False), ("a.png", False)]
)
def test_tif_only_saves_tifs_alone(name, saved):
    assert saving("tif_only", name) == (Jpeg(90, "4:2:0") if saved else Copied())


@pytest.mark.parametrize("name", ["a.tif", "a.jpg", "a.JPG", "a.webp"])
def test_equal_and_lossless_save_everything_alike(name):
    assert saving("equal", name) == Jpeg(90, "4:2:0")
    assert saving("lossless", name) == Png()


def fakes(count: int, collection: str = "set", role: str = "train") -> list[Source]:
    return [source(f"{collection}{i}.jpg", collection=collection, role=role) for i in range(count)]


def test_matched_keeps_fake_jpegs_and_saves_the_rest_like_them():
    pictures = [*fakes(5), source("f.tif"), source("g.jpg", "genuine"), source("h.png", "genuine")]
    last_saves = {each.source_path: DONOR for each in pictures[:5]} | {"f.tif": None}
    savings = POLICIES["matched"](pictures, settings("matched"), last_saves)
    assert savings == [Stripped()] * 5 + [DONOR] * 3


def test_matched_keeps_none_where_the_settings_are_of_another_collection(caplog):
    pictures = [*fakes(5), *fakes(4, "few"), source("g.jpg", "genuine", "few")]
    other = JpegLike(((2,) * 64,), "4:4:4")
    last_saves = {each.source_path: DONOR if each.collection == "set" else other for each in pictures[:9]}
    with caplog.at_level(logging.INFO):
        savings = POLICIES["matched"](pictures, settings("matched"), last_saves)
    assert savings[:5] == [Stripped()] * 5
    assert set(savings[5:]) <= {DONOR, other}
    assert "fewer than 5 fake JPEGs in few" in caplog.text


def test_matched_without_fake_jpegs_saves_all_alike_and_says_so(caplog):
    pictures = [*fakes(4), source("g.jpg", "genuine")]
    last_saves = {each.source_path: DONOR for each in pictures[:4]}
    with caplog.at_level(logging.INFO):
        savings = POLICIES["matched"](pictures, settings("matched", quality=88), last_saves)
    assert savings == [Jpeg(88, "4:4:4")] * 5
    assert len(caplog.messages) == 1
    assert "set" in caplog.text
    assert "quality 88" in caplog.text


def test_signatures_tell_ways_and_settings_apart_and_name_them():
    assert signature("equal", Jpeg(95, "4:4:4")).startswith("equal(quality=95,subsampling=4:4:4,reading=")
    assert signature("raw", Copied()).startswith("raw(copied,reading=")
    different = [
        ("equal", Jpeg(95, "4:4:4")),
        ("equal", Jpeg(94, "4:4:4")),
        ("tif_only", Copied()),
        ("raw", Copied()),
        ("matched", DONOR),
        ("matched", Stripped()),
    ]
    assert len({signature(*each) for each in different}) == 6
