import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    confusion_matrix,
    f1_score,
    log_loss,
    matthews_corrcoef,
    recall_score,
    roc_auc_score,
)

from pipeline.errors import UserError
from pipeline.evaluation.bootstrap import Bootstrap
from pipeline.evaluation.metrics import CALLS, METRICS, Calls, MetricDefinition, of_answers
from pipeline.evaluation.ranking import (
    BINS,
    IN_A_BIN,
    WeightedRanking,
    average_precision,
    equal_error_rate,
    equal_mass_bins,
    expected_calibration_error,
    n_bins,
    roc_auc,
    surplus_by_class,
    true_positive_rate_at,
)
from pipeline.evaluation.scoring import (
    WeightedPredictions,
    at_threshold,
    brier_terms,
    count_calls,
    log_loss_terms,
    measure,
    score_predictions,
)
from tests.evaluation.builders import answers


def table(target, probability):
    probability = np.asarray(probability, dtype=float)
    with np.errstate(divide="ignore"):
        logit = np.log(probability / (1 - probability))
    return pd.DataFrame({"target": target, "logit": logit, "probability_fake": probability})


def test_hand_computed_metrics():
    metrics = score_predictions(table([1, 1, 1, 0, 0], [0.9, 0.8, 0.3, 0.4, 0.1]), threshold=0.5)
    assert metrics["fake_accuracy"] == pytest.approx(2 / 3)
    assert metrics["genuine_accuracy"] == 1.0
    assert metrics["balanced_accuracy"] == pytest.approx(5 / 6)
    assert metrics["roc_auc"] == pytest.approx(5 / 6)  # of six pairs only 0.3 < 0.4 is wrong
    assert metrics["average_precision"] == pytest.approx((1 + 1 + 3 / 4) / 3)
    assert (metrics["n_fake"], metrics["n_genuine"]) == (3, 2)


def test_metrics_agree_with_scikit_learn():
    random = np.random.default_rng(0)
    target = random.integers(2, size=300)
    probability = np.round(random.beta(2 + target, 3 - target), 2).clip(0.01, 0.99)  # rounded: with ties
    predictions = table(target, probability)
    metrics = score_predictions(predictions, threshold=0.4)
    called = probability >= 0.4
    assert metrics["fake_accuracy"] == pytest.approx(recall_score(target, called))
    assert metrics["genuine_accuracy"] == pytest.approx(recall_score(target, called, pos_label=0))
    assert metrics["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(target, called))
    assert count_calls(predictions, 0.4).to_numpy().tolist() == confusion_matrix(target, called).tolist()

    # A detector that always says fake does not look good.
    metrics = score_predictions(table([1, 1, 0, 0, 0], [0.9] * 5), threshold=0.5)
    assert metrics["fake_accuracy"] == 1.0
    assert metrics["genuine_accuracy"] == 0.0
    assert metrics["balanced_accuracy"] == 0.5
    assert metrics["roc_auc"] == 0.5
    # The logit ranks where probabilities are rounded to one.
    predictions = pd.DataFrame({"target": [1, 0], "logit": [90.0, 60.0], "probability_fake": [1.0, 1.0]})
    assert score_predictions(predictions, threshold=0.5)["roc_auc"] == 1.0


@pytest.mark.parametrize(("target", "there", "missing"), [(1, "fake", "genuine"), (0, "genuine", "fake")])
def test_one_class_alone_has_no_metrics_that_need_both(target, there, missing):
    metrics = score_predictions(table([target, target], [0.2, 0.8]), threshold=0.5)
    assert metrics[f"{there}_accuracy"] == 0.5
    assert [metric for metric in of_answers() if metrics[metric] is not None] == [f"{there}_accuracy"]
    assert metrics[f"n_{missing}"] == 0


def test_nothing_at_all_gives_no_metric_and_no_alarm_no_precision():
    metrics = score_predictions(table([1, 0], [0.3, 0.2]), threshold=0.5)
    assert metrics["precision_at_1_percent"] is None
    assert metrics["mcc"] == 0
    metrics = score_predictions(table([], []), threshold=0.5)
    known = {name for name, value in metrics.items() if value is not None}
    assert known == {"n_fake", "n_genuine", "n_masks"}


def test_nan_is_refused_and_not_averaged():
    predictions = table([1, 0], [0.5, 0.5]).assign(logit=[np.nan, 0.0])
    with pytest.raises(UserError, match=r"1 of 2 pictures.*smaller train\.learning_rate"):
        score_predictions(predictions, threshold=0.5)


def test_answers_beyond_one_hundred_thousand_are_counted_as_they_are():
    target = np.arange(200_000) % 2
    metrics = score_predictions(table(target, np.where(target == 1, 0.7, 0.2)), threshold=0.5)
    assert (metrics["roc_auc"], metrics["eer"], metrics["n_fake"]) == (1.0, 0.0, 100_000)
    assert metrics["ece"] == pytest.approx(0.25)


def weighting(fakes, genuine):
    """Weigh each picture once."""
    logit = np.array([*fakes, *genuine], float)
    fake = np.arange(len(logit)) < len(fakes)
    return WeightedRanking(logit, fake, np.zeros(len(logit), int)).weigh(np.ones((1, 1)))


def equal_errors(fakes, genuine):
    return equal_error_rate(weighting(fakes, genuine))[0]


def test_a_threshold_with_equal_errors_gives_their_rate():
    # from 3 on: one of four genuine pictures called fake, one of four fakes genuine
    assert equal_errors([5, 4, 3, 1], [3.5, 2, 0, -1]) == pytest.approx(0.25)
    # Between two points the ROC curve is straight.
    # (0, 1/2), then the tie of one fake and the one genuine picture: (1, 1). x = 1 - (1/2 + x / 2): x = 1/3
    assert equal_errors([2, 1], [1]) == pytest.approx(1 / 3)
    # (0, 0), (0, 1/3), (1/2, 1/3), (1/2, 1): upwards at 1/2
    assert equal_errors([4, 2, 1], [3, 0]) == pytest.approx(0.5)
    # Separated classes have no equal error, swapped ones only that.
    assert equal_errors([3, 2], [1, 0]) == 0
    assert equal_errors([1, 0], [3, 2]) == 1
    assert equal_errors([1, 1], [1]) == pytest.approx(0.5)  # one answer for all


def test_as_many_genuine_pictures_as_allowed_may_lie_above():
    genuine = np.arange(100.0)
    fakes = [99.5, 98.5, 97.5, 50.5]
    assert true_positive_rate_at(weighting(fakes, genuine), 1)[0] == 0.5  # 99 alone lies above 98.5
    assert true_positive_rate_at(weighting(fakes, genuine), 5)[0] == 0.75
    # With 99 genuine pictures the first one is already more than 1 %.
    assert true_positive_rate_at(weighting(fakes, genuine[1:]), 1)[0] == 0.25
    # Ties fall to one side together.
    genuine = [*np.zeros(97), 5.0, 5.0, 5.0]
    assert true_positive_rate_at(weighting([6.0, 5.0, 4.0], genuine), 1)[0] == pytest.approx(1 / 3)
    assert true_positive_rate_at(weighting([6.0, 5.0, 4.0], genuine), 5)[0] == 1.0


@pytest.mark.parametrize("percent", [1, 5])
def test_shares_that_floats_cannot_hold_are_counted_exactly(percent):
    for n in (100, 700, 1400, 2900):
        allowed = n * percent // 100
        fakes = [n - allowed - 0.5]  # as many genuine pictures lie above it as may
        assert true_positive_rate_at(weighting(fakes, np.arange(float(n))), percent)[0] == 1.0


def test_groups_that_were_not_drawn_do_not_count_and_without_a_class_there_is_nothing():
    ranking = WeightedRanking(np.array([2.0, 1.0, 0.0]), np.array([True, False, True]), np.array([0, 1, 2]))
    drawn = ranking.weigh(np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]]))
    assert roc_auc(drawn).tolist() == [1.0, 0.0]
    assert average_precision(drawn).tolist() == [1.0, 0.5]
    one_class = ranking.weigh(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    assert np.isnan([roc_auc(one_class), average_precision(one_class)]).all()
    for found in (equal_errors([1], []), true_positive_rate_at(weighting([], [1]), 5)[0]):
        assert np.isnan(found)


def error(target, probability):
    probability = np.array(probability, float)
    ranking = WeightedRanking(probability, np.array(target) == 1, np.zeros(len(target), int))
    surplus = surplus_by_class(ranking, probability)
    return expected_calibration_error(ranking.weigh(np.ones((1, 1))), surplus)[0]


def test_a_bin_of_the_error_holds_twenty_pictures_or_more_and_few_pictures_are_one():
    sizes = np.bincount(equal_mass_bins(np.random.default_rng(0).normal(size=BINS * 27)))
    assert sizes.tolist() == [27] * BINS
    # in each bin as many fakes as genuine pictures, the mean probability as given
    for bins in (1, 2, 5, BINS):
        mean = np.linspace(0.1, 0.8, bins)
        probability = (mean[:, None] + np.linspace(-0.001, 0.001, IN_A_BIN)).ravel()
        target = [0, 1] * (len(probability) // 2)
        assert error(target, probability) == pytest.approx(np.abs(mean - 0.5).mean())
    # One picture in each of fifteen bins would be wrong by 0.5 whatever was said of it.
    assert error([1, 0] * 5, np.linspace(0.499, 0.501, 10)) == pytest.approx(0)
    assert error([1, 0] * 5, np.linspace(0.699, 0.701, 10)) == pytest.approx(0.2)


def test_the_error_of_a_detector_that_knows_nothing_of_ten_pictures_is_not_sure():
    table = answers([1, 0] * 5, np.linspace(-0.004, 0.004, 10), group=range(10))
    found = measure(table, 0.5, Bootstrap(draws=200, confidence=0.95, seed=0))["ece"]
    assert found.value == pytest.approx(0, abs=1e-3)
    assert found.low < 0.01
    assert found.high > 0.1


def test_pictures_with_one_answer_stay_together():
    # 18 of 20 fake where 0.9 was said, two of 20 where 0.1 was: two bins, both right
    assert error([1] * 18 + [0] * 2 + [1] * 2 + [0] * 18, [0.9] * 20 + [0.1] * 20) == pytest.approx(0)
    assert error([1] * 20 + [0] * 20, [0.9] * 20 + [0.1] * 20) == pytest.approx(0.1)
    assert error([1, 0, 0, 0], [0.7] * 4) == pytest.approx(0.45)


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(1, 20)), min_size=2, max_size=80).filter(
        lambda rows: len({target for target, _ in rows}) == 2
    )
)
def test_the_bins_that_are_drawn_are_those_of_the_error(rows):
    target, twentieths = (np.array(column) for column in zip(*rows, strict=True))
    probability = twentieths / 21
    bins = equal_mass_bins(probability)
    sums = np.bincount(bins, weights=probability - target, minlength=BINS)
    assert error(target, probability) == pytest.approx(np.abs(sums).sum() / len(rows))
    assert bins.min() >= 0
    assert len(np.unique(probability)) >= len(np.unique(bins))


def test_sure_and_wrong_costs_much_but_not_everything():
    terms = log_loss_terms(np.array([True, False, True]), np.array([0.0, 0.0, 1.0]))
    assert terms == pytest.approx([-np.log(np.finfo(float).eps), 0, 0])
    assert brier_terms(np.array([True, False]), np.array([0.0, 0.5])).tolist() == [1.0, 0.25]


shares = st.floats(0, 1)


def thresholded(*numbers):
    return at_threshold(Calls(*(np.array(number, float) for number in numbers)))


def test_where_fakes_are_rare_most_alarms_are_false():
    metrics = thresholded(0.9, 0.95, 50, 50)
    # of 10,000 pictures 100 are fake: 90 found, and 495 false alarms
    assert metrics["precision_at_1_percent"] == pytest.approx(90 / (90 + 495))
    assert metrics["precision_at_10_percent"] == pytest.approx(900 / (900 + 450))


def test_without_an_alarm_no_share_of_them_is_right_and_nothing_correlates():
    metrics = thresholded(0.0, 1.0, 5, 5)
    assert np.isnan(metrics["precision_at_1_percent"])
    assert metrics["mcc"] == 0
    assert metrics["f1"] == 0
    # and nothing is known where a class is missing
    assert np.isnan(list(thresholded(1.0, np.nan, 5, 0).values())).all()


@given(shares, shares, shares, shares, st.integers(1, 50), st.integers(1, 50))
def test_each_grows_with_both_accuracies(fake, genuine, more_fake, more_genuine, n_fake, n_genuine):
    less = thresholded(min(fake, more_fake), min(genuine, more_genuine), n_fake, n_genuine)
    more = thresholded(max(fake, more_fake), max(genuine, more_genuine), n_fake, n_genuine)
    for metric, value in less.items():
        assert np.isnan(value) or np.isnan(more[metric]) or value <= more[metric] + 1e-9


# fake or not, logit (with ties), group
pictures = st.lists(
    st.tuples(st.integers(0, 1), st.integers(-4, 4), st.integers(0, 3)), min_size=2, max_size=40
).filter(lambda rows: len({target for target, _, _ in rows}) == 2)
weights = st.lists(st.integers(0, 4), min_size=4, max_size=4)


def weighted_table(rows):
    target, logit, group = (np.array(column) for column in zip(*rows, strict=True))
    return answers(target, logit, group=group, probability_fake=1 / (1 + np.exp(-logit / 1.5)))


def metrics_of(predictions, counts, threshold=0.6):
    weighted = WeightedPredictions(predictions, threshold, predictions["group"].to_numpy(), 4)
    return weighted.score(np.asarray(counts, np.float64))


@given(pictures, st.lists(weights, min_size=1, max_size=3))
def test_a_picture_that_counts_three_times_stands_for_three(rows, several):
    predictions = weighted_table(rows)
    for counts, found in zip(several, metrics_of(predictions, several), strict=True):
        repeated = predictions.loc[predictions.index.repeat(np.array(counts)[predictions["group"]])]
        wanted = score_predictions(repeated, 0.6)
        for metric, value in zip(of_answers(), found, strict=True):
            if metric == "ece" and n_bins(len(repeated)) != n_bins(len(predictions)):
                continue  # a picture that counts twice makes no further bin
            assert value == pytest.approx(np.nan if wanted[metric] is None else wanted[metric], nan_ok=True)


def test_pictures_that_count_several_times_fill_the_bins_of_the_error_as_copies_do():
    rng = np.random.default_rng(0)
    rows = zip(rng.integers(2, size=400), rng.normal(size=400), rng.integers(4, size=400), strict=True)
    predictions = weighted_table(list(rows))
    for counts in rng.integers(1, 5, (20, 4)):
        found = dict(zip(of_answers(), metrics_of(predictions, [counts])[0], strict=True))
        repeated = predictions.loc[predictions.index.repeat(counts[predictions["group"]])]
        assert found["ece"] == pytest.approx(score_predictions(repeated, 0.6)["ece"])


@given(pictures, st.lists(st.integers(1, 4), min_size=4, max_size=4))
def test_weighted_metrics_are_those_of_scikit_learn(rows, counts):
    predictions = weighted_table(rows)
    found = dict(zip(of_answers(), metrics_of(predictions, [counts])[0], strict=True))
    target, logit, probability = (predictions[name] for name in ("target", "logit", "probability_fake"))
    called = probability >= 0.6
    weight = np.array(counts)[predictions["group"]]
    wanted = {
        "fake_accuracy": recall_score(target, called, sample_weight=weight),
        "genuine_accuracy": recall_score(target, called, pos_label=0, sample_weight=weight),
        "roc_auc": roc_auc_score(target, logit, sample_weight=weight),
        "average_precision": average_precision_score(target, logit, sample_weight=weight),
        "f1": f1_score(target, called, sample_weight=weight),
        "mcc": matthews_corrcoef(target, called, sample_weight=weight),
        "brier": brier_score_loss(target, probability, sample_weight=weight),
        "log_loss": log_loss(target, probability, sample_weight=weight),
    }
    assert {metric: found[metric] for metric in wanted} == pytest.approx(wanted)
    ranking = WeightedRanking(logit.to_numpy(), (target == 1).to_numpy(), predictions["group"].to_numpy())
    weighted = ranking.weigh(np.array([counts], float))
    assert roc_auc(weighted)[0] == pytest.approx(wanted["roc_auc"])
    assert average_precision(weighted)[0] == pytest.approx(wanted["average_precision"])


@given(pictures)
def test_what_ranks_does_not_change_where_the_logit_is_bent(rows):
    predictions = weighted_table(rows)
    bent = predictions.assign(logit=np.arctan(predictions["logit"]) * 7 - 3)
    first, second = score_predictions(predictions, 0.6), score_predictions(bent, 0.6)
    for metric in ("roc_auc", "average_precision", "eer", "tpr_at_1_percent_fpr", "tpr_at_5_percent_fpr"):
        assert first[metric] == second[metric]


@given(pictures)
def test_metrics_lie_where_they_can(rows):
    metrics = score_predictions(weighted_table(rows), 0.6)
    for metric in of_answers():
        if metric not in ("mcc", "log_loss") and metrics[metric] is not None:
            assert 0 <= metrics[metric] <= 1
    assert metrics["eer"] + metrics["roc_auc"] <= 1.5  # a straight way through the equal point is the least
    assert metrics["tpr_at_1_percent_fpr"] <= metrics["tpr_at_5_percent_fpr"]
    assert -1 <= metrics["mcc"] <= 1


def test_many_pictures_at_once_are_scored_as_each_by_itself():
    rng = np.random.default_rng(0)
    rows = list(zip(rng.integers(2, size=500), rng.normal(size=500), rng.integers(4, size=500), strict=True))
    counts = rng.integers(0, 5, (30, 4))
    alone = [metrics_of(weighted_table(rows), [each]) for each in counts]
    assert np.array_equal(metrics_of(weighted_table(rows), counts), np.concatenate(alone))


def test_a_new_metric_is_one_entry_and_has_an_interval(monkeypatch):
    youden = MetricDefinition(
        "Youden's J", "", CALLS, lambda calls: calls.fake_accuracy - calls.false_alarms, at_threshold=True
    )
    monkeypatch.setitem(METRICS, "youden", youden)
    predictions = weighted_table([(number % 2, number % 7 - 3 + number % 2, number) for number in range(80)])
    found = measure(predictions, 0.6, Bootstrap(draws=100, confidence=0.9, seed=0))
    assert found["youden"].value == pytest.approx(2 * found["balanced_accuracy"].value - 1)
    assert found["youden"].low < found["youden"].value < found["youden"].high
