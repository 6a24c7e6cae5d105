"""What is dealt to which picture."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import Sample
from pipeline.forgery.sample_plan import GROWTH, plan_sample


def sample(genuine=120, fake=120):
    return Sample(genuine=genuine, fake=fake, width=384, height=256)


@given(genuine=st.integers(4, 200), fake=st.integers(4, 200), seed=st.integers(0, 9))
def test_as_many_pictures_are_planned_as_are_asked_for_whatever_the_balance(genuine, fake, seed):
    plan = plan_sample(sample(genuine, fake), seed)
    assert sum(len(here.genuine) for here in plan) == genuine
    assert sum(len(here.fakes) for here in plan) == fake
    shots = [picture.shot.number for here in plan for picture in here.genuine]
    assert len(set(shots)) == genuine
    assert sorted(fake.number for here in plan for fake in here.fakes) == list(range(1, fake + 1))


@given(genuine=st.integers(4, 200), fake=st.integers(4, 200), seed=st.integers(0, 9))
def test_no_source_feeds_more_than_three_fakes_and_none_two_neighbourhoods(genuine, fake, seed):
    homes, uses = {}, Counter()
    for home, here in enumerate(plan_sample(sample(genuine, fake), seed)):
        for picture in here.genuine:
            assert homes.setdefault(picture.shot.number, home) == home
        for picture in here.fakes:
            sources = {picture.host.number, picture.donor.number}
            assert len(sources) == (2 if picture.deed == "splice" else 1)
            uses.update(sources)
            assert all(homes.setdefault(number, home) == home for number in sources)
    assert max(uses.values()) <= 3


@pytest.mark.parametrize("seed", range(3))
def test_both_classes_have_the_same_shares_of_formats(seed):
    plan = plan_sample(sample(), seed)
    genuine = Counter(picture.save for here in plan for picture in here.genuine)
    fake = Counter(picture.save for here in plan for picture in here.fakes)
    assert genuine == fake
    assert set(genuine) == {"camera", "editor", "png", "tif"}


def test_most_sources_of_fakes_are_among_the_genuine_pictures_and_some_are_not():
    plan = plan_sample(sample(), 0)
    genuine = {picture.shot.number for here in plan for picture in here.genuine}
    sources = {shot.number for here in plan for fake in here.fakes for shot in (fake.host, fake.donor)}
    assert 0.8 < len(sources & genuine) / len(sources) < 1


def test_a_donor_was_taken_by_another_camera_than_its_host():
    for here in plan_sample(sample(), 1):
        assert all(fake.host.camera != fake.donor.camera for fake in here.fakes if fake.deed == "splice")


def test_sizes_are_at_least_those_asked_for_and_vary_a_little():
    shots = [picture.shot for here in plan_sample(sample(), 0) for picture in here.genuine]
    assert {384 <= shot.width <= round(384 * (1 + GROWTH)) for shot in shots} == {True}
    assert {256 <= shot.height <= round(256 * (1 + GROWTH)) for shot in shots} == {True}
    assert len({shot.width for shot in shots}) > 30


def test_the_same_seed_gives_the_same_plan_only():
    assert plan_sample(sample(), 1) == plan_sample(sample(), 1)
    assert plan_sample(sample(), 1) != plan_sample(sample(), 2)
