import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.config import Split
from pipeline.errors import UserError
from pipeline.manifests.positions import hash_positions
from pipeline.manifests.splits import METHODS
from pipeline.manifests.splits import deal as deal_numbers
from pipeline.manifests.tables import SPLITS
from tests.manifests.casia2 import NAMES, casia2_names

SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}


def grouped(**shares):
    return split_by("grouped", **shares)


def split_by(method, folds=None, fold=0, **shares):
    return Split(method=method, shares=SHARES | shares, folds=folds, fold=fold)


def deal(table, split, seed):
    """Give the names of the splits; nothing may be left out."""
    dealt = deal_numbers(table, split, seed)
    assert set(dealt.reasons) <= {""}
    return np.array(SPLITS, dtype=object)[dealt.places]


def pictures(*rows):
    """Make a table from (group, label)."""
    table = pd.DataFrame(rows, columns=["group", "label"])
    return table.assign(path=[f"c/{label}/{number}.jpg" for number, label in enumerate(table["label"])])


def many(n_groups, per_group=1):
    """Make groups of one class each, half of them fake."""
    return pictures(
        *(
            (f"g{number}", ("genuine", "fake")[number % 2])
            for number in range(n_groups)
            for _ in range(per_group)
        )
    )


tables = st.lists(
    st.tuples(st.sampled_from([f"g{number}" for number in range(40)]), st.sampled_from(["genuine", "fake"])),
    min_size=20,
    max_size=80,
).map(lambda rows: pictures(*rows))


def deal_or_skip(table, split, seed=0):
    try:
        return deal(table, split, seed)
    except UserError:
        assume(False)


@given(tables, st.integers(0, 5))
def test_no_group_is_on_two_sides_and_each_side_has_both_classes(table, seed):
    table = table.assign(split=deal_or_skip(table, grouped(), seed))
    assert (table.groupby("group")["split"].nunique() == 1).all()
    assert (table.groupby("split")["label"].nunique() == 2).all()
    assert table["split"].nunique() == 3


@given(tables, st.randoms())
def test_the_order_of_the_pictures_changes_no_split(table, random):
    split = deal_or_skip(table, grouped())
    order = random.sample(range(len(table)), len(table))
    assert deal(table.iloc[order], grouped(), 0).tolist() == split[order].tolist()


@given(st.integers(0, 1000), st.integers(1, 200))
def test_pictures_added_later_move_no_old_one(seed, n_added):
    old, added = many(200), many(200 + n_added).iloc[200:]
    before = deal(old, grouped(), seed)
    after = deal(pd.concat([old, added]), grouped(), seed)
    assert after[:200].tolist() == before.tolist()


def test_another_seed_deals_otherwise_and_the_same_seed_the_same():
    first = deal(many(200), grouped(), 1)
    assert deal(many(200), grouped(), 1).tolist() == first.tolist()
    assert deal(many(200), grouped(), 2).tolist() != first.tolist()


def test_each_class_is_dealt_in_the_wanted_shares():
    table = many(20_000)
    table["split"] = deal(table, grouped(), 0)
    for _, rows in table.groupby("label"):
        shares = rows["split"].value_counts(normalize=True)
        assert shares[list(SHARES)].tolist() == pytest.approx(list(SHARES.values()), abs=0.01)


def test_positions_are_the_same_in_every_version():
    positions = hash_positions(20, pd.Index(["casia:ani1", "casia:ani2"]))
    assert positions.tolist() == [0.5585713529331466, 0.7518652299825662]


def test_a_group_larger_than_the_test_share_goes_to_training():
    table = pd.concat([many(100), pictures(*[("g_large", "fake")] * 30)], ignore_index=True)
    for seed in range(20):
        split = deal(table, grouped(), seed)
        assert set(split[100:]) == {"train"}


def test_few_pictures_still_give_both_classes_everywhere():
    for seed in range(50):
        table = many(6).assign(split=deal(many(6), grouped(), seed))
        assert (table.groupby("split")["label"].nunique() == 2).all()


@pytest.mark.parametrize("method", ["grouped", "random"])
def test_too_few_pictures_say_what_to_do(method):
    table = pictures(("a", "genuine"), ("b", "genuine"), *((f"f{number}", "fake") for number in range(20)))
    with pytest.raises(
        UserError, match=r"no genuine picture: the 2 genuine pictures .* add genuine pictures"
    ):
        deal(table, split_by(method), 0)


def test_a_split_without_a_share_stays_empty():
    split = deal(many(200), grouped(train=0.8, validation=0.2, test=0.0), 0)
    assert set(split) == {"train", "validation"}


def test_random_deals_each_picture_by_itself_and_alike_after_another_conversion():
    table = many(100, per_group=4)
    split = deal(table, split_by("random"), 0)
    assert table.assign(split=split).groupby("group")["split"].nunique().max() > 1
    as_png = table.assign(path=table["path"].str.replace(".jpg", ".png"))
    assert deal(as_png, split_by("random"), 0).tolist() == split.tolist()


def test_every_method_of_the_schema_is_there(compose_config):
    for method in METHODS:
        assert compose_config(f"split={method}").split.method == method


@pytest.mark.parametrize("method", ["grouped", "random"])
@given(st.integers(0, 1000), st.integers(2, 7))
def test_each_picture_is_tested_in_one_fold(method, seed, folds):
    table = many(300)
    tested = [deal(table, split_by(method, folds, fold), seed) == "test" for fold in range(folds)]
    assert np.sum(tested, axis=0).tolist() == [1] * 300


@given(st.integers(0, 1000))
def test_what_is_not_tested_is_shared_in_proportion(seed):
    table = many(3000)
    split = deal(table, split_by("grouped", 5, seed % 5), seed)
    shares = [np.mean(split == name) for name in SPLITS]
    assert shares == pytest.approx([0.8 * 0.7 / 0.85, 0.8 * 0.15 / 0.85, 0.2], abs=0.04)


@given(st.integers(0, 1000), st.integers(0, 4))
def test_pictures_added_later_move_no_old_one_in_a_fold(seed, fold):
    old, more = many(300), many(500)
    split = split_by("grouped", 5, fold)
    assert deal(more, split, seed)[:300].tolist() == deal(old, split, seed).tolist()


@pytest.mark.skipif(not NAMES.is_dir(), reason="needs ../shared/data/casia2-names")
def test_casia2_grouped_leaks_nothing_and_keeps_the_giant_group_in_training():
    table = casia2_names()
    split = deal(table, grouped(), 20)
    giant = table["group"].value_counts().index[0]
    assert set(split[table["group"] == giant]) == {"train"}
    assert np.mean(table["group"][table["label"] == "fake"] == giant) == pytest.approx(0.593, abs=0.001)
    sources = [set("|".join(table["source_ids"][split == side]).split("|")) for side in SHARES]
    assert not sources[0] & sources[1] | sources[0] & sources[2] | sources[1] & sources[2]


@pytest.mark.skipif(not NAMES.is_dir(), reason="needs ../shared/data/casia2-names")
def test_casia2_random_leaks_a_source_of_nearly_every_test_fake():
    table = casia2_names()
    split = deal(table, split_by("random", train=0.8, validation=0.0, test=0.2), 20)
    trained = set("|".join(table["source_ids"][split == "train"]).split("|"))
    tested = table["source_ids"][(split == "test") & (table["label"] == "fake")]
    leaking = np.mean([bool(set(ids.split("|")) & trained) for ids in tested])
    assert 0.96 <= leaking <= 0.99
