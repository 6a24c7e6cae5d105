import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from pipeline.evaluation import robustness
from pipeline.evaluation.bootstrap import Bootstrap
from pipeline.evaluation.perturbations import SETS
from pipeline.evaluation.robustness import COLUMNS, measure_robustness, robustness_headline

BOOTSTRAP = Bootstrap(draws=200, confidence=0.95, seed=0)
JPEG, PROBE = SETS["fast"][0], next(each for each in SETS["fast"] if each.is_probe)
N = 200


def labels(n=N):
    return np.arange(n) % 2, np.arange(n) // 4  # groups of two fakes and two genuine pictures


def logits(separation, seed, n=N):
    return np.random.default_rng(seed).normal(0, 1, n) + separation * labels(n)[0]


def compared(before, after, target=None, group=None):
    """Measure answers after each perturbation of `after`."""
    of, groups = labels(len(before))
    target, group = of if target is None else target, groups if group is None else group
    answers = pd.DataFrame({each.name: logits for each, logits in after})
    return measure_robustness(before, answers, [each for each, _ in after], target, group, 0.5, BOOTSTRAP)


def measured(before, after, which=JPEG, **named):
    return compared(before, [(which, after)], **named)


def row_of(*arguments, **named):
    return measured(*arguments, **named).iloc[1]


@settings(max_examples=20)
@given(separation=st.floats(0, 3), seed=st.integers(0, 99))
def test_what_changes_nothing_has_the_metrics_of_the_first_row(separation, seed):
    answers = logits(separation, seed)
    table = measured(answers, answers)
    assert list(table.columns) == COLUMNS
    first, second = table.iloc[0], table.iloc[1]
    assert first["name"] == "none"
    named, ends = ["name", "family", "strength"], ["change_low", "change_high"]
    pd.testing.assert_series_equal(first.drop(named + ends), second.drop(named + ends), check_names=False)
    assert first["change"] == first["change_low"] == first["change_high"] == 0
    assert second["change"] == second["flipped"] == 0
    assert -0.1 < second["change_low"] < 0 < second["change_high"] < 0.1
    assert second["verdict"] == ""


def test_metrics_are_those_at_the_threshold_and_shifts_are_paired():
    target, _ = labels()
    before = logits(2.0, 1)
    after = before - np.where(target == 1, 1.5, -0.25)
    row = row_of(before, after)
    assert row["roc_auc"] == pytest.approx(roc_auc_score(target, after))
    assert row["change"] == pytest.approx(roc_auc_score(target, after) - roc_auc_score(target, before))
    assert row["change_low"] < row["change"] < row["change_high"]
    assert row["fake_shift"] == pytest.approx(-1.5)
    assert row["genuine_shift"] == pytest.approx(0.25)
    assert row["true_positive_rate"] == (after[target == 1] >= 0.5).mean()
    assert row["false_positive_rate"] == (after[target == 0] >= 0.5).mean()
    assert row["flipped"] == ((before >= 0.5) != (after >= 0.5)).mean()
    assert (row["n_fake"], row["n_genuine"]) == (N // 2, N // 2)
    row = row_of(np.full(N, 0.4), np.full(N, 0.5))  # the threshold itself is called fake
    assert row["true_positive_rate"] == row["false_positive_rate"] == row["flipped"] == 1


def test_ties_count_half_and_a_change_that_helps_is_a_shortcut_and_one_that_harms_makes_fragile():
    row = row_of(logits(2.0, 1), np.zeros(N))
    assert row["roc_auc"] == 0.5
    assert np.isnan(row["low"])  # all draws agree, which proves nothing
    assert np.isnan(row["high"])
    weak, strong = logits(0.3, 1), logits(2.0, 2)
    assert row_of(weak, strong)["verdict"] == robustness.SHORTCUT
    assert row_of(strong, weak)["verdict"] == robustness.FRAGILE
    slightly = strong - 0.1 * labels()[0]  # less, surely, but by little
    row = row_of(strong, slightly)
    assert row["change_high"] < 0
    assert row["verdict"] == ""


def test_knowing_the_classes_by_content_alone_is_a_shortcut_and_not_knowing_them_is_no_fault():
    strong = logits(2.0, 2)
    assert row_of(strong, logits(1.0, 3), PROBE)["verdict"] == robustness.SHORTCUT
    assert row_of(strong, logits(0.0, 3), PROBE)["verdict"] == ""
    # A detector that is no better as handed in gains nothing from the probe, and knows no less for it.
    assert row_of(logits(1.0, 3), logits(1.0, 3), PROBE)["verdict"] == robustness.SHORTCUT


def test_one_class_alone_has_rates_and_shifts_but_no_ranks():
    genuine = np.zeros(N)
    before = logits(0.0, 1)
    row = row_of(before, before + 1, target=genuine)
    assert row["verdict"] == robustness.ONE_CLASS
    assert np.isnan([row["roc_auc"], row["low"], row["change"], row["true_positive_rate"]]).all()
    assert row["genuine_shift"] == pytest.approx(1)
    assert (row["n_fake"], row["n_genuine"]) == (0, N)


def test_answers_that_are_no_numbers_leave_their_row_without_metrics_and_the_others_whole():
    answers = logits(1.0, 1)
    broken = np.where(np.arange(N) == 7, np.nan, answers)
    table = compared(answers, [(JPEG, broken), (PROBE, answers)])
    assert list(table["verdict"]) == ["", robustness.NO_NUMBER, robustness.SHORTCUT]
    assert table.loc[1, "roc_auc":"flipped"].isna().all()
    assert table.loc[2, "roc_auc"] == table.loc[0, "roc_auc"]


def test_one_group_says_nothing_about_others():
    row = row_of(logits(0.3, 1), logits(2.0, 2), group=np.zeros(N))
    assert np.isnan([row["low"], row["change_low"]]).all()
    assert row["verdict"] == robustness.NO_INTERVAL
    # A perfect ranking of few groups is not taken for certain.
    target = np.tile([0, 1], 4)
    row = row_of(np.zeros(8), target.astype(float), PROBE, target=target, group=np.repeat([1, 2], 4))
    assert row["roc_auc"] == 1
    assert row["low"] == pytest.approx(0.025**0.5)
    assert row["verdict"] == ""


def test_pictures_in_another_order_give_the_same_table_and_none_one_without_metrics():
    table = measured(np.empty(0), np.empty(0))
    assert list(table["n_fake"]) == [0, 0]
    assert table["roc_auc"].isna().all()
    before, after = logits(1.0, 1), logits(0.5, 2)
    target, group = labels()
    order = np.random.default_rng(0).permutation(N)
    turned = measured(before[order], after[order], target=target[order], group=group[order])
    numbers = COLUMNS[3:-1]
    assert turned[numbers].to_numpy() == pytest.approx(measured(before, after)[numbers].to_numpy())


def test_two_metrics_sum_a_table_up_and_the_pictures_as_they_are_are_none_of_them():
    webp = next(each for each in SETS["full"] if each.family == "WebP")
    after = [(JPEG, logits(1.0, 1)), (webp, logits(0.0, 2)), (PROBE, logits(0.5, 3))]
    table = compared(logits(3.0, 0), after)
    found, by_name = robustness_headline(table), table.set_index("name")["roc_auc"]
    assert found["mean_roc_auc"] == pytest.approx((by_name[JPEG.name] + by_name[webp.name]) / 2)
    assert found["content_only_roc_auc"] == by_name[PROBE.name]
    unknown = measured(logits(1.0, 0), np.full(N, np.nan))
    assert robustness_headline(unknown) == {"mean_roc_auc": None, "content_only_roc_auc": None}
