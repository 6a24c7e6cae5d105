import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.datasets.tables import LABELS, check_learnt_from, shuffle_labels
from pipeline.errors import UserError


def table(groups, targets):
    return pd.DataFrame(
        {
            "path": [f"{number}.jpg" for number in range(len(targets))],
            "label": [LABELS[target] for target in targets],
            "target": targets,
            "group": groups,
            "mask_path": ["mask.png" if target else "" for target in targets],
            "mask_sha256": ["1" if target else "" for target in targets],
        }
    )


TABLES = st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 1)), min_size=1, max_size=40).map(
    lambda rows: table([group for group, _ in rows], [target for _, target in rows])
)


@settings(max_examples=50)
@given(given_table=TABLES, seed=st.integers(0, 9))
def test_pictures_and_groups_stay_and_so_does_the_number_of_each_label(given_table, seed):
    shuffled = shuffle_labels(given_table, [seed, 0])
    assert shuffled["path"].equals(given_table["path"])
    assert shuffled["group"].equals(given_table["group"])
    assert shuffled["target"].sum() == given_table["target"].sum()
    assert list(shuffled["label"]) == [LABELS[target] for target in shuffled["target"]]
    assert set(shuffled["mask_path"]) == set(shuffled["mask_sha256"]) == {""}
    pd.testing.assert_frame_equal(shuffled, shuffle_labels(given_table, [seed, 0]))


def test_groups_of_one_label_and_size_stay_whole_and_each_seed_or_table_is_shuffled_otherwise():
    groups = np.repeat(np.arange(20), 3)
    for seed in range(5):
        shuffled = shuffle_labels(table(groups, np.repeat(np.arange(20) % 2, 3)), [seed, 0])
        assert (shuffled.groupby("group")["target"].nunique() == 1).all()
    given_table = table(np.arange(50), np.arange(50) % 2)
    shuffled = [shuffle_labels(given_table, seed)["target"] for seed in ([0, 0], [0, 1], [1, 0])]
    assert not shuffled[0].equals(shuffled[1])
    assert not shuffled[0].equals(shuffled[2])


def test_shuffled_labels_know_nothing_of_the_true_ones():
    targets = np.tile([0, 1], 100)
    pairs = np.repeat(np.arange(100), 2)  # each with a genuine picture and a fake
    one_group = np.zeros(200, int)
    mixed = np.where(np.arange(200) < 150, 0, np.arange(200))  # one with most pictures
    apart = np.arange(200) % 2 + 2 * (np.arange(200) // 20)  # of one label each
    for groups in (pairs, one_group, mixed, apart):
        agreeing = [
            (shuffle_labels(table(groups, targets), [seed, 0])["target"] == targets).mean()
            for seed in range(40)
        ]
        assert abs(np.mean(agreeing) - 0.5) < 0.1
        assert np.ptp(agreeing) > 0


@pytest.mark.parametrize("content", [b"path\nb.jpg\n", None], ids=["changed", "gone"])
def test_tables_that_were_split_anew_since_training_are_refused(tmp_path, content):
    path = tmp_path / "train.csv"
    path.write_bytes(b"path\na.jpg\n")
    tables = {"train": {"path": "train.csv", "sha256": hashlib.sha256(b"path\na.jpg\n").hexdigest()}}
    check_learnt_from(tmp_path, tables)
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(UserError, match=r"was not trained with .*train\.csv as it is now.*make repro"):
        check_learnt_from(tmp_path, tables)
