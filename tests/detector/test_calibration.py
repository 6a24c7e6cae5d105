import functools
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.detector.calibration import (
    HOTTEST,
    abstain_band,
    choose_threshold,
    decide,
    fit_temperature,
    threshold_at_false_positive_rate,
)
from pipeline.detector.decision import UNDECIDED, Decision, called_fake, probability
from pipeline.errors import UserError


def test_one_answer_strength_has_a_closed_form():
    # ±3 for 40 of each class, 30 of them right. By symmetry the scaled logit is that of the mean smoothed
    # target on its side: (30 * 41/42 + 10 * 1/42) / 40.
    right, wrong, smooth = 30, 10, 41 / 42
    target = np.repeat([1, 1, 0, 0], [right, wrong, right, wrong])
    logit = np.repeat([3.0, -3.0, -3.0, 3.0], [right, wrong, right, wrong])
    share = (right * smooth + wrong * (1 - smooth)) / 40
    assert fit_temperature(target, logit) == pytest.approx(3 / np.log(share / (1 - share)), rel=1e-5)


def test_the_temperature_of_a_world_is_found_again():
    rng = np.random.default_rng(0)
    true_logit = rng.normal(scale=2, size=100_000)
    target = rng.random(len(true_logit)) < 1 / (1 + np.exp(-true_logit))
    assert fit_temperature(target, true_logit * 2.5) == pytest.approx(2.5, rel=0.03)


@given(st.floats(0.2, 5))
def test_logits_that_are_scaled_have_a_scaled_temperature(factor):
    rng = np.random.default_rng(1)
    target = np.arange(200) % 2
    logit = rng.normal(size=200) + target
    scaled = fit_temperature(target, logit * factor)
    assert scaled == pytest.approx(factor * fit_temperature(target, logit), rel=1e-4)


def test_separated_classes_are_not_made_certain():
    target, logit = [0] * 20 + [1] * 20, [-1.0] * 20 + [1.0] * 20
    probability = 1 / (1 + np.exp(-1 / fit_temperature(target, logit)))
    assert probability == pytest.approx(21 / 22, rel=1e-4)  # Platt's target for twenty


def test_a_detector_that_is_upside_down_says_nothing():
    assert fit_temperature([0, 1], [3.0, -3.0]) == pytest.approx(HOTTEST, rel=1e-3)


@pytest.mark.parametrize(
    ("choose", "chosen"), [(fit_temperature, "temperature"), (choose_threshold, "threshold")]
)
def test_one_class_and_no_numbers_are_refused(choose, chosen):
    for target in ([1, 1], [0, 0]):
        with pytest.raises(UserError, match=f"{chosen} needs both classes among the validation pictures"):
            choose(target, [0.1, 0.9])
    for no_number in (np.inf, np.nan):
        with pytest.raises(UserError, match="NaN or infinity for 1 of 2 pictures"):
            choose([0, 1], [0.1, no_number])


probabilities = st.floats(0, 1) | st.sampled_from([0.0, 0.25, 0.5, 1.0])
labelled = st.lists(st.tuples(st.integers(0, 1), probabilities), min_size=2, max_size=40).filter(
    lambda rows: len({target for target, _ in rows}) == 2
)


def balanced_accuracy(target, probability, threshold):
    right = (np.array(probability) >= threshold) == (np.array(target) == 1)
    return (right[np.array(target) == 1].mean() + right[np.array(target) == 0].mean()) / 2


@given(labelled)
def test_no_other_threshold_is_better(rows):
    target, probability = zip(*rows, strict=True)
    chosen = choose_threshold(target, probability)
    others = [0.0, 1.0, *probability, *np.nextafter(probability, 1.0)]
    best = max(balanced_accuracy(target, probability, other) for other in others)
    assert balanced_accuracy(target, probability, chosen) >= best - 1e-12
    assert 0.0 <= chosen <= 1.0


@given(labelled, st.randoms())
def test_the_order_of_the_pictures_does_not_matter(rows, random):
    shuffled = random.sample(rows, len(rows))
    assert choose_threshold(*zip(*rows, strict=True)) == choose_threshold(*zip(*shuffled, strict=True))


def test_it_lies_midway_between_the_classes():
    assert choose_threshold([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9]) == pytest.approx(0.4)


def test_of_equally_good_ones_the_nearest_to_a_half_is_taken():
    # 0.15 and 0.45 both judge three of four right
    assert choose_threshold([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.5]) == pytest.approx(0.45)


def test_neighbouring_floats_lie_on_either_side_and_a_picture_at_the_threshold_is_called_fake():
    low, high = 0.5, np.nextafter(0.5, 1)
    chosen = choose_threshold([0, 1], [low, high])
    assert called_fake([low, high], chosen).tolist() == [False, True]
    assert called_fake([0.5], 0.5).all()


@given(labelled, st.floats(0, 0.99))
def test_no_smaller_threshold_has_so_few_false_alarms(rows, rate):
    target, probability = (np.array(column) for column in zip(*rows, strict=True))
    genuine = probability[target == 0]
    if (genuine == 1).mean() > rate:
        with pytest.raises(UserError, match=r"genuine validation pictures have a probability of 1"):
            threshold_at_false_positive_rate(target, probability, rate)
        return
    chosen = threshold_at_false_positive_rate(target, probability, rate)
    assert (genuine >= chosen).mean() <= rate + 1e-9
    below = probability[probability < chosen]
    assert len(below) == 0 or (genuine >= below.max()).mean() > rate


def test_at_a_rate_it_lies_midway_to_the_next_picture():
    target, probability = [0, 0, 0, 0, 1, 1], [0.1, 0.2, 0.3, 0.6, 0.4, 0.9]
    assert threshold_at_false_positive_rate(target, probability, 0.25) == pytest.approx(0.35)
    assert threshold_at_false_positive_rate(target, probability, 0.24) == pytest.approx(0.75)
    assert threshold_at_false_positive_rate(target, probability, 0) == pytest.approx(0.75)


def test_seven_of_a_hundred_are_seven_percent():
    probability = np.linspace(0.01, 0.99, 101)
    chosen = threshold_at_false_positive_rate([0] * 100 + [1], probability, 0.07)
    assert called_fake(probability, chosen).sum() == 8  # seven genuine pictures and the fake


def validation(n, seed=0):
    rng = np.random.default_rng(seed)
    target = np.arange(n) % 2
    return target, 1 / (1 + np.exp(-rng.normal(size=n) - 2 * target + 1)), np.arange(n) // 3


CHOOSERS = [choose_threshold, functools.partial(threshold_at_false_positive_rate, rate=0.05)]


@pytest.mark.parametrize("chooser", CHOOSERS)
def test_the_band_holds_the_threshold_and_narrows_with_more_pictures(chooser):
    widths = []
    for n in (90, 9000):
        target, probability, groups = validation(n)
        low, high = abstain_band(target, probability, groups, chooser, 0.95, 200, seed=1)
        assert 0 <= low <= chooser(target, probability) <= high <= 1
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_the_same_seed_gives_the_same_band_whatever_the_order():
    target, probability, groups = validation(90)
    order = np.random.default_rng(3).permutation(90)
    bands = [
        abstain_band(target[places], probability[places], groups[places], choose_threshold, 0.9, 50, seed=2)
        for places in (np.arange(90), order)
    ]
    assert bands[0] == bands[1]


def test_without_draws_of_both_classes_the_band_is_the_threshold():
    band = abstain_band([0, 1], [0.2, 0.8], ["a", "b"], choose_threshold, 0.95, 1, seed=0)
    assert band == (0.5, 0.5)


def test_a_band_of_250_pictures_takes_seconds():
    began = time.process_time()
    abstain_band(*validation(250), choose_threshold, 0.95, 1000, seed=0)
    assert time.process_time() - began < 3


BAND = Decision(threshold=0.5, temperature=2.0, unsure=(0.4, 0.6))


@pytest.fixture
def table():
    target = np.arange(400) % 2
    logit = np.random.default_rng(0).normal(size=400) * 2 + 4 * target - 2
    return pd.DataFrame({"target": target, "logit": logit, "group": [f"g{row // 4}" for row in range(400)]})


def test_logits_are_divided_by_the_temperature():
    assert BAND.probabilities([3.0]) == pytest.approx(probability([1.5]))
    assert BAND.threshold_logit == pytest.approx(0.0)
    other = Decision(threshold=0.8, temperature=2.0, unsure=(0.8, 0.8))
    assert other.probabilities([other.threshold_logit])[0] == pytest.approx(0.8)


def test_a_verdict_is_unsure_inside_the_band_and_the_call_is_not():
    probabilities = [0.1, 0.4, 0.5, 0.59, 0.6, 0.9]
    assert BAND.verdicts(probabilities).tolist() == ["genuine", *["unsure"] * 3, "fake", "fake"]
    assert BAND.calls(probabilities).tolist() == ["genuine", "genuine", "fake", "fake", "fake", "fake"]


def test_without_a_band_no_verdict_is_unsure():
    assert UNDECIDED.verdicts([0.49999, 0.5]).tolist() == ["genuine", "fake"]


def test_a_file_holds_all_of_it():
    assert Decision.from_dict(BAND.as_dict()) == BAND


def test_all_is_chosen_on_the_pictures_given(compose_config, table):
    settings = compose_config().decision
    decision = decide(table, settings, seed=0)
    assert decision.temperature == pytest.approx(fit_temperature(table["target"], table["logit"]))
    assert decision.unsure[0] <= decision.threshold <= decision.unsure[1]
    assert decision.unsure[0] < decision.unsure[1]
    assert decision == decide(table, settings, seed=0)
    with pytest.raises(UserError, match="needs both classes"):
        decide(table.query("target == 1"), settings, seed=0)


def test_no_more_genuine_pictures_are_called_fake_than_asked_for(compose_config, table):
    rate = ("decision.threshold=false_positive_rate", "decision.false_positive_rate=0.01")
    decision = decide(table, compose_config(*rate).decision, seed=0)
    called = decision.calls(decision.probabilities(table["logit"])) == "fake"
    assert called[table["target"] == 0].mean() <= 0.01 < called[table["target"] == 1].mean()


def test_the_band_can_be_left_out(compose_config, table):
    decision = decide(table, compose_config("decision.unsure=null").decision, seed=0)
    assert decision.unsure == (decision.threshold, decision.threshold)
