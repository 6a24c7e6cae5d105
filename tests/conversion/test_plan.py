"""Each picture gets a file of its own, the same whatever else is converted in whatever order."""

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.conversion.plan import Task, _without_ending, each_page, plan_tasks
from pipeline.conversion.policies import POLICIES
from pipeline.images.files import Rejected, Source
from tests.images.pictures import settings


def sources(*names: str, label: str = "fake", masked: bool = False) -> list[Source]:
    return [
        Source(
            Path(name),
            name,
            f"set/{label}/{name}",
            label,
            "set",
            "train",
            mask_path=Path("m") if masked else None,
        )
        for name in names
    ]


def plan(pictures: list[Source], policy: str) -> tuple[list[Task], list[Rejected]]:
    return plan_tasks(pictures, POLICIES[policy](pictures, settings(policy), {}), policy)


def targets(policy: str, *names: str) -> dict[str, str]:
    tasks, _ = plan(sources(*names), policy)
    return {task.source_path: task.target.removeprefix("set/fake/") for task in tasks}


def test_raw_keeps_every_name():
    assert targets("raw", "a.tif", "a.TIF", "b/a.png") == {
        "a.tif": "a.tif",
        "a.TIF": "a.TIF",
        "b/a.png": "b/a.png",
    }


def test_the_ending_becomes_that_of_what_is_saved():
    assert targets("equal", "a.tif", "b.JPG", "c/d.e.png", "f.jpg") == {
        "a.tif": "a.jpg",
        "b.JPG": "b.jpg",
        "c/d.e.png": "c/d.e.jpg",
        "f.jpg": "f.jpg",
    }


def test_of_two_with_one_name_the_one_whose_ending_changes_keeps_its_old_ending():
    assert targets("tif_only", "a.jpg", "a.tif") == {"a.jpg": "a.jpg", "a.tif": "a.tif.jpg"}


def test_of_two_that_both_change_both_keep_their_old_ending():
    assert targets("equal", "a.png", "a.tif") == {"a.png": "a.png.jpg", "a.tif": "a.tif.jpg"}


def test_what_still_clashes_is_rejected_with_both_names():
    tasks, rejected = plan(sources("a.jpg", "a.tif", "a.tif.jpg"), "equal")
    assert [task.source_path for task in tasks] == ["a.jpg", "a.tif.jpg"]
    assert [file.path for file in rejected] == ["a.tif"]
    assert "a.tif.jpg" in rejected[0].reason
    assert "rename" in rejected[0].reason


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.sampled_from(["", ".tif", ".jpg"]),
            st.sampled_from([".jpg", ".tif", ".PNG"]),
        ),
        unique=True,
    ),
    st.sampled_from(["raw", "tif_only", "equal", "matched", "lossless"]),
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


def test_a_genuine_picture_with_a_mask_does_not_take_the_name_of_a_fakes_mask():
    pictures = [*sources("a.jpg", masked=True), *sources("a.jpg", label="genuine", masked=True)]
    tasks, _ = plan(pictures, "raw")
    assert len({task.mask_target for task in tasks}) == 2


def test_every_page_becomes_a_picture_of_its_own():
    pages = each_page(sources("a.tif", "b/c.tif"), {"b/c.tif": 3, "a.tif": 1})
    assert [(each.target.removeprefix("set/fake/"), each.page) for each in pages] == [
        ("a.tif", 0),
        ("b/c.tif", 0),
        ("b/c-page2.tif", 1),
        ("b/c-page3.tif", 2),
    ]
    assert {each.source_path for each in pages[1:]} == {"b/c.tif"}


def test_a_page_whose_name_is_taken_by_another_file_keeps_apart_from_it():
    pages = each_page(sources("a.tif", "a-page2.png"), {"a.tif": 2})
    tasks, rejected = plan(pages, "equal")
    assert not rejected
    assert {task.target for task in tasks} == {
        "set/fake/a.jpg",
        "set/fake/a-page2.tif.jpg",
        "set/fake/a-page2.png.jpg",
    }


@given(st.lists(st.text("ab.", min_size=1, max_size=4).filter(lambda part: part.strip(".")), min_size=1))
def test_endings_are_those_of_the_library(parts):
    path = PurePosixPath(*parts)
    assert _without_ending(str(path)) + path.suffix == str(path)
