import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from pipeline.auditing.cross_validation import (
    FoldedRanking,
    assign_folds,
    estimate_together,
    out_of_fold,
    too_few,
)
from pipeline.evaluation.bootstrap import Bootstrap
from pipeline.evaluation.scoring import measure


def pictures(n_groups=30, each=4):
    groups = np.repeat([f"g{number:02d}" for number in range(n_groups)], each)
    target = np.arange(len(groups)) % 2
    return target, groups, np.full(len(groups), "c")


@pytest.mark.parametrize("n_folds", [2, 5])
def test_groups_stay_together_and_each_picture_is_scored_once_a_repeat(n_folds):
    target, groups, strata = pictures()
    folds = assign_folds(target, groups, strata, n_folds, seed=0)
    assert folds.shape[1] == len(target)
    for repeat in folds:
        assert set(repeat) == set(range(n_folds))
        assert (pd.Series(repeat).groupby(groups).nunique() == 1).all()


def test_an_assignment_depends_on_the_seed_alone():
    first, again, other = (assign_folds(*pictures(), 5, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_small_sets_are_assigned_several_times_few_groups_to_fewer_folds_and_rare_collections_as_others():
    assert len(assign_folds(*pictures(10, 2), 5, seed=0)) > 1
    assert len(assign_folds(*pictures(200, 4), 5, seed=0)) == 1
    assert assign_folds(*pictures(3, 20), 10, seed=0).max() == 2
    target, groups, strata = pictures()
    strata[:2] = "rare"
    assert assign_folds(target, groups, strata, 5, seed=0).max() == 4


def test_no_picture_is_scored_by_a_fit_that_has_seen_its_group():
    target, groups, strata = pictures()
    folds = assign_folds(target, groups, strata, 5, seed=0)
    table = pd.DataFrame({"group": groups})

    def learner(learnt, target, scored):
        assert not set(learnt["group"]) & set(scored["group"])
        assert len(learnt) == len(target)
        return np.ones(len(scored))

    assert (out_of_fold(table, target, folds, learner) == 1).all()


def test_too_few_pictures_or_groups_are_named():
    target, groups, _ = pictures()
    assert too_few(target, groups) == ""
    assert "3 fake pictures" in too_few(np.array([0] * 20 + [1] * 3), np.arange(23).astype(str))
    two = np.where(np.arange(len(target)) < 60, "a", "b")
    assert "2 groups" in too_few(target, two)


def ranking(scores, fake, codes, folds=None):
    folds = np.zeros((1, len(fake)), int) if folds is None else folds
    return FoldedRanking(np.atleast_2d(scores), fake, codes, folds)


def data(n=200, seed=0, signal=0.7, ties=False):
    random = np.random.default_rng(seed)
    fake = np.arange(n) % 2 == 1
    codes = np.arange(n) // 4
    scores = random.normal(size=n) + signal * fake
    return np.round(scores) if ties else scores, fake, codes


@pytest.mark.parametrize("ties", [False, True])
def test_one_fold_gives_the_auc_of_scikit_learn(ties):
    scores, fake, codes = data(ties=ties)
    weights = np.random.default_rng(1).integers(0, 3, (5, codes.max() + 1)).astype(float)
    ours = ranking(scores, fake, codes).roc_auc(weights)
    theirs = [roc_auc_score(fake, scores, sample_weight=row[codes]) for row in weights]
    assert ours == pytest.approx(theirs)


def test_folds_are_not_compared_with_one_another():
    fake = np.array([True, False, True, False])
    scores = np.array([0.2, 0.1, 0.9, 0.8])  # right within each fold, wrong across
    folds = np.array([[0, 0, 1, 1]])
    assert ranking(scores, fake, np.arange(4), folds).roc_auc(np.ones((1, 4))) == [1.0]
    # A draw without a pair has no metric.
    fake = np.array([True, False])
    assert np.isnan(ranking([1.0, 0.0], fake, np.arange(2)).roc_auc(np.array([[1.0, 0.0]]))).all()


def estimates(*scores, fake, codes, draws=500):
    rankings = [ranking(each, fake, codes) for each in scores]
    return estimate_together(rankings, fake, codes, Bootstrap(draws, 0.95, seed=0))


def test_one_score_has_the_interval_of_a_detector_and_lies_inside():
    scores, fake, codes = data()
    (found,) = estimates(scores, fake=fake, codes=codes)
    assert 0.5 < found.low < found.value < found.high < 1
    predictions = pd.DataFrame(
        {"target": fake, "logit": scores, "probability_fake": 0.5, "group": [f"{code:03}" for code in codes]}
    )
    detector = measure(predictions, 0.5, Bootstrap(500, 0.95, seed=0))["roc_auc"]
    assert found == pytest.approx(detector)


def test_intervals_of_many_features_are_wider_than_of_one():
    scores, fake, codes = data()
    random = np.random.default_rng(2)
    alone = estimates(scores, fake=fake, codes=codes)[0]
    among = estimates(scores, *random.normal(size=(30, len(fake))), fake=fake, codes=codes)[0]
    assert among.value == alone.value
    assert among.low < alone.low
    assert among.high > alone.high


def test_the_best_of_many_without_signal_keeps_a_half_inside():
    covered = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        fake, codes = np.arange(80) % 2 == 1, np.arange(80) // 2
        found = estimates(*random.normal(size=(20, 80)), fake=fake, codes=codes, draws=200)
        covered += all(each.low <= 0.5 <= each.high for each in found)
    assert covered >= 17  # 19 are promised


def test_a_perfect_score_of_few_groups_is_not_certain():
    fake, codes = np.arange(20) % 2 == 1, np.arange(20) // 2
    (found,) = estimates(fake.astype(float), fake=fake, codes=codes)
    assert found.value == found.high == 1.0
    assert found.low == pytest.approx(0.025 ** (1 / 10))
    # One that ties every pair is not certain to be worthless.
    (found,) = estimates(codes.astype(float) * 0, fake=fake, codes=codes)
    assert found.value == 0.5
    assert found.low < 0.4
    assert found.high > 0.6


def test_one_group_has_no_interval_and_one_class_no_figure():
    fake = np.arange(10) % 2 == 1
    assert estimates(np.arange(10.0), fake=fake, codes=np.zeros(10, int))[0][1:] == (None, None)
    assert estimates(np.arange(10.0), fake=np.ones(10, bool), codes=np.arange(10))[0].value is None


def test_the_same_seed_gives_the_same_interval_in_blocks_of_any_size(monkeypatch):
    scores, fake, codes = data()
    whole = estimates(scores, fake=fake, codes=codes)
    monkeypatch.setattr("pipeline.evaluation.bootstrap.WEIGHTS_AT_ONCE", 500)
    assert estimates(scores, fake=fake, codes=codes) == whole
