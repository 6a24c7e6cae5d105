import numpy as np
import pandas as pd
import pytest

from pipeline.errors import UserError
from pipeline.evaluation import bootstrap
from pipeline.evaluation.bootstrap import Bootstrap
from pipeline.evaluation.comparison import compare
from pipeline.evaluation.scoring import score_predictions
from pipeline.reports.terminal import comparison_table
from tests.evaluation.builders import answers

BOOTSTRAP = Bootstrap(draws=400, confidence=0.95, seed=0)


def predicted(strength, n=200, seed=0):
    """Predictions for the same pictures, better with more strength."""
    target = np.arange(n) % 2
    logit = np.random.default_rng(seed).normal(size=n) + strength * target - strength / 2
    return answers(
        *(target, logit),
        path=[f"{number:04d}.jpg" for number in range(n)],
        group=[f"g{number // 4}" for number in range(n)],
        collection=np.where(np.arange(n) < n // 2, "near", "far"),
        called=np.where(logit >= 0, "fake", "genuine"),
    )


def test_the_figures_are_those_of_each_and_the_difference_is_theirs():
    one, other = predicted(2.0), predicted(0.5, seed=1)
    rows = compare([one], [other], BOOTSTRAP).set_index(["part", "metric"])
    assert set(rows.index.get_level_values("part")) == {"all", "near", "far"}
    for metric in ("roc_auc", "balanced_accuracy"):
        row = rows.loc[("all", metric)]
        assert row["first"] == pytest.approx(score_predictions(one, 0.5)[metric])
        assert row["second"] == pytest.approx(score_predictions(other, 0.5)[metric])
        assert row["difference"] == pytest.approx(row["first"] - row["second"])
        assert row["low"] < row["difference"] < row["high"]
    assert rows.loc[("all", "roc_auc"), "low"] > 0
    # A detector is no better than itself, and the order of rows does not count.
    rows = compare([one], [one.sample(frac=1, random_state=3)], BOOTSTRAP)
    assert (rows["difference"] == 0).all()
    assert rows[["low", "high"]].isna().all().all()  # all draws agree, and promise nothing


def test_pairing_makes_the_interval_narrower_where_both_err_alike():
    one = predicted(1.0)
    shifted = one.assign(logit=one["logit"] + np.random.default_rng(5).normal(scale=0.1, size=len(one)))
    pair = compare([one], [shifted], BOOTSTRAP).query("part == 'all' and metric == 'roc_auc'").iloc[0]
    alone = compare([one], [predicted(1.0, seed=9)], BOOTSTRAP)
    alone = alone.query("part == 'all' and metric == 'roc_auc'").iloc[0]
    assert pair["high"] - pair["low"] < (alone["high"] - alone["low"]) / 3


def test_several_trainings_of_one_detector_are_averaged():
    ones = [predicted(2.0, seed=seed) for seed in (1, 2, 3)]
    rows = compare(ones, [predicted(0.5)], BOOTSTRAP).query("part == 'all' and metric == 'roc_auc'")
    wanted = np.mean([score_predictions(each, 0.5)["roc_auc"] for each in ones])
    assert rows.iloc[0]["first"] == pytest.approx(wanted)


def test_other_pictures_or_groups_cannot_be_compared_and_no_answer_that_is_no_number():
    one = predicted(1.0)
    with pytest.raises(UserError, match=r"different pictures \(200 and 100\)"):
        compare([one], [predicted(1.0, n=100)], BOOTSTRAP)
    with pytest.raises(UserError, match="grouped the same pictures differently"):
        compare([one], [one.assign(group="one")], BOOTSTRAP)
    with pytest.raises(UserError, match="1 of 200"):
        compare([one], [one.assign(logit=one["logit"].where(one.index != 3))], BOOTSTRAP)


@pytest.mark.parametrize("strengths", [(2.0, 1.0), (99.0, 99.5)])
def test_one_group_or_two_perfect_detectors_promise_nothing(strengths):
    pair = [predicted(strength, seed=seed) for seed, strength in enumerate(strengths)]
    if strengths[0] < 99:
        pair = [each.assign(group="one") for each in pair]
    rows = compare([pair[0]], [pair[1]], BOOTSTRAP)
    assert rows[["low", "high"]].isna().all().all()
    assert "(– to –)" in comparison_table(rows, 0.95)


def test_how_many_draws_are_worked_on_at_once_changes_nothing(monkeypatch):
    pair = [predicted(2.0)], [predicted(1.0, seed=2)]
    whole = compare(*pair, BOOTSTRAP)
    monkeypatch.setattr(bootstrap, "WEIGHTS_AT_ONCE", 1000)
    pd.testing.assert_frame_equal(compare(*pair, BOOTSTRAP), whole)
    # The table fits a terminal.
    rows = compare([predicted(2.0, n=2000)], [predicted(1.0, n=2000, seed=2)], BOOTSTRAP)
    rows["part"] = "a_collection_with_a_long_name"
    assert max(map(len, comparison_table(rows, 0.95).splitlines())) <= 80


@pytest.mark.parametrize(
    ("strengths", "n", "says"),
    [
        ((3.0, 0.0), 400, "By the ROC AUC the first is better; by balanced accuracy the first is better."),
        ((0.0, 3.0), 400, "By the ROC AUC the second is better; by balanced accuracy the second is better."),
        ((1.0, 0.8), 12, "By the ROC AUC it cannot be told which is better ("),
        ((99.0, 99.5), 40, "By the ROC AUC their figures are the same; by balanced accuracy their"),
    ],
)
def test_the_table_ends_with_what_it_comes_to(strengths, n, says):
    pair = [[predicted(strength, n=n, seed=seed)] for seed, strength in enumerate(strengths)]
    text = comparison_table(compare(*pair, BOOTSTRAP), 0.95)
    assert says in " ".join(text.split())
    same = comparison_table(
        compare([predicted(1.0, n=4000)], [predicted(1.0, n=4000, seed=3)], BOOTSTRAP), 0.95
    )
    assert "both are about as good" in same


def test_a_collection_that_is_all_there_is_is_no_row_of_its_own():
    alone = predicted(0.5).assign(collection="folders")
    rows = compare([alone], [alone], BOOTSTRAP)
    assert set(rows["part"]) == {"all"}
