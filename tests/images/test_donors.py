"""Donors are drawn as often as fakes have their settings; few draws change when fakes come."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.images.donors import FEWEST, Pool, pools_of
from pipeline.images.savings import JpegLike
from pipeline.images.sources import Source

NAMES = [f"set/genuine/{i}.jpg" for i in range(20_000)]


def settings(number: int) -> JpegLike:
    return JpegLike(((number,) * 64,), "4:4:4")


def fakes(collection: str, counts: dict[int, int], role: str = "train") -> tuple[list[Source], dict]:
    """So many fakes with each settings; 0 stands for those that are no JPEG."""
    sources, last_saves = [], {}
    for number, count in counts.items():
        for i in range(count):
            name = f"{collection}/{number}-{i}"
            sources.append(Source(Path(name), name, f"{name}.jpg", "fake", collection, role))
            last_saves[name] = settings(number) if number else None
    return sources, last_saves


def pool(*weights: int) -> Pool:
    return Pool(tuple(settings(i + 1) for i in range(len(weights))), weights, own=True)


def test_settings_are_drawn_as_often_as_fakes_have_them():
    drawn = Counter(pool(1, 3, 16).draw(NAMES))
    for number, share in ((1, 0.05), (2, 0.15), (3, 0.8)):
        deviation = (share * (1 - share) / len(NAMES)) ** 0.5
        assert abs(drawn[settings(number)] / len(NAMES) - share) < 4 * deviation


def test_a_draw_depends_on_the_name_alone():
    together = pool(1, 3, 16).draw(NAMES[:50])
    assert [pool(1, 3, 16).draw([name])[0] for name in NAMES[:50]] == together


def test_a_draw_is_the_same_on_every_machine():
    drawn = pool(1, 3, 16).draw(["a", "b", "c", "ü", "x/y.tif", "1", "2", "3"])
    assert [donor.tables[0][0] for donor in drawn] == [3, 2, 3, 3, 3, 3, 2, 3]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=8), st.data())
def test_more_fakes_of_one_kind_move_pictures_to_it_alone(weights, data):
    grown = data.draw(st.integers(0, len(weights) - 1))
    more = list(weights)
    more[grown] += data.draw(st.integers(1, 20))
    pairs = zip(pool(*weights).draw(NAMES[:500]), pool(*more).draw(NAMES[:500]), strict=True)
    assert all(after in (before, settings(grown + 1)) for before, after in pairs)


def test_one_fake_more_in_a_hundred_moves_a_hundredth():
    before, after = pool(20, 30, 50).draw(NAMES), pool(20, 30, 51).draw(NAMES)
    moved = sum(one != other for one, other in zip(before, after, strict=True))
    assert 0.003 < moved / len(NAMES) < 0.008  # of the hundredth that draws the new one, half had it before


def test_a_collection_gives_its_own_fakes_settings():
    sources, last_saves = fakes("a", {1: 2, 2: 3, 0: 4})
    assert pools_of(sources, last_saves) == {
        "a": Pool((*sorted_settings(1, 2),), weights_of({1: 2, 2: 3}), True)
    }


def sorted_settings(*numbers: int) -> list[JpegLike]:
    return sorted((settings(number) for number in numbers), key=lambda donor: donor.words)


def weights_of(counts: dict[int, int]) -> tuple[int, ...]:
    return tuple(counts[donor.tables[0][0]] for donor in sorted_settings(*counts))


@pytest.mark.parametrize("role", ["train", "test"])
def test_a_collection_with_too_few_borrows_from_those_to_train_on(role):
    sources, last_saves = fakes("a", {1: FEWEST})
    few, of_few = fakes("b", {2: FEWEST - 1}, role)
    tested, of_tested = fakes("c", {3: 50}, "test")
    pools = pools_of(sources + few + tested, {**last_saves, **of_few, **of_tested})
    assert not pools["b"].own
    assert set(pools["b"].donors) == ({settings(1), settings(2)} if role == "train" else {settings(1)})
    assert pools["c"].own


def test_where_there_are_too_few_altogether_there_is_no_pool():
    sources, last_saves = fakes("a", {1: FEWEST - 1, 0: 30})
    tested, of_tested = fakes("c", {3: 50}, "test")
    pools = pools_of(sources + tested, {**last_saves, **of_tested})
    assert pools["a"] is None
    assert pools["c"].own


def test_genuine_jpegs_are_no_donors():
    sources, last_saves = fakes("a", {1: 50})
    genuine = [Source(s.path, s.source_path, s.target, "genuine", "a", "train") for s in sources]
    assert pools_of(genuine, last_saves) == {"a": None}
