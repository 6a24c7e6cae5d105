import numpy as np
import pandas as pd
import pytest

from pipeline.auditing.learners import deal_folds, out_of_fold, too_few


def pictures(n_groups=30, each=4):
    groups = np.repeat([f"g{number:02d}" for number in range(n_groups)], each)
    target = np.arange(len(groups)) % 2
    return target, groups, np.full(len(groups), "c")


@pytest.mark.parametrize("folds", [2, 5])
def test_groups_stay_together_and_each_picture_is_scored_once_a_repeat(folds):
    target, groups, strata = pictures()
    dealt = deal_folds(target, groups, strata, folds, seed=0)
    assert dealt.shape[1] == len(target)
    for repeat in dealt:
        assert set(repeat) == set(range(folds))
        assert (pd.Series(repeat).groupby(groups).nunique() == 1).all()


def test_small_sets_are_dealt_out_several_times_and_large_ones_once():
    assert len(deal_folds(*pictures(10, 2), 5, seed=0)) > 1
    assert len(deal_folds(*pictures(200, 4), 5, seed=0)) == 1


def test_a_deal_depends_on_the_seed_alone():
    first, again, other = (deal_folds(*pictures(), 5, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_few_groups_give_fewer_folds():
    target, groups, strata = pictures(3, 20)
    assert deal_folds(target, groups, strata, 10, seed=0).max() == 2


def test_rare_collections_do_not_disturb():
    target, groups, strata = pictures()
    strata[:2] = "rare"
    assert deal_folds(target, groups, strata, 5, seed=0).max() == 4


def test_no_picture_is_scored_by_a_fit_that_has_seen_its_group():
    target, groups, strata = pictures()
    dealt = deal_folds(target, groups, strata, 5, seed=0)
    table = pd.DataFrame({"group": groups})

    def learner(learnt, target, scored):
        assert not set(learnt["group"]) & set(scored["group"])
        assert len(learnt) == len(target)
        return np.ones(len(scored))

    assert (out_of_fold(table, target, dealt, learner) == 1).all()


def test_too_few_pictures_or_groups_are_told():
    target, groups, _ = pictures()
    assert too_few(target, groups) == ""
    assert "3 fake pictures" in too_few(np.array([0] * 20 + [1] * 3), np.arange(23).astype(str))
    two = np.where(np.arange(len(target)) < 60, "a", "b")
    assert "2 groups" in too_few(target, two)
