import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.config import Split
from pipeline.errors import UserError
from pipeline.manifests.by_source import ON_SEVERAL_SIDES
from pipeline.manifests.dealt import LEFT_OUT
from pipeline.manifests.positions import TEST, TRAIN
from pipeline.manifests.splits import deal
from tests.manifests.casia2 import NAMES, casia2_names

SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}


def parents(folds=None, fold=0, **shares):
    return Split(method="parents", shares=SHARES | shares, folds=folds, fold=fold)


def pictures(*rows, first=0):
    """Make a table from (label, source ids, look); each picture has bytes of its own."""
    table = pd.DataFrame(rows, columns=["label", "source_ids", "look"])
    own = [f"{number:020}" for number in range(first, first + len(table))]
    return table.assign(source_sha256=own, sha256=own, pixel_sha256=own)


def deal_or_skip(table, seed=0):
    try:
        return deal(table, parents(), seed)
    except UserError:
        assume(False)


source = st.sampled_from([f"s:{number}" for number in range(30)])
sources = st.lists(source, max_size=3, unique=True).map(lambda ids: "|".join(sorted(ids)))
tables = st.lists(
    st.tuples(st.sampled_from(["genuine", "fake"]), sources, st.integers(0, 60)), min_size=30, max_size=60
).map(lambda rows: pictures(*rows))


@settings(max_examples=40)
@given(tables, st.integers(0, 5))
def test_nothing_that_is_used_has_a_relative_on_another_side(table, seed):
    dealt = deal_or_skip(table, seed)
    kept = table.assign(place=dealt.places)[dealt.places != LEFT_OUT]
    assert (kept.groupby("look")["place"].nunique() == 1).all()
    each = kept.assign(source=kept["source_ids"].str.split("|")).explode("source")
    assert (each[each["source"] != ""].groupby("source")["place"].nunique() == 1).all()


@settings(max_examples=40)
@given(tables, st.integers(0, 5))
def test_what_is_left_out_has_several_sources_and_says_their_sides(table, seed):
    dealt = deal_or_skip(table, seed)
    out = dealt.places == LEFT_OUT
    assert table["source_ids"][out].str.contains("|", regex=False).all()
    assert set(dealt.reasons[out]) <= {ON_SEVERAL_SIDES}
    assert set(dealt.reasons[~out]) | set(dealt.details[~out]) == {""}
    for ids, detail in zip(table["source_ids"][out], dealt.details[out], strict=True):
        assert [part.split(" in ")[0] for part in detail.split(", ")] == ids.split("|")


@settings(max_examples=40)
@given(tables, st.randoms())
def test_the_order_of_the_pictures_changes_no_side(table, random):
    dealt = deal_or_skip(table)
    order = random.sample(range(len(table)), len(table))
    assert deal(table.iloc[order], parents(), 0).places.tolist() == dealt.places[order].tolist()


@settings(max_examples=40)
@given(st.integers(0, 1000))
def test_pictures_of_new_sources_move_no_old_one(seed):
    rows = [(("genuine", "fake")[number % 2], f"s:{number // 2}", number) for number in range(300)]
    before = deal(pictures(*rows[:200]), parents(), seed).places
    assert deal(pictures(*rows), parents(), seed).places[:200].tolist() == before.tolist()


def two_sides(seed=0):
    """Name a source that is trained on and one that is tested."""
    rows = [(label, f"s:{number}", number) for number in range(100) for label in ("genuine", "fake")]
    table = pictures(*rows)
    places = deal(table, parents(), seed).places
    return table, *(table["source_ids"][places == place].iloc[0] for place in (TRAIN, TEST))


def test_a_fake_goes_where_its_sources_are_or_is_left_out():
    table, trained, tested = two_sides()
    fakes = pictures(("fake", f"{trained}|{tested}", 200), ("fake", f"{tested}|{tested}x", 201), first=200)
    dealt = deal(pd.concat([table, fakes], ignore_index=True), parents(), 0)
    assert dealt.places[-2] == LEFT_OUT
    assert dealt.details[-2] == f"{trained} in train, {tested} in test"
    unknown = "test" if dealt.places[-1] == TEST else dealt.details[-1].rpartition(" in ")[2]
    assert unknown in ("train", "validation", "test")


def test_sources_whose_pictures_show_the_same_are_dealt_as_one():
    table, trained, tested = two_sides()
    look = table["look"].where(~table["source_ids"].isin([trained, tested]), 1000)
    places = deal(table.assign(look=look), parents(), 0).places
    assert len(set(places[table["source_ids"].isin([trained, tested])])) == 1


def test_a_fake_of_two_sources_is_left_out_rather_than_torn_from_its_look_alike():
    table, trained, tested = two_sides()
    fake = pictures(("fake", f"{trained}|{trained}", 0), first=200)
    fake["look"] = table["look"][table["source_ids"] == tested].iloc[0]
    dealt = deal(pd.concat([table, fake], ignore_index=True), parents(), 0)
    assert dealt.places[-1] == LEFT_OUT


def test_too_few_sources_say_what_to_do():
    with pytest.raises(
        UserError, match=r"would have no \w+ picture, of \d+ in the training collections.*add"
    ):
        deal(pictures(("genuine", "s:1", 0), ("fake", "s:1", 1)), parents(), 0)


@pytest.mark.skipif(not NAMES.is_dir(), reason="needs ../shared/data/casia2-names")
@pytest.mark.parametrize("fold", range(5))
def test_casia2_in_five_folds_tests_what_is_known_and_leaks_nothing(fold):
    table = casia2_names()
    places = deal(table, parents(5, fold, train=0.8, validation=0.0, test=0.2), 20).places
    fake = (table["label"] == "fake").to_numpy()
    tested, trained, left_out = (int(np.sum(places[fake] == place)) for place in (TEST, TRAIN, LEFT_OUT))
    assert tested == pytest.approx(740, abs=60)
    assert trained == pytest.approx(3780, abs=130)
    assert left_out == pytest.approx(600, abs=90)
    assert (places[~fake] != LEFT_OUT).all()
    sources = [set("|".join(table["source_ids"][places == place]).split("|")) for place in (TRAIN, TEST)]
    assert not sources[0] & sources[1]


@pytest.mark.skipif(not NAMES.is_dir(), reason="needs ../shared/data/casia2-names")
def test_each_genuine_picture_of_casia2_is_tested_in_one_fold():
    table = casia2_names()
    tested = [deal(table, parents(5, fold), 20).places == TEST for fold in range(5)]
    genuine = (table["label"] == "genuine").to_numpy()
    assert np.sum(tested, axis=0)[genuine].tolist() == [1] * int(genuine.sum())
