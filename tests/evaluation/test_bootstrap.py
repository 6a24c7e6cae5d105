import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pipeline.auditing.cross_validation import FoldedRanking, estimate_together
from pipeline.evaluation import bootstrap
from pipeline.evaluation.bootstrap import NONE, Bootstrap, Metric, clopper_pearson
from pipeline.evaluation.metrics import METRICS, of_answers
from pipeline.evaluation.scoring import (
    bounds_at_threshold,
    certain_accuracies,
    measure,
    score_predictions,
)
from tests.evaluation.builders import answers

BOOTSTRAP = Bootstrap(draws=400, confidence=0.95, seed=1)


def predictions(n_groups=60, alike=1, seed=0, effect=1.0):
    """Make groups of `alike` identical pictures, half of the groups fake."""
    random = np.random.default_rng(seed)
    target = np.repeat(np.arange(n_groups) % 2, alike)
    logit = np.repeat(random.normal(size=n_groups) + effect * (np.arange(n_groups) % 2), alike)
    return answers(target, logit, group=np.repeat([f"g{number}" for number in range(n_groups)], alike))


def measured(table, threshold=0.5, using=BOOTSTRAP):
    return measure(table, threshold, using)


def test_each_metric_lies_in_its_interval_the_same_whatever_the_memory_and_the_order(monkeypatch):
    table = predictions()
    first = measured(table)
    for metric in first.values():
        assert metric.low < metric.value < metric.high
    monkeypatch.setattr(bootstrap, "WEIGHTS_AT_ONCE", 60 * 7)
    assert measured(table) == first
    again = measured(table.sample(frac=1, random_state=3))
    assert again["fake_accuracy"] == pytest.approx(first["fake_accuracy"])
    assert measured(table, using=Bootstrap(draws=400, confidence=0.95, seed=2)) != first


def test_pictures_of_one_group_count_as_one_piece_of_evidence():
    single, tenfold = measured(predictions(alike=1)), measured(predictions(alike=10))
    for name in of_answers():
        # The bins of the ECE are counted by pictures: copies fill more of them, up to fifteen.
        if name != "ece":
            assert tenfold[name] == pytest.approx(single[name])
    most = 20 * 15
    single, tenfold = (measured(predictions(most, alike))["ece"] for alike in (1, 10))
    assert tenfold == pytest.approx(single)


def test_the_width_of_an_accuracy_is_that_of_the_binomial():
    often = Bootstrap(draws=2000, confidence=0.95, seed=1)
    share, low, high = measured(predictions(n_groups=800), using=often)["fake_accuracy"]
    expected = 2 * 1.96 * np.sqrt(share * (1 - share) / 400)
    assert high - low == pytest.approx(expected, rel=0.1)


def test_all_right_does_not_promise_certainty():
    table = predictions(n_groups=36, effect=50.0).assign(probability_fake=lambda rows: rows["target"] * 1.0)
    found = measured(table)
    _, low, high = found["fake_accuracy"]
    assert (low, high) == (pytest.approx(0.025 ** (1 / 18)), 1.0)
    assert low == pytest.approx(0.8147, abs=1e-4)  # Clopper-Pearson for 18 of 18
    assert found["roc_auc"] == (1.0, pytest.approx(low), 1.0)
    assert found["balanced_accuracy"].low < low


@pytest.mark.parametrize("right", [0, 7])
def test_all_right_or_none_is_bounded_as_scipy_does(right):
    expected = stats.binomtest(right, 7).proportion_ci(0.9, method="exact")
    assert clopper_pearson(right == 7, 7, 0.9) == pytest.approx(tuple(expected))


def test_bounds_of_sure_classes_are_put_together():
    sums = np.array([[1, 1, 0, 0]] * 20 + [[0, 0, 1, 1.0]] * 30).T
    ends = certain_accuracies(sums, confidence=0.95)
    bounds = bounds_at_threshold([ends["fake_accuracy"], ends["genuine_accuracy"]], sums)
    fake, genuine = 0.025 ** (1 / 20), 0.025 ** (1 / 30)
    assert bounds["balanced_accuracy"] == (pytest.approx((fake + genuine) / 2), 1.0)
    assert bounds["precision_at_10_percent"][0] == pytest.approx(fake / (fake + 9 * (1 - genuine)))
    # Always fake is sure of neither class.
    sums = np.array([[1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1.0]]).T
    bounds = certain_accuracies(sums, confidence=0.95)
    assert bounds["fake_accuracy"] == (pytest.approx(0.025), 1.0)
    assert bounds["genuine_accuracy"] == (0.0, pytest.approx(1 - np.sqrt(0.025)))


def test_one_group_of_a_class_gives_no_interval_for_what_needs_it():
    table = predictions(n_groups=9).assign(group=lambda rows: rows["group"].where(rows["target"] == 0, "one"))
    found = measured(table)
    assert found["fake_accuracy"][1:] == NONE
    assert found["roc_auc"][1:] == NONE
    assert found["genuine_accuracy"].low is not None
    found = measured(predictions().query("target == 1"))  # and one class alone none but of its accuracy
    assert {name for name, metric in found.items() if metric.low is not None} == {"fake_accuracy"}


def test_no_false_alarm_does_not_promise_that_every_alarm_is_right():
    table = predictions(n_groups=100)
    found = measured(table, table.loc[table["target"] == 0, "probability_fake"].max() + 1e-6)
    precision = found["precision_at_1_percent"]
    assert precision.value == precision.high == 1.0
    # at worst as many false alarms as fifty groups without one allow: some 8 %
    assert precision.low < 0.01 * found["fake_accuracy"].value / (0.99 * 0.05)
    for metric in ("balanced_accuracy", "f1", "mcc"):
        assert found[metric].low < found[metric].value < found[metric].high


def test_where_draws_agree_and_no_bound_is_known_there_is_no_interval():
    found = measured(predictions(n_groups=36, effect=50.0))
    for metric in ("average_precision", "eer"):
        assert found[metric][1:] == NONE
    assert BOOTSTRAP.mean(pd.Series(np.zeros(20)), pd.Series(range(20))) == Metric(0.0)
    assert BOOTSTRAP.mean(pd.Series([np.nan, np.nan]), pd.Series(["a", "b"])) == Metric()


@pytest.mark.parametrize("found", [0, 1])
def test_no_or_every_fake_found_among_few_is_bounded_as_an_accuracy_is(found):
    target = np.repeat([1, 0], 5)
    logit = np.arange(10.0) * (-1 if found else 1)
    at_one, at_five = (
        measured(answers(target, logit, group=range(10)))[f"tpr_at_{n}_percent_fpr"] for n in (1, 5)
    )
    assert at_one == at_five == (found, *map(pytest.approx, clopper_pearson(bool(found), 5, 0.95)))


def test_one_genuine_picture_above_all_fakes_lets_the_share_found_reach_as_far_as_its_draws():
    target, logit = np.repeat([1, 0], 5), [4.0, 3, 2, 1, 0, 9, -1, -2, -3, -4]
    found = measured(answers(target, logit, group=range(10)))["tpr_at_1_percent_fpr"]
    assert found == (0.0, 0.0, 1.0)  # without it all are found


def test_what_chance_adds_to_the_calibration_error_is_taken_off():
    rng = np.random.default_rng(0)
    logit = rng.normal(size=300)
    target = (rng.random(300) < 1 / (1 + np.exp(-logit))).astype(int)
    value, low, high = measured(answers(target, logit, group=range(300)))["ece"]
    assert low <= value <= high
    assert value - low > high - value


shares = st.lists(st.floats(0, 1), min_size=3, max_size=30).filter(lambda draws: np.std(draws) > 1e-3)


def test_many_groups_give_the_normal_interval_and_few_that_of_students_t():
    draws = np.random.default_rng(0).normal(0.5, 0.01, 100_000)
    low, high = BOOTSTRAP.interval(0.5, draws, 100_000)
    assert (low, high) == (pytest.approx(0.5 - 0.0196, abs=2e-4), pytest.approx(0.5 + 0.0196, abs=2e-4))
    # Few groups widen it as Student's t does.
    draws = np.random.default_rng(0).normal(0.5, 0.01, 1000)
    few, many = (np.diff(BOOTSTRAP.interval(0.5, draws, n))[0] for n in (10, 10**6))
    assert few / many == pytest.approx(stats.t.ppf(0.975, 9) / 1.96 * np.sqrt(10 / 9), rel=1e-2)


@given(shares, st.sampled_from(["roc_auc", "mcc", "log_loss", "ece"]), st.integers(2, 50))
def test_the_value_lies_inside_and_the_ends_where_metrics_can(draws, name, n_groups):
    value, metric = float(np.mean(draws)), METRICS[name]
    low, high = BOOTSTRAP.interval(
        value, np.array(draws), n_groups, metric.limits, is_distance=metric.is_distance
    )
    assert low <= value <= high
    assert low >= (-1 if name == "mcc" else 0)
    assert high <= 1 or name == "log_loss"


def test_near_its_end_an_interval_reaches_further_inwards():
    draws = np.random.default_rng(0).normal(0.95, 0.02, 1000).clip(0, 1)
    low, high = BOOTSTRAP.interval(0.95, draws, 100)
    assert 0.95 - low > high - 0.95
    # At its end a metric has the percentiles of its draws.
    assert BOOTSTRAP.interval(0.0, np.linspace(0, 0.4, 401), 30) == (0.0, pytest.approx(0.39))


@pytest.mark.parametrize(
    ("draws", "n_groups"), [([0.5] * 10, 9), ([np.nan] * 6 + [0.4, 0.5, 0.6], 9), ([0.4, 0.6], 1)]
)
def test_draws_that_say_nothing_give_no_interval(draws, n_groups):
    assert BOOTSTRAP.interval(0.5, np.array(draws), n_groups) == NONE


# Intervals hold the truth as often as they say: 1,000 test sets drawn from a world that is known.

SETS = 1000
GROUPS = 160
DISTANCE = 2.0  # between the classes' mean logits; both have variance 1, half of it shared by a group
CUT = 0.8  # the threshold, as a logit
ACCURACY = {"fake_accuracy": stats.norm.cdf(DISTANCE - CUT), "genuine_accuracy": stats.norm.cdf(CUT)}
CLOSED = {
    "roc_auc": stats.norm.cdf(DISTANCE / np.sqrt(2)),
    "balanced_accuracy": np.mean(list(ACCURACY.values())),
    **ACCURACY,
}
LESS = "tpr_at_1_percent_fpr"  # it rests on one or two genuine pictures, see decision 0018


def drawn_set(seed):
    """Draw groups as they are found: a genuine picture or two, fakes made from it, or both."""
    rng = np.random.default_rng([10, seed])
    n_genuine = rng.integers(0, 3, GROUPS)
    n_fake = rng.integers(0, 5, GROUPS) * (rng.random(GROUPS) < 0.7)
    group = np.concatenate([np.repeat(np.arange(GROUPS), n_genuine), np.repeat(np.arange(GROUPS), n_fake)])
    target = np.repeat([0, 1], [n_genuine.sum(), n_fake.sum()])
    shared = rng.normal(scale=np.sqrt(0.5), size=GROUPS)
    logit = shared[group] + rng.normal(scale=np.sqrt(0.5), size=len(group)) + DISTANCE * target
    return answers(target, logit, group=group)


@pytest.mark.slow
def test_intervals_hold_the_truth_in_95_of_100_test_sets():
    threshold = 1 / (1 + np.exp(-CUT))
    world = pd.concat([drawn_set(SETS + number) for number in range(3000)], ignore_index=True)
    found = score_predictions(world, threshold)
    truth = {metric: found[metric] for metric in of_answers()}
    assert {metric: truth[metric] for metric in CLOSED} == pytest.approx(CLOSED, abs=0.002)
    truth |= CLOSED
    held = dict.fromkeys(truth, 0)
    for seed in range(SETS):
        bootstrap = Bootstrap(draws=500, confidence=0.95, seed=seed)
        for metric, (_, low, high) in measure(drawn_set(seed), threshold, bootstrap).items():
            held[metric] += int(low <= truth[metric] <= high)
    shares = {metric: count / SETS for metric, count in held.items()}
    print(shares)
    assert 0.90 <= shares.pop(LESS) < 0.93  # what the documents say of it
    assert all(0.93 <= share <= 0.97 for share in shares.values()), shares


# Of twenty shortcuts of one set of pictures twelve tell nothing, as most do in an audit.
SHORTCUTS = np.array([0.5] * 12 + [0.55, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98])


@pytest.mark.slow
def test_the_intervals_of_an_audit_hold_the_truth_together_in_95_of_100_sets():
    distances = np.sqrt(2) * stats.norm.ppf(SHORTCUTS)[:, None]
    held = []
    for seed in range(300):
        pictures = drawn_set(seed)
        fake, codes = (pictures["target"] == 1).to_numpy(), pd.factorize(pictures["group"], sort=True)[0]
        rng = np.random.default_rng([11, seed])
        shared = rng.normal(scale=np.sqrt(0.5), size=(len(SHORTCUTS), codes.max() + 1))[:, codes]
        own = rng.normal(scale=np.sqrt(0.5), size=shared.shape)
        one_fold = np.zeros((1, len(fake)), np.intp)
        scores = shared + own + distances * fake
        rankings = [FoldedRanking(each[None], fake, codes, one_fold) for each in scores]
        estimates = estimate_together(rankings, fake, codes, Bootstrap(draws=500, confidence=0.95, seed=seed))
        held.append(all(each.low <= auc <= each.high for each, auc in zip(estimates, SHORTCUTS, strict=True)))
    print(np.mean(held))
    assert 0.93 <= np.mean(held) <= 0.99
