"""The sample: what is planned for which picture, and the folder that is drawn."""

import hashlib
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.config_data import Sample
from pipeline.errors import UserError
from pipeline.forgery.sample_pictures import draw_sample, forge, take_photograph
from pipeline.forgery.sample_plan import GROWTH, plan_sample

SETTINGS = Sample(genuine=13, fake=16, width=96, height=64)
SEED = 5
SOURCE = re.compile(r"(?<![A-Za-z])([a-z]{3})_?([0-9]{5})")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample") / "sample"
    draw_sample(folder, SETTINGS, SEED, workers=1)
    return folder


def content(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def test_it_holds_what_was_asked_for_and_nothing_else(drawn):
    names = list(content(drawn))
    assert sum(name.startswith("genuine/") for name in names) == 13
    assert sum(name.startswith("fake/") for name in names) == 16
    assert sum(name.startswith("masks/") for name in names) == 16
    assert len(names) == 45
    assert [path.name for path in drawn.parent.iterdir()] == ["sample"]


def test_two_workers_write_the_same_bytes_as_one(drawn, tmp_path):
    draw_sample(tmp_path / "sample", SETTINGS, SEED, workers=2)
    assert content(tmp_path / "sample") == content(drawn)


def test_another_seed_gives_other_pictures_and_replaces_the_whole_folder(tmp_path):
    folder = tmp_path / "sample"
    few = Sample(genuine=4, fake=4, width=64, height=64)
    draw_sample(folder, few, 1, workers=1)
    first = content(folder)
    (folder / "genuine" / "mine.jpg").touch()
    draw_sample(folder, few, 2, workers=1)
    second = content(folder)
    assert len(first) == len(second) == 12
    assert not set(first.values()) & set(second.values())


def test_names_carry_the_sources_as_those_of_casia_do(drawn):
    genuine = {"".join(SOURCE.findall(path.stem)[0]) for path in (drawn / "genuine").iterdir()}
    assert len(genuine) == 13
    for path in (drawn / "fake").iterdir():
        assert re.fullmatch(r"Tp_[DS]_[CN][RN][EN]_[SML]_[BN]_[a-z]{3}\d{5}_[a-z]{3}\d{5}_\d{5}", path.stem)
        host, donor = ("".join(found) for found in SOURCE.findall(path.stem))
        assert (host != donor) == path.stem.startswith("Tp_D_")


def test_formats_are_what_their_endings_say_in_both_classes(drawn):
    for label in ("genuine", "fake"):
        formats = set()
        for path in (drawn / label).iterdir():
            with Image.open(path) as picture:
                assert picture.mode == "RGB"
                formats.add((path.suffix, picture.format))
        assert formats == {(".jpg", "JPEG"), (".png", "PNG"), (".tif", "TIFF")}


def test_every_fake_has_a_mask_of_its_size_in_black_and_white(drawn):
    for path in (drawn / "fake").iterdir():
        with Image.open(path) as picture, Image.open(drawn / "masks" / f"{path.stem}.png") as mask:
            assert mask.size == picture.size
            values = np.unique(np.asarray(mask))
            assert values.tolist() == [0, 255]


def test_a_losslessly_saved_fake_is_its_host_outside_the_mask(drawn):
    fakes = [
        fake
        for group in plan_sample(SETTINGS, SEED)
        for fake in group.fakes
        if fake.encoder in ("png", "tif")
    ]
    assert fakes
    for fake in fakes:
        (path,) = (drawn / "fake").glob(f"*_{fake.number:05d}.*")
        host = take_photograph(fake.host, SEED).pixels
        with Image.open(path) as picture, Image.open(drawn / "masks" / f"{path.stem}.png") as mask:
            untouched = np.asarray(mask) == 0
            assert np.array_equal(np.asarray(picture)[untouched], host[untouched])


def test_a_fake_does_not_depend_on_what_else_is_drawn():
    fake = plan_sample(SETTINGS, SEED)[0].fakes[0]
    host, donor = take_photograph(fake.host, SEED), take_photograph(fake.donor, SEED)
    assert np.array_equal(forge(fake, host, donor, SEED).pixels, forge(fake, host, donor, SEED).pixels)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file/sample"):
        draw_sample(tmp_path / "file" / "sample", SETTINGS, SEED, workers=1)


def test_when_drawing_is_stopped_the_earlier_sample_stays(tmp_path, monkeypatch):
    folder = tmp_path / "sample"
    (folder / "genuine").mkdir(parents=True)
    (folder / "genuine" / "earlier.jpg").write_text("earlier")

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.forgery.sample_pictures.draw_group", stop)
    with pytest.raises(KeyboardInterrupt):
        draw_sample(folder, SETTINGS, SEED, workers=1)
    assert list(content(tmp_path)) == ["sample/genuine/earlier.jpg"]


# The plan.


def sample(genuine=120, fake=120):
    return Sample(genuine=genuine, fake=fake, width=384, height=256)


@given(genuine=st.integers(4, 200), fake=st.integers(4, 200), seed=st.integers(0, 9))
def test_as_many_pictures_are_planned_as_are_asked_for_whatever_the_balance(genuine, fake, seed):
    plan = plan_sample(sample(genuine, fake), seed)
    assert sum(len(group.genuine) for group in plan) == genuine
    assert sum(len(group.fakes) for group in plan) == fake
    shots = [picture.shot.number for group in plan for picture in group.genuine]
    assert len(set(shots)) == genuine
    assert sorted(fake.number for group in plan for fake in group.fakes) == list(range(1, fake + 1))


@given(genuine=st.integers(4, 200), fake=st.integers(4, 200), seed=st.integers(0, 9))
def test_no_source_feeds_more_than_three_fakes_and_none_two_groups(genuine, fake, seed):
    homes, uses = {}, Counter()
    for home, group in enumerate(plan_sample(sample(genuine, fake), seed)):
        for picture in group.genuine:
            assert homes.setdefault(picture.shot.number, home) == home
        for picture in group.fakes:
            sources = {picture.host.number, picture.donor.number}
            assert len(sources) == (2 if picture.operation == "splice" else 1)
            uses.update(sources)
            assert all(homes.setdefault(number, home) == home for number in sources)
    assert max(uses.values()) <= 3


@pytest.mark.parametrize("seed", range(3))
def test_both_classes_have_the_same_shares_of_formats(seed):
    plan = plan_sample(sample(), seed)
    genuine = Counter(picture.encoder for group in plan for picture in group.genuine)
    fake = Counter(picture.encoder for group in plan for picture in group.fakes)
    assert genuine == fake
    assert set(genuine) == {"camera", "editor", "png", "tif"}


def test_most_sources_of_fakes_are_among_the_genuine_pictures_and_some_are_not():
    plan = plan_sample(sample(), 0)
    genuine = {picture.shot.number for group in plan for picture in group.genuine}
    sources = {shot.number for group in plan for fake in group.fakes for shot in (fake.host, fake.donor)}
    assert 0.8 < len(sources & genuine) / len(sources) < 1


def test_a_donor_was_taken_by_another_camera_than_its_host():
    for group in plan_sample(sample(), 1):
        assert all(
            fake.host.camera != fake.donor.camera for fake in group.fakes if fake.operation == "splice"
        )


def test_sizes_are_at_least_those_asked_for_and_vary_a_little():
    shots = [picture.shot for group in plan_sample(sample(), 0) for picture in group.genuine]
    assert {384 <= shot.width <= round(384 * (1 + GROWTH)) for shot in shots} == {True}
    assert {256 <= shot.height <= round(256 * (1 + GROWTH)) for shot in shots} == {True}
    assert len({shot.width for shot in shots}) > 30


def test_the_same_seed_gives_the_same_plan_only():
    assert plan_sample(sample(), 1) == plan_sample(sample(), 1)
    assert plan_sample(sample(), 1) != plan_sample(sample(), 2)
