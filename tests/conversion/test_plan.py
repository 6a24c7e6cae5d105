"""Each picture gets a file of its own, whatever else is converted in whatever order, as its policy says."""

import logging
from collections import Counter
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config_data import Convert
from pipeline.conversion.convert_one import Task
from pipeline.conversion.plan import _without_ending, each_page, plan_tasks
from pipeline.conversion.policies import FEWEST, POLICIES, Pool, pools_of, signature
from pipeline.images.encode import Copied, Encoder, Jpeg, JpegLike, Png, Stripped
from pipeline.images.files import Rejected, Source
from tests.images.pictures import settings


def source(
    name: str, label: str = "fake", collection: str = "set", role: str = "train", masked: bool = False
) -> Source:
    mask = Path("m") if masked else None
    return Source(Path(name), name, f"{collection}/{label}/{name}", label, collection, role, mask_path=mask)


def sources(*names: str, **options: Any) -> list[Source]:
    return [source(name, **options) for name in names]


def plan(pictures: list[Source], policy: str) -> tuple[list[Task], list[Rejected]]:
    return plan_tasks(pictures, POLICIES[policy](pictures, settings(policy), {}), policy)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("raw", {"a.tif": "a.tif", "a.TIF": "a.TIF", "b/a.png": "b/a.png"}),
        ("equal", {"a.tif": "a.jpg", "b.JPG": "b.jpg", "c/d.e.png": "c/d.e.jpg", "f.jpg": "f.jpg"}),
        ("tif_only", {"a.jpg": "a.jpg", "a.tif": "a.tif.jpg"}),
        ("equal", {"a.png": "a.png.jpg", "a.tif": "a.tif.jpg"}),
    ],
    ids=["same", "other ending", "of two one changes", "of two both change"],
)
def test_the_ending_becomes_that_of_what_is_saved_and_names_stay_apart(policy, expected):
    tasks, _ = plan(sources(*expected), policy)
    assert {task.source.source_path: task.target.removeprefix("set/fake/") for task in tasks} == expected


def test_what_still_clashes_is_rejected_with_both_names():
    tasks, rejected = plan(sources("a.jpg", "a.tif", "a.tif.jpg"), "equal")
    assert [task.source.source_path for task in tasks] == ["a.jpg", "a.tif.jpg"]
    assert [file.path for file in rejected] == ["a.tif"]
    assert "a.tif.jpg" in rejected[0].reason
    assert "rename" in rejected[0].reason


ENDINGS = st.sampled_from(["", ".tif", ".jpg"]), st.sampled_from([".jpg", ".tif", ".PNG"])


@given(
    st.lists(st.tuples(st.sampled_from("abc"), *ENDINGS), unique=True),
    st.sampled_from(list(POLICIES)),
    st.randoms(use_true_random=False),
)
def test_no_picture_is_lost_no_target_shared_and_the_order_does_not_matter(parts, policy, random):
    pictures = sources(*("".join(part) for part in parts), masked=True)
    tasks, rejected = plan(pictures, policy)
    assert len(tasks) + len(rejected) == len(pictures)
    assert len({task.target for task in tasks}) == len(tasks)
    assert len({task.mask_target for task in tasks}) == len(tasks)
    kept = {task.target for task in tasks} & {picture.target for picture in pictures}
    ending = ".png" if policy == "lossless" else ".jpg"
    unchanged = {picture.target for picture in pictures if picture.target.endswith(ending)}
    assert unchanged <= kept
    random.shuffle(pictures)
    again, rejected_again = plan(pictures, policy)
    assert again == tasks
    assert sorted(rejected_again, key=str) == sorted(rejected, key=str)


@pytest.mark.parametrize(
    ("names", "masks"),
    [
        (["x/a.jpg"], ["set/masks/x/a.png"]),
        (["a.jpg", "a.png"], ["set/masks/a.jpg.png", "set/masks/a.png.png"]),
    ],
)
def test_masks_are_named_after_their_pictures(names, masks):
    tasks, _ = plan(sources(*names, masked=True), "raw")
    assert [task.mask_target for task in tasks] == masks
    tasks, _ = plan([*sources("a.jpg", masked=True), source("a.jpg", "genuine", masked=True)], "raw")
    assert len({task.mask_target for task in tasks}) == 2


def test_every_page_becomes_a_picture_of_its_own_and_keeps_apart_from_other_files():
    pages = each_page(sources("a.tif", "b/c.tif"), {"b/c.tif": 3, "a.tif": 1})
    names = [each.target.removeprefix("set/fake/") for each in pages]
    assert names == ["a.tif", "b/c.tif", "b/c-page2.tif", "b/c-page3.tif"]
    assert [each.page for each in pages] == [0, 0, 1, 2]
    assert {each.source_path for each in pages[1:]} == {"b/c.tif"}
    pages = each_page(sources("a.tif", "a-page2.png"), {"a.tif": 2})
    tasks, rejected = plan(pages, "equal")
    assert not rejected
    names = ["a-page2.png.jpg", "a-page2.tif.jpg", "a.jpg"]
    assert sorted(task.target for task in tasks) == [f"set/fake/{name}" for name in names]


@given(st.lists(st.text("ab.", min_size=1, max_size=4).filter(lambda part: part.strip(".")), min_size=1))
def test_endings_are_those_of_the_library(parts):
    path = PurePosixPath(*parts)
    assert _without_ending(str(path)) + path.suffix == str(path)


# Donors are drawn as often as fakes have their settings; few draws change when fakes come.

NAMES = [f"set/genuine/{i}.jpg" for i in range(20_000)]


def jpeg_like(number: int) -> JpegLike:
    return JpegLike(((number,) * 64,), "4:4:4")


def fake_names(collection: str, counts: dict[int, int], role: str = "train") -> tuple[list[Source], dict]:
    """So many fakes with each jpeg_like; 0 stands for those that are no JPEG."""
    pictures, last_saves = [], {}
    for number, count in counts.items():
        for i in range(count):
            name = f"{collection}/{number}-{i}"
            pictures.append(source(name, collection=collection, role=role))
            last_saves[name] = jpeg_like(number) if number else None
    return pictures, last_saves


def pool(*weights: int) -> Pool:
    return Pool(tuple(jpeg_like(i + 1) for i in range(len(weights))), weights, own=True)


def test_settings_are_drawn_as_often_as_fakes_have_them_by_the_name_alone():
    drawn = Counter(pool(1, 3, 16).draw(NAMES))
    for number, share in ((1, 0.05), (2, 0.15), (3, 0.8)):
        deviation = (share * (1 - share) / len(NAMES)) ** 0.5
        assert abs(drawn[jpeg_like(number)] / len(NAMES) - share) < 4 * deviation
    together = pool(1, 3, 16).draw(NAMES[:50])
    assert [pool(1, 3, 16).draw([name])[0] for name in NAMES[:50]] == together
    on_every_machine = pool(1, 3, 16).draw(["a", "b", "c", "ü", "x/y.tif", "1", "2", "3"])
    assert [donor.tables[0][0] for donor in on_every_machine] == [3, 2, 3, 3, 3, 3, 2, 3]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=8), st.data())
def test_more_fakes_of_one_kind_move_pictures_to_it_alone(weights, data):
    grown = data.draw(st.integers(0, len(weights) - 1))
    more = list(weights)
    more[grown] += data.draw(st.integers(1, 20))
    pairs = zip(pool(*weights).draw(NAMES[:500]), pool(*more).draw(NAMES[:500]), strict=True)
    assert all(after in (before, jpeg_like(grown + 1)) for before, after in pairs)


def test_one_fake_more_in_a_hundred_moves_a_hundredth():
    before, after = pool(20, 30, 50).draw(NAMES), pool(20, 30, 51).draw(NAMES)
    moved = sum(one != other for one, other in zip(before, after, strict=True))
    assert 0.003 < moved / len(NAMES) < 0.008  # of the hundredth that draws the new one, half had it before


def test_a_collection_takes_the_settings_of_its_own_fakes_and_none_of_genuine_jpegs():
    pictures, last_saves = fake_names("a", {1: 2, 2: 3, 0: 4})
    donors = sorted((jpeg_like(1), jpeg_like(2)), key=lambda donor: donor.words)
    weights = tuple({1: 2, 2: 3}[donor.tables[0][0]] for donor in donors)
    assert pools_of(pictures, last_saves) == {"a": Pool(tuple(donors), weights, own=True)}
    genuine = [replace(each, label="genuine") for each in pictures]
    assert pools_of(genuine, last_saves) == {"a": None}


@pytest.mark.parametrize("role", ["train", "test"])
def test_a_collection_with_too_few_borrows_from_those_to_train_on(role):
    pictures, last_saves = fake_names("a", {1: FEWEST})
    few, of_few = fake_names("b", {2: FEWEST - 1}, role)
    tested, of_tested = fake_names("c", {3: 50}, "test")
    pools = pools_of(pictures + few + tested, {**last_saves, **of_few, **of_tested})
    assert not pools["b"].own
    assert set(pools["b"].donors) == ({jpeg_like(1), jpeg_like(2)} if role == "train" else {jpeg_like(1)})
    assert pools["c"].own


def test_where_there_are_too_few_altogether_there_is_no_pool():
    pictures, last_saves = fake_names("a", {1: FEWEST - 1, 0: 30})
    tested, of_tested = fake_names("c", {3: 50}, "test")
    pools = pools_of(pictures + tested, {**last_saves, **of_tested})
    assert pools["a"] is None
    assert pools["c"].own


# The signature of a policy changes with whatever changes the result.

DONOR = jpeg_like(1)


def encoder(policy: str, name: str) -> Encoder:
    return POLICIES[policy]([source(name)], settings(policy, quality=90, subsampling="4:2:0"), {})[0]


@pytest.mark.parametrize("name", ["a.tif", "a.TIFF", "a.jpg", "a.JPG", "a.png", "a.webp"])
def test_each_policy_saves_what_it_says(name):
    assert encoder("raw", name) == Copied()
    assert encoder("tif_only", name) == (Jpeg(90, "4:2:0") if ".tif" in name.lower() else Copied())
    assert encoder("equal", name) == Jpeg(90, "4:2:0")
    assert encoder("lossless", name) == Png()


def fakes(count: int, collection: str = "set", role: str = "train") -> list[Source]:
    return [source(f"{collection}{i}.jpg", collection=collection, role=role) for i in range(count)]


def test_matched_keeps_fake_jpegs_and_saves_the_rest_like_them():
    pictures = [*fakes(5), source("f.tif"), source("g.jpg", "genuine"), source("h.png", "genuine")]
    last_saves = {each.source_path: DONOR for each in pictures[:5]} | {"f.tif": None}
    encoders = POLICIES["matched"](pictures, settings("matched"), last_saves)
    assert encoders == [Stripped()] * 5 + [DONOR] * 3


def test_matched_keeps_none_where_the_settings_are_of_another_collection(caplog):
    pictures = [*fakes(5), *fakes(4, "few"), source("g.jpg", "genuine", "few")]
    other = jpeg_like(2)
    last_saves = {each.source_path: DONOR if each.collection == "set" else other for each in pictures[:9]}
    with caplog.at_level(logging.INFO):
        encoders = POLICIES["matched"](pictures, settings("matched"), last_saves)
    assert encoders[:5] == [Stripped()] * 5
    assert set(encoders[5:]) <= {DONOR, other}
    assert "fewer than 5 fake JPEGs in few" in caplog.text


def test_matched_without_fake_jpegs_saves_all_alike_and_logs_it(caplog):
    pictures = [*fakes(4), source("g.jpg", "genuine")]
    last_saves = {each.source_path: DONOR for each in pictures[:4]}
    with caplog.at_level(logging.INFO):
        encoders = POLICIES["matched"](pictures, settings("matched", quality=88), last_saves)
    assert encoders == [Jpeg(88, "4:4:4")] * 5
    assert len(caplog.messages) == 1
    assert "set" in caplog.text
    assert "quality 88" in caplog.text


def test_signatures_tell_policies_and_settings_apart_and_the_schema_allows_exactly_those_policies():
    assert set(get_args(Convert.model_fields["policy"].annotation)) == set(POLICIES)
    jpeg = Jpeg(95, "4:4:4")
    assert signature("equal", jpeg.words).startswith("equal(quality=95,subsampling=4:4:4,reading=")
    assert signature("raw", Copied().words).startswith("raw(copied,reading=")
    different = [("equal", jpeg), ("equal", Jpeg(94, "4:4:4")), ("tif_only", Copied())]
    different += [("raw", Copied()), ("matched", DONOR), ("matched", Stripped())]
    assert len({signature(policy, encoder.words) for policy, encoder in different}) == 6
