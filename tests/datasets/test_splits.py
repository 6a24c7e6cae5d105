import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.config_data import Split
from pipeline.datasets import splits
from pipeline.datasets.splits import LEFT_OUT, METHODS, TEST, TRAIN, VALIDATION, assign, unit_hashes
from pipeline.datasets.tables import LABELS, SPLITS
from pipeline.errors import UserError
from tests.datasets.casia2 import NAMES, casia2_names

SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}
OFFICIAL = Split(method="official", shares=SHARES, folds=None, fold=0)


def published_pictures(collection="c", prefix="g", **sides):
    """Make so many pairs of a genuine picture and its fake on each official side."""
    pairs = [side for side, number in sides.items() for _ in range(number)]
    rows = [(f"{prefix}{n}", label, collection, pairs[n]) for n in range(len(pairs)) for label in LABELS]
    return pd.DataFrame(rows, columns=["group", "label", "collection", "official"])


def test_pictures_go_where_their_authors_put_them_whatever_that_leaks():
    table = published_pictures(train=1, validation=1, test=1, nowhere=1)
    assigned = assign(table, OFFICIAL, 0)
    expected = [TRAIN, TRAIN, VALIDATION, VALIDATION, TEST, TEST, LEFT_OUT, LEFT_OUT]
    assert assigned.sides.tolist() == expected
    assert assigned.reasons.tolist() == [""] * 6 + [splits.NOT_LISTED] * 2
    table.loc[[0, 4], "group"] = "same"
    assert assign(table[:6], OFFICIAL, 0).sides.tolist() == expected[:6]


def test_a_missing_validation_is_taken_from_training_by_groups():
    table = published_pictures(train=400, test=100)
    sides = assign(table, OFFICIAL, 0).sides
    assert (sides[800:] == TEST).all()
    assert np.mean(sides[:800] == VALIDATION) == pytest.approx(0.15 / 0.85, abs=0.06)
    assert (table.assign(side=sides).groupby("group")["side"].nunique() == 1).all()


def test_only_collections_without_validation_give_some_and_tear_no_group_of_two_collections():
    with_validation = published_pictures("a", train=50, validation=5, test=5)
    apart = pd.concat([with_validation, published_pictures("b", "other", train=50, test=5)])
    sides = assign(apart.reset_index(drop=True), OFFICIAL, 0).sides
    assert np.sum(sides[:120] == VALIDATION) == 10
    assert np.sum(sides[120:] == VALIDATION) > 0
    shared = pd.concat([with_validation, published_pictures("b", train=55, test=5)], ignore_index=True)
    both = shared["group"].isin([f"g{number}" for number in range(50)]).to_numpy()
    assert (assign(shared, OFFICIAL, 0).sides[both] == TRAIN).all()


@pytest.mark.parametrize(
    ("pairs", "folds", "message"),
    [
        ({"": 4}, None, r"of collection c are on no side .*data\.collections\.c\.official"),
        ({"train": 9}, None, "the split test would have no genuine picture"),
        ({"train": 1, "test": 1}, 5, r"split\.folds is 5, but an official split has none"),
    ],
    ids=["no side", "no genuine", "folds"],
)
def test_mistakes_are_named(pairs, folds, message):
    with pytest.raises(UserError, match=message):
        assign(published_pictures(**pairs), OFFICIAL.model_copy(update={"folds": folds}), 0)


def parents(folds=None, fold=0, **shares):
    return split_by("parents", folds, fold, **shares)


def pictures_of_parents(*rows, first=0):
    """Make a table from (label, source ids, duplicates); each picture has bytes of its own."""
    table = pd.DataFrame(rows, columns=["label", "source_ids", "duplicates"])
    own = [f"{number:020}" for number in range(first, first + len(table))]
    return table.assign(source_sha256=own, sha256=own, pixel_sha256=own)


def assign_or_skip(table, split, seed=0):
    try:
        return assign(table, split, seed)
    except UserError:
        assume(False)


source = st.sampled_from([f"s:{number}" for number in range(30)])
sources = st.lists(source, max_size=3, unique=True).map(lambda ids: "|".join(sorted(ids)))
one_row = st.tuples(st.sampled_from(LABELS), sources, st.integers(0, 60))
tables_of_parents = st.lists(one_row, min_size=30, max_size=60).map(lambda rows: pictures_of_parents(*rows))


@settings(max_examples=60)
@given(tables_of_parents, st.integers(0, 5), st.randoms())
def test_only_fakes_that_would_be_torn_from_relatives_are_left_out_whatever_the_order(table, seed, random):
    assigned = assign_or_skip(table, parents(), seed)
    out = assigned.sides == LEFT_OUT
    kept = table.assign(side=assigned.sides)[~out]
    assert (kept.groupby("duplicates")["side"].nunique() == 1).all()
    each = kept.assign(source=kept["source_ids"].str.split("|")).explode("source")
    assert (each[each["source"] != ""].groupby("source")["side"].nunique() == 1).all()

    assert table["source_ids"][out].str.contains("|", regex=False).all()
    assert set(assigned.reasons[out]) <= {splits.ON_SEVERAL_SIDES}
    assert set(assigned.reasons[~out]) | set(assigned.details[~out]) == {""}
    for ids, detail in zip(table["source_ids"][out], assigned.details[out], strict=True):
        assert [part.split(" in ")[0] for part in detail.split(", ")] == ids.split("|")

    order = random.sample(range(len(table)), len(table))
    assert assign(table.iloc[order], parents(), seed).sides.tolist() == assigned.sides[order].tolist()


@settings(max_examples=40)
@given(st.integers(0, 1000))
def test_pictures_of_new_sources_move_no_old_one(seed):
    rows = [(LABELS[number % 2], f"s:{number // 2}", number) for number in range(300)]
    before = assign(pictures_of_parents(*rows[:200]), parents(), seed).sides
    assert assign(pictures_of_parents(*rows), parents(), seed).sides[:200].tolist() == before.tolist()


def test_a_fake_goes_where_its_sources_are_or_is_left_out_and_near_duplicates_stay_together():
    rows = [(label, f"s:{number}", number) for number in range(100) for label in LABELS]
    table = pictures_of_parents(*rows)
    sides = assign(table, parents(), 0).sides
    trained, tested = (table["source_ids"][sides == side].iloc[0] for side in (TRAIN, TEST))

    ids = [f"{trained}|{tested}", f"{tested}|{tested}x"]
    fakes = pictures_of_parents(("fake", ids[0], 200), ("fake", ids[1], 201), first=200)
    assigned = assign(pd.concat([table, fakes], ignore_index=True), parents(), 0)
    assert assigned.sides[-2] == LEFT_OUT
    assert assigned.details[-2] == f"{trained} in train, {tested} in test"
    unknown = "test" if assigned.sides[-1] == TEST else assigned.details[-1].rpartition(" in ")[2]
    assert unknown in ("train", "validation", "test")

    either = table["source_ids"].isin([trained, tested])
    as_one = assign(table.assign(duplicates=table["duplicates"].where(~either, 1000)), parents(), 0)
    assert len(set(as_one.sides[either])) == 1

    # A fake of two sources is left out rather than torn from its near-duplicate.
    fake = pictures_of_parents(("fake", f"{trained}|{trained}", 0), first=200)
    fake["duplicates"] = table["duplicates"][table["source_ids"] == tested].iloc[0]
    assigned = assign(pd.concat([table, fake], ignore_index=True), parents(), 0)
    assert assigned.sides[-1] == LEFT_OUT


def test_too_few_sources_say_what_to_do():
    table = pictures_of_parents(("genuine", "s:1", 0), ("fake", "s:1", 1))
    with pytest.raises(
        UserError, match=r"would have no \w+ picture, of \d+ in the training collections.*add"
    ):
        assign(table, parents(), 0)


@pytest.mark.skipif(not NAMES.is_dir(), reason="needs ../shared/data/casia2-names")
@pytest.mark.parametrize("fold", range(5))
def test_casia2_in_five_folds_tests_what_is_known_and_leaks_nothing(fold):
    table = casia2_names()
    sides = assign(table, parents(5, fold, train=0.8, validation=0.0, test=0.2), 20).sides
    fake = (table["label"] == "fake").to_numpy()
    tested, trained, left_out = (int(np.sum(sides[fake] == side)) for side in (TEST, TRAIN, LEFT_OUT))
    assert tested == pytest.approx(740, abs=60)
    assert trained == pytest.approx(3780, abs=130)
    assert left_out == pytest.approx(600, abs=90)
    assert (sides[~fake] != LEFT_OUT).all()
    sources = [set("|".join(table["source_ids"][sides == side]).split("|")) for side in (TRAIN, TEST)]
    assert not sources[0] & sources[1]


@pytest.mark.skipif(not NAMES.is_dir(), reason="needs ../shared/data/casia2-names")
def test_each_genuine_picture_of_casia2_is_tested_in_one_fold():
    table = casia2_names()
    tested = [assign(table, parents(5, fold), 20).sides == TEST for fold in range(5)]
    genuine = (table["label"] == "genuine").to_numpy()
    assert np.sum(tested, axis=0)[genuine].tolist() == [1] * int(genuine.sum())


def split_by(method, folds=None, fold=0, **shares):
    # Unchecked: the configuration wants shares for validation and test, the split does not.
    return Split.model_construct(method=method, shares=SHARES | shares, folds=folds, fold=fold)


def named_splits(table, split, seed=0, skip=False):
    """Return the names of the splits; nothing may be left out."""
    assigned = assign_or_skip(table, split, seed) if skip else assign(table, split, seed)
    assert set(assigned.reasons) <= {""}
    return np.array(SPLITS, dtype=object)[assigned.sides]


def pictures(*rows):
    """Make a table from (group, label)."""
    table = pd.DataFrame(rows, columns=["group", "label"])
    return table.assign(path=[f"c/{label}/{number}.jpg" for number, label in enumerate(table["label"])])


def many(n_groups, per_group=1):
    """Make groups of one class each, half of them fake."""
    return pictures(*[(f"g{n}", LABELS[n % 2]) for n in range(n_groups) for _ in range(per_group)])


group = st.sampled_from([f"g{number}" for number in range(40)])
tables = st.lists(st.tuples(group, st.sampled_from(LABELS)), min_size=20, max_size=80).map(
    lambda rows: pictures(*rows)
)


@given(tables, st.integers(0, 5), st.randoms())
def test_no_group_is_on_two_sides_and_each_side_has_both_classes_whatever_the_order(table, seed, random):
    split = split_by("grouped")
    table = table.assign(split=named_splits(table, split, seed, skip=True))
    assert (table.groupby("group")["split"].nunique() == 1).all()
    assert (table.groupby("split")["label"].nunique() == 2).all()
    assert table["split"].nunique() == 3
    shuffled = table.iloc[random.sample(range(len(table)), len(table))]
    assert named_splits(shuffled, split, seed).tolist() == shuffled["split"].tolist()


@pytest.mark.parametrize("folds", [None, 5])
@given(st.integers(0, 1000), st.integers(1, 200), st.integers(0, 4))
def test_pictures_added_later_move_no_old_one(folds, seed, n_added, fold):
    split = split_by("grouped", folds, fold)
    before, after = (named_splits(many(n), split, seed) for n in (300, 300 + n_added))
    assert after[:300].tolist() == before.tolist()


def test_another_seed_splits_otherwise_and_the_same_seed_the_same():
    first, same, other = (named_splits(many(200), split_by("grouped"), seed).tolist() for seed in (1, 1, 2))
    assert same == first
    assert other != first
    hashes = unit_hashes(20, pd.Index(["casia:ani1", "casia:ani2"]))  # the same in every version
    assert hashes.tolist() == [0.5585713529331466, 0.7518652299825662]


def test_each_class_is_split_in_the_wanted_shares():
    table = many(20_000)
    table["split"] = named_splits(table, split_by("grouped"), 0)
    for _, rows in table.groupby("label"):
        shares = rows["split"].value_counts(normalize=True)
        assert shares[list(SHARES)].tolist() == pytest.approx(list(SHARES.values()), abs=0.01)
    without_test = named_splits(many(200), split_by("grouped", train=0.8, validation=0.2, test=0.0), 0)
    assert set(without_test) == {"train", "validation"}


def test_large_groups_go_to_training_and_few_pictures_still_give_both_classes_everywhere():
    table = pd.concat([many(100), pictures(*[("g_large", "fake")] * 30)], ignore_index=True)
    for seed in range(50):
        assert set(named_splits(table, split_by("grouped"), seed)[100:]) == {"train"}
        few = many(6).assign(split=named_splits(many(6), split_by("grouped"), seed))
        assert (few.groupby("split")["label"].nunique() == 2).all()


@pytest.mark.parametrize("method", ["grouped", "random"])
def test_too_few_pictures_say_what_to_do(method):
    table = pictures(("a", "genuine"), ("b", "genuine"), *((f"f{number}", "fake") for number in range(20)))
    message = r"no genuine picture: the 2 genuine pictures .* add genuine pictures"
    with pytest.raises(UserError, match=message):
        named_splits(table, split_by(method), 0)


def test_random_assigns_each_picture_by_itself_and_alike_after_another_conversion():
    table = many(100, per_group=4)
    split = named_splits(table, split_by("random"), 0)
    assert table.assign(split=split).groupby("group")["split"].nunique().max() > 1
    as_png = table.assign(path=table["path"].str.replace(".jpg", ".png"))
    assert named_splits(as_png, split_by("random"), 0).tolist() == split.tolist()


def test_every_method_of_the_schema_is_there(compose_config):
    for method in METHODS:
        assert compose_config(f"split={method}").split.method == method


@pytest.mark.parametrize("method", ["grouped", "random"])
@given(st.integers(0, 1000), st.integers(2, 7))
def test_each_picture_is_tested_in_one_fold(method, seed, folds):
    table = many(300)
    tested = [named_splits(table, split_by(method, folds, fold), seed) == "test" for fold in range(folds)]
    assert np.sum(tested, axis=0).tolist() == [1] * 300


@given(st.integers(0, 1000))
def test_what_is_not_tested_is_shared_in_proportion(seed):
    table = many(3000)
    split = named_splits(table, split_by("grouped", 5, seed % 5), seed)
    shares = [np.mean(split == name) for name in SPLITS]
    assert shares == pytest.approx([0.8 * 0.7 / 0.85, 0.8 * 0.15 / 0.85, 0.2], abs=0.04)


@pytest.mark.skipif(not NAMES.is_dir(), reason="needs ../shared/data/casia2-names")
def test_casia2_grouped_leaks_nothing_with_the_giant_group_in_training_and_random_nearly_all():
    table = casia2_names()
    split = named_splits(table, split_by("grouped"), 20)
    giant = table["group"].value_counts().index[0]
    assert set(split[table["group"] == giant]) == {"train"}
    assert np.mean(table["group"][table["label"] == "fake"] == giant) == pytest.approx(0.593, abs=0.001)
    sources = [set("|".join(table["source_ids"][split == side]).split("|")) for side in SHARES]
    assert not sources[0] & sources[1] | sources[0] & sources[2] | sources[1] & sources[2]
    split = named_splits(table, split_by("random", train=0.8, validation=0.0, test=0.2), 20)
    trained = set("|".join(table["source_ids"][split == "train"]).split("|"))
    tested = table["source_ids"][(split == "test") & (table["label"] == "fake")]
    leaking = np.mean([bool(set(ids.split("|")) & trained) for ids in tested])
    assert 0.96 <= leaking <= 0.99
