import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.datasets.groups import group_pictures
from tests.datasets.casia2 import NAMES, casia2_names


def files(*pictures):
    """Make rows of files.csv from (source ids, source bytes, converted bytes); pixels as the source's."""
    rows = [
        {
            "source_ids": "|".join(ids),
            "source_sha256": sha256(f"source {source}".encode()).hexdigest(),
            "sha256": sha256(f"converted {converted}".encode()).hexdigest(),
            "pixel_sha256": sha256(f"pixels {source}".encode()).hexdigest(),
        }
        for ids, source, converted in pictures
    ]
    return pd.DataFrame(rows, columns=["source_ids", "source_sha256", "sha256", "pixel_sha256"])


picture = st.tuples(
    st.lists(st.sampled_from(["a:1", "a:2", "a:3", "b:1", "b:2"]), max_size=2, unique=True),
    st.integers(0, 30),
    st.integers(0, 30),
)


def related(one, other):
    return bool(set(one[0]) & set(other[0])) or one[1] == other[1] or one[2] == other[2]


def components(pictures):
    """Join by plain repetition, to compare with."""
    label = list(range(len(pictures)))
    for _ in pictures:
        for i, one in enumerate(pictures):
            for j, other in enumerate(pictures):
                if related(one, other):
                    label[i] = label[j] = min(label[i], label[j])
    return label


@given(st.lists(picture, min_size=1, max_size=12))
def test_groups_are_the_connected_components(pictures):
    names, expected = group_pictures(files(*pictures)), components(pictures)
    for i in range(len(pictures)):
        for j in range(len(pictures)):
            assert (names[i] == names[j]) == (expected[i] == expected[j])


@given(st.lists(picture, min_size=1, max_size=12), st.randoms())
def test_the_order_of_the_pictures_changes_no_name(pictures, random):
    order = random.sample(range(len(pictures)), len(pictures))
    names = group_pictures(files(*pictures))
    assert group_pictures(files(*(pictures[place] for place in order))).tolist() == names[order].tolist()


@given(st.lists(picture, min_size=1, max_size=10), picture)
def test_a_new_picture_renames_no_group_but_those_that_it_joins(pictures, new):
    before = group_pictures(files(*pictures))
    after = group_pictures(files(*pictures, new))
    joined = after[-1]
    assert all(old == now or now == joined for old, now in zip(before, after[:-1], strict=True))


def test_a_group_is_named_by_its_smallest_source():
    assert group_pictures(files((["b:2", "a:1"], 1, 1), (["b:2"], 2, 2))).tolist() == ["a:1", "a:1"]


def test_names_without_sources_group_by_the_bytes_as_handed_in():
    names = group_pictures(files(([], 1, 1), ([], 1, 2), ([], 3, 3)))
    assert names[0] == names[1] != names[2]
    assert names[0].startswith("bytes:")


def test_converted_bytes_join_but_do_not_name():
    before = group_pictures(files(([], 1, 1), ([], 2, 1)))
    after = group_pictures(files(([], 1, 7), ([], 2, 7)))
    assert before.tolist() == after.tolist()
    assert before[0] == before[1]


def test_identical_pixels_and_looks_join():
    table = files(([], 1, 1), ([], 2, 2), ([], 3, 3))
    table.loc[1, "pixel_sha256"] = table.loc[0, "pixel_sha256"]
    names = group_pictures(table)
    assert names[0] == names[1] != names[2]
    assert len(set(group_pictures(table, np.array([0, 1, 1])))) == 1


@pytest.mark.skipif(not NAMES.is_dir(), reason="needs ../shared/data/casia2-names")
def test_all_names_of_casia2_give_the_known_components():
    facts = json.loads(Path(NAMES / "facts.json").read_text())
    table = casia2_names()
    fake = table[table["label"] == "fake"]
    groups = table["group"].value_counts()
    sources = {source for ids in fake["source_ids"] for source in ids.split("|")}
    assert len(sources) == facts["distinct_source_ids_used_by_fakes"] == 1955
    assert len(groups) == facts["components_total"]
    assert fake["group"].nunique() == facts["components_with_a_fake"] == 978
    assert groups.iloc[0] == facts["giant_component_images"] == 3838
    share = np.mean(fake["group"] == groups.index[0])
    assert share == pytest.approx(facts["giant_component_share_of_fakes"], abs=1e-3)
