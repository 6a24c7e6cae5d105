import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.model_selection import cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from pipeline.config import Compute
from pipeline.config_data import Split
from pipeline.datasets.groups import group_pictures, join, source_relation
from pipeline.datasets.listing import list_sources
from pipeline.datasets.near_duplicates import find_near_duplicates
from pipeline.datasets.splits import assign
from pipeline.images.hashes import perceptual_hashes, pixel_sha256, sha256_of_file
from tests.datasets.casia2 import NAMES, casia2_names
from tests.images.pictures import read_rgb


def files(*pictures):
    """Make rows of files.csv from (source ids, source bytes, converted bytes); pixels as the source's."""
    rows = [
        ("|".join(ids), f"source {source}", f"converted {converted}", f"pixels {source}")
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


@given(st.lists(picture, min_size=1, max_size=12), st.randoms())
def test_groups_are_the_connected_components_and_the_order_changes_no_name(pictures, random):
    names, expected = group_pictures(files(*pictures)), components(pictures)
    for i in range(len(pictures)):
        for j in range(len(pictures)):
            assert (names[i] == names[j]) == (expected[i] == expected[j])
    order = random.sample(range(len(pictures)), len(pictures))
    assert group_pictures(files(*(pictures[index] for index in order))).tolist() == names[order].tolist()


@given(st.lists(picture, min_size=1, max_size=10), picture)
def test_a_new_picture_renames_no_group_but_those_that_it_joins(pictures, new):
    before = group_pictures(files(*pictures))
    after = group_pictures(files(*pictures, new))
    joined = after[-1]
    assert all(old == now or now == joined for old, now in zip(before, after[:-1], strict=True))


def test_a_group_is_named_by_its_smallest_source_or_the_bytes_of_its_originals():
    assert group_pictures(files((["b:2", "a:1"], 1, 1), (["b:2"], 2, 2))).tolist() == ["a:1", "a:1"]
    names = group_pictures(files(([], 1, 1), ([], 1, 2), ([], 3, 3)))
    assert names[0] == names[1] != names[2]
    assert names[0].startswith("bytes:")
    before = group_pictures(files(([], 1, 1), ([], 2, 1)))  # converted bytes join but do not name
    after = group_pictures(files(([], 1, 7), ([], 2, 7)))
    assert before.tolist() == after.tolist()
    assert before[0] == before[1]


def test_identical_pixels_and_near_duplicates_join():
    table = files(([], 1, 1), ([], 2, 2), ([], 3, 3))
    table.loc[1, "pixel_sha256"] = table.loc[0, "pixel_sha256"]
    names = group_pictures(table)
    assert names[0] == names[1] != names[2]
    assert len(set(group_pictures(table, np.array([0, 1, 1])))) == 1


@pytest.mark.skipif(not NAMES.is_dir(), reason="needs ../shared/data/casia2-names")
def test_all_names_of_casia2_give_the_known_components_and_tiff_means_fake():
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
    formats = pd.get_dummies(table["source_format"]).to_numpy()
    is_fake = (table["label"] == "fake").to_numpy()
    answers = cross_val_predict(DecisionTreeClassifier(max_depth=2, random_state=0), formats, is_fake, cv=5)
    assert np.mean(answers == is_fake) == pytest.approx(0.836, abs=0.001)
    assert answers.tolist() == (table["source_format"] == "TIFF").tolist()


def dataset(*overrides):
    from hydra import compose, initialize_config_dir

    from pipeline.config import validate
    from tests.conftest import ROOT

    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return validate(compose("config", overrides=list(overrides))).data


# Scenes that occur in several collections.

ONE_CORE = Compute(backend="local", workers=1, scheduler=None)
OTHERS = [f"~data.collections.{name}" for name in ("imd2020", "columbia", "fau", "stickers")]


@pytest.fixture
def copy_moves(tmp_path):
    """CoMoFoD and OtMFD as `data=unseen` has them, of scenes that are drawn as noise."""
    noise = np.random.default_rng(0)
    scenes = {"comofod/genuine": range(1, 13), "comofod/fake": range(1, 13), "otmfd/fake": range(7, 19)}
    for folder, numbers in scenes.items():
        collection, label = folder.split("/")
        ending = "_F_1to2" if collection == "otmfd" else ""
        below = tmp_path / "open/elsewhere" / label / "otmfd" if ending else tmp_path / folder
        below.mkdir(parents=True)
        for number in numbers:
            pixels = noise.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(below / f"{number:03}{ending}.png")
    (tmp_path / "open/elsewhere/genuine/otmfd").mkdir(parents=True)
    return files_of(dataset("data=unseen", f"data.root={tmp_path}", "data.known_groups=null", *OTHERS))


@pytest.mark.parametrize("seed", range(5))
def test_scenes_that_two_collections_share_are_one_group_on_one_side(copy_moves, seed):
    group = group_pictures(copy_moves)
    number = copy_moves["path"].str.extract(r"(\d{3})")[0].to_numpy()
    assert [f"comofod:{int(each)}" for each in number] == group.tolist()
    together = copy_moves.groupby(group)["collection"].agg(lambda names: "+".join(sorted(set(names))))
    assert together.value_counts().to_dict() == {"comofod": 6, "comofod+otmfd": 6, "otmfd": 6}
    split = Split(
        method="grouped", shares={"train": 0.5, "validation": 0.25, "test": 0.25}, folds=None, fold=0
    )
    sides = pd.Series(assign(copy_moves.assign(group=group), split, seed).sides)
    assert (sides.groupby(group).nunique() == 1).all()
    assert sides.nunique() == 3


def test_the_real_scenes_of_comofod_in_otmfd_are_one_group_by_name_by_looks_or_by_the_table(real_pictures):
    table = files_of(dataset("data=unseen", f"data.root={real_pictures}", *OTHERS))
    groups = dict(zip(table["path"], group_pictures(table), strict=True))
    elsewhere = "open/elsewhere/fake/otmfd"
    for scene, (comofod, otmfd) in {"12": (["012"], ["012"]), "13": (["048", "090"], ["013"])}.items():
        members = [f"comofod/{label}/{name}.png" for label in ("genuine", "fake") for name in comofod]
        members += [f"{elsewhere}/{name}_F_1to2.png" for name in otmfd]
        assert {groups[member] for member in members} == {f"comofod:{scene}"}
    for one, other in (("001", "039"), ("014", "049"), ("033", "038")):  # taken for other scenes by looks
        assert groups[f"{elsewhere}/{one}_F_1to2.png"] == groups[f"{elsewhere}/{other}_F_1to2.png"]
    assert groups[f"{elsewhere}/001_F_1to2.png"] != groups[f"{elsewhere}/009_F_1to2.png"]
    unknown = table.drop(columns="known_group")
    by_looks = group_pictures(unknown, find_near_duplicates(unknown, real_pictures, ONE_CORE))
    named = dict(zip(table["path"], by_looks, strict=True))
    assert named[f"{elsewhere}/013_F_1to2.png"] == named["comofod/fake/048.png"]
    assert named[f"{elsewhere}/001_F_1to2.png"] != named[f"{elsewhere}/039_F_1to2.png"]


# Groups of the real pictures beside those of `facts.csv`.


def files_of(data):
    """The columns of files.csv that groups need, of all pictures of a dataset; paths start at its root."""
    rows = []
    for source in list_sources(data)[0]:
        picture = Image.fromarray(read_rgb(source.path))
        plain, turned = perceptual_hashes(picture)
        row = {name: getattr(source, name) for name in ("label", "collection", "known_group")}
        row |= {"path": source.source_path, "source_ids": "|".join(source.source_ids)}
        row |= dict.fromkeys(["source_sha256", "sha256"], sha256_of_file(source.path))
        rows.append(row | {"pixel_sha256": pixel_sha256(picture), "phash": plain, "phash_turned": turned})
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def real_files(real_pictures):
    return files_of(dataset("data=casia", f"data.root={real_pictures}"))


@pytest.mark.slow
def test_groups_of_the_real_pictures_are_those_of_facts_csv(real_files, real_pictures):
    """Ours join nothing that is apart there; what is joined there alone hangs on pictures that are not here.

    `facts.csv` knows fakes of CASIA that this selection lacks. Their names are in casia2-names: with
    these the groups hold all but a few of its pairs.
    """
    facts = pd.read_csv(real_pictures / "facts.csv", dtype=str, keep_default_na=False)
    expected = real_files["path"].map(facts.set_index("path")["group"]).to_numpy(dtype=object)
    two_cores = Compute(backend="local", workers=2, scheduler=None)
    duplicates = find_near_duplicates(real_files, real_pictures, two_cores)
    ours = group_pictures(real_files.drop(columns="known_group"), duplicates)
    one, other = np.nonzero(np.triu(expected[:, None] == expected[None], 1))
    assert len(one) == 160_580
    a, b = np.nonzero(np.triu(ours[:, None] == ours[None], 1))
    assert (expected[a] == expected[b]).all()
    assert np.mean(ours[one] == ours[other]) == pytest.approx(0.578, abs=0.01)
    with_table = group_pictures(
        real_files, duplicates
    )  # by the table itself, as data.known_groups of casia has it
    assert (with_table[one] == with_table[other]).all()

    # What lies on two sides of the split that a run of data=casia makes, with the table and without.
    shares = {"train": 0.7, "validation": 0.15, "test": 0.15}
    split = Split(method="grouped", shares=shares, folds=None, fold=0)
    casia = real_files["collection"].isin(["casia1", "casia2"]).to_numpy()
    one, other = np.nonzero(np.triu((expected[:, None] == expected[None])[np.ix_(casia, casia)], 1))
    for group, share in ((with_table, 0.0), (ours, 0.113)):
        sides = assign(real_files.assign(group=group)[casia], split, 20).sides
        assert np.mean(sides[one] != sides[other]) == pytest.approx(share, abs=0.005)

    everything = pd.concat([real_files.assign(group=ours), casia2_names()], ignore_index=True)
    sources = source_relation(everything)
    joined = join(len(everything), [sources, type(sources)(np.arange(len(ours)), ours)])[: len(ours)]
    assert np.mean(joined[one] != joined[other]) < 0.001
