import numpy as np
import pandas as pd
import pytest

from pipeline.config import Split
from pipeline.errors import UserError
from pipeline.manifests.by_publication import NOT_LISTED
from pipeline.manifests.dealt import LEFT_OUT
from pipeline.manifests.positions import TEST, TRAIN, VALIDATION
from pipeline.manifests.splits import deal

SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}
OFFICIAL = Split(method="official", shares=SHARES, folds=None, fold=0)


def pictures(sides, collection="c", prefix="g"):
    """Make pairs of a genuine picture and its fake, with the official side of each pair."""
    rows = [
        (f"{prefix}{number}", label, collection, side)
        for number, side in enumerate(sides)
        for label in ("genuine", "fake")
    ]
    return pd.DataFrame(rows, columns=["group", "label", "collection", "official"])


def test_pictures_go_where_their_authors_put_them():
    table = pictures(["train", "validation", "test", ""])
    dealt = deal(table, OFFICIAL, 0)
    assert dealt.places.tolist() == [TRAIN, TRAIN, VALIDATION, VALIDATION, TEST, TEST, LEFT_OUT, LEFT_OUT]
    assert dealt.reasons.tolist() == [""] * 6 + [NOT_LISTED] * 2


def test_a_missing_validation_is_taken_from_training_by_groups():
    table = pictures(["train"] * 400 + ["test"] * 100)
    places = deal(table, OFFICIAL, 0).places
    assert (places[800:] == TEST).all()
    assert np.mean(places[:800] == VALIDATION) == pytest.approx(0.15 / 0.85, abs=0.06)
    assert (table.assign(place=places).groupby("group")["place"].nunique() == 1).all()


def test_only_collections_without_validation_give_some():
    table = pd.concat(
        [
            pictures(["train"] * 50 + ["validation"] * 5 + ["test"] * 5, "a", "a"),
            pictures(["train"] * 50 + ["test"] * 5, "b", "b"),
        ],
        ignore_index=True,
    )
    places = deal(table, OFFICIAL, 0).places
    assert np.sum(places[:120] == VALIDATION) == 10
    assert np.sum(places[120:] == VALIDATION) > 0


def test_a_group_of_two_collections_is_not_torn_by_taking_validation():
    table = pd.concat(
        [
            pictures(["train"] * 50 + ["validation"] * 5 + ["test"] * 5, "a", "g"),
            pictures(["train"] * 55 + ["test"] * 5, "b", "g"),
        ],
        ignore_index=True,
    )
    places = deal(table, OFFICIAL, 0).places
    both = table["group"].isin([f"g{number}" for number in range(50)]).to_numpy()
    assert (places[both] == TRAIN).all()


def test_what_the_authors_leak_stays():
    table = pictures(["train", "validation", "test"])
    table.loc[[0, 4], "group"] = "same"
    assert deal(table, OFFICIAL, 0).places.tolist() == [TRAIN, TRAIN, VALIDATION, VALIDATION, TEST, TEST]


@pytest.mark.parametrize(
    ("table", "split", "message"),
    [
        (pictures([""] * 4), OFFICIAL, r"of collection c are on no side .*data\.collections\.c\.official"),
        (pictures(["train"] * 9), OFFICIAL, "the split test would have no genuine picture"),
        (
            pictures(["train", "test"]),
            Split(method="official", shares=SHARES, folds=5, fold=0),
            r"split\.folds is 5, but an official split has none",
        ),
    ],
    ids=["no side", "no genuine", "folds"],
)
def test_mistakes_are_named(table, split, message):
    with pytest.raises(UserError, match=message):
        deal(table, split, 0)
