import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.stats.contingency import association

from pipeline.auditing.imbalance import OTHER, SHOWN, cramers_v, properties, rule_accuracy, tabulate
from pipeline.auditing.leaks import (
    ALIKE,
    check_masks,
    count_leaks,
    find_alike,
    find_conflicts,
    groups_in_several_splits,
    largest_groups,
)
from pipeline.config import Compute
from pipeline.images.hashes import perceptual_hashes
from tests.auditing.builders import scene


def pictures(*rows):
    """Rows of (split, label, group); everything else is unlike."""
    n = len(rows)
    table = pd.DataFrame(rows, columns=["split", "label", "group"])
    names = ("path", "source_sha256", "pixel_sha256", "sha256")
    return table.assign(**{name: [f"{name}{row}" for row in range(n)] for name in names}, source_ids="")


def pairs(*places):
    return np.array(places, dtype=np.intp).reshape(-1, 2)


def test_each_relation_is_counted_by_split_and_both_labels():
    table = pictures(
        ("train", "genuine", "a"),
        ("train", "fake", "a"),
        ("test", "fake", "a"),
        ("validation", "genuine", "v"),
        ("test", "fake", "c"),
        ("test", "genuine", "d"),
        ("elsewhere", "fake", "e"),
    )
    table.loc[[1, 4], "source_sha256"] = "same"
    table.loc[[0, 5], "pixel_sha256"] = "same"
    found = count_leaks(table, pairs((0, 3), (6, 1)))
    assert found.to_numpy().tolist() == [
        ["in one group", "test", "fake", "genuine", 1, 2],
        ["in one group", "test", "fake", "fake", 1, 2],
        ["identical bytes", "test", "fake", "fake", 1, 2],
        ["identical pixels", "test", "genuine", "genuine", 1, 1],
        [ALIKE, "validation", "genuine", "genuine", 1, 1],
        [ALIKE, "elsewhere", "fake", "fake", 1, 1],
    ]
    assert groups_in_several_splits(table) == 1
    alone = pictures(("train", "fake", "a"), ("test", "fake", "b"))
    assert count_leaks(alone, pairs()).empty
    assert groups_in_several_splits(alone) == 0


def test_the_largest_groups_are_named_with_their_share_of_fakes():
    table = pictures(
        ("train", "fake", "a"), ("train", "fake", "b"), ("test", "genuine", "b"), ("train", "fake", "b")
    )
    largest = largest_groups(table)
    assert largest[0] == {
        **{"group": "b", "title": "b", "splits": ["test", "train"]},
        **{"pictures": 3, "fakes": 2, "share_of_fakes": 2 / 3},
    }
    assert len(largest) == 2
    # One that is named by a hash is shown by a picture of it.
    (group,) = largest_groups(pictures(("train", "fake", "bytes:ba7c"), ("train", "fake", "bytes:ba7c")))
    assert (group["group"], group["title"]) == ("bytes:ba7c", "that of path0")


def test_the_same_pixels_under_both_labels_are_a_conflict():
    table = pictures(("train", "fake", "a"), ("train", "genuine", "a"), ("test", "fake", "b"))
    table.loc[[0, 1], "pixel_sha256"] = "same"
    found = find_conflicts(table, pairs((0, 1)), 0)
    assert found["identical"] == 2
    assert [picture["path"] for picture in found["identical_pictures"]] == ["path0", "path1"]
    assert (found["alike"], found["alike_unexplained"]) == (1, 0)


def test_a_fake_that_looks_like_its_source_is_no_conflict_and_one_that_has_none_is_listed():
    table = pictures(("train", "fake", "a"), ("train", "genuine", "a"), ("train", "fake", "b"))
    table["source_ids"] = ["x|y", "y", "z"]
    found = find_conflicts(table, pairs((0, 1), (1, 2)), 0)
    assert (found["identical"], found["alike"], found["alike_unexplained"]) == (0, 2, 1)
    assert found["alike_pairs"][0]["other_path"] == "path2"


def test_masks_that_cannot_be_right_are_named():
    table = pictures(*[("train", "fake", str(number)) for number in range(6)])
    shares = pd.DataFrame(
        {"whole": [0.1, 0.0, 1.0, 0.8, 0.7, np.nan], "border": [0.0, 0.0, 1.0, 0.95, 0.2, np.nan]}
    )
    rejected = pd.DataFrame(
        [("m.png", "as a mask of a.jpg: it is 3x4"), ("b.jpg", "the file is empty")],
        columns=["path", "reason"],
    )
    table["mask_share"], table["mask_background"] = [*map(str, shares["whole"][:5]), ""], "level 0"
    found = check_masks(table.assign(collection="c"), shares, rejected)
    read = {"collection": "c", "background": "level 0", "masks": 5, "median_share": 0.7}
    assert found["read"] == [read]
    assert (found["empty"], found["full"], found["inverted"]) == (["path1"], ["path2"], ["path3"])
    assert (found["with_mask"], found["fakes"]) == (5, 6)
    assert [row["path"] for row in found["rejected"]] == ["m.png"]


HERE = Compute(backend="local", workers=1, scheduler=None)


def table(folder, *pixels):
    rows = []
    for number, picture in enumerate(pixels):
        path = folder / f"{number}.png"
        Image.fromarray(picture).save(path)
        rows.append((str(path), *perceptual_hashes(Image.fromarray(picture))))
    return pd.DataFrame(rows, columns=["path", "phash", "phash_turned"])


def pairs_alike(pictures, differing):
    return [tuple(pair) for pair in find_alike(pictures, np.array(differing), HERE)[0].tolist()]


def test_copies_in_other_orientations_and_sizes_are_found_across_and_not_within(tmp_path):
    first, other = scene(0, 96, 96), scene(1, 96, 96)
    smaller = np.asarray(Image.fromarray(first).resize((64, 64), Image.Resampling.BICUBIC))
    pictures = table(tmp_path, first, np.rot90(first), np.fliplr(first), smaller, other)
    assert pairs_alike(pictures, [0, 1, 1, 1, 1]) == [(0, 1), (0, 2), (0, 3)]
    assert pairs_alike(pictures, [0, 0, 0, 0, 1]) == []
    # Flat pictures are like nothing.
    flat = [np.full((64, 64, 3), level, np.uint8) for level in (10, 10, 200)]
    assert pairs_alike(table(tmp_path, *flat), [0, 1, 2]) == []


def test_more_pairs_than_are_compared_are_counted_and_a_hash_that_many_have_is_not_searched(
    tmp_path, monkeypatch
):
    pictures = table(tmp_path, *[scene()] * 3)
    monkeypatch.setattr("pipeline.auditing.leaks.MOST_PAIRS", 1)
    found, not_compared = find_alike(pictures, np.array([0, 1, 2]), HERE)
    assert (len(found), not_compared) == (1, 2)
    monkeypatch.setattr("pipeline.auditing.leaks.MOST_ALIKE", 2)
    assert pairs_alike(pictures, [0, 1, 2]) == []


def files(**columns):
    n = max(len(values) for values in columns.values())
    base = dict.fromkeys(("collection", "subset", "source_format", "width", "height", "jpeg_quality"), "1")
    return pd.DataFrame({name: [value] * n for name, value in base.items()} | columns)


def test_tiff_means_fake_is_found_in_casia_2():
    formats = ["JPEG"] * 7437 + ["BMP"] * 54 + ["TIFF"] * 3059 + ["JPEG"] * 2064
    labels = ["genuine"] * 7491 + ["fake"] * 5123
    (found,) = tabulate(properties(files(source_format=formats)), labels)
    assert found["property"] == "format"
    assert found["rule_accuracy"] == pytest.approx(0.836, abs=0.0005)
    assert found["majority"] == pytest.approx(0.594, abs=0.0005)


def test_cramers_v_is_one_for_a_property_that_tells_and_zero_for_one_that_does_not():
    assert cramers_v(np.array([[50, 0], [0, 50]])) == pytest.approx(1.0, abs=0.02)
    assert cramers_v(np.array([[25, 25], [25, 25]])) == 0.0
    assert cramers_v(np.array([[5, 0]])) == 0.0
    # It is near that of scipy but for its bias.
    counts = np.array([[30, 10, 7], [5, 40, 9]])
    assert cramers_v(counts) == pytest.approx(association(counts), abs=0.03)
    singles = np.eye(2, dtype=int)[np.arange(60) % 2]  # sixty categories of one picture each
    assert association(singles) == pytest.approx(1.0)
    assert cramers_v(singles) < 0.2


def test_qualities_are_put_into_tens():
    found = properties(files(jpeg_quality=["100", "91", "89", "7", ""]))
    assert found["quality"].tolist() == ["90 to 100", "90 to 100", "80 to 89", "0 to 9", "no JPEG"]


def test_many_values_are_put_together_and_counts_kept():
    widths = [str(number) for number in range(40)]
    (found,) = tabulate(properties(files(width=widths)), ["genuine", "fake"] * 20)
    assert len(found["rows"]) == SHOWN + 1
    assert found["rows"][-1]["value"].startswith(OTHER)
    assert sum(sum(row["counts"]) for row in found["rows"]) == 40
    # One label alone has no tables.
    assert tabulate(properties(files(width=["1", "2"])), ["fake", "fake"]) == []


def test_a_rule_calls_each_value_by_the_label_of_its_other_pictures():
    values, labels = pd.Series(list("aaaabb")), pd.Series(list("xxxyyy"))
    assert rule_accuracy(values, labels) == 5 / 6
    # As many of either under each value: calling all alike is right for half, and the rule is no worse.
    assert rule_accuracy(pd.Series(list("aabb")), pd.Series(["fake", "genuine"] * 2)) == 0.5
    assert rule_accuracy(pd.Series(list("aaabb")), pd.Series(["x", "x", "y", "x", "y"])) == 3 / 5
    once = pd.Series([str(number) for number in range(120)])  # a value does not predict itself
    assert rule_accuracy(once, pd.Series(["fake", "genuine", "fake"] * 40)) == pytest.approx(2 / 3)
