import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.scoring.probabilities import (
    BINS,
    brier_terms,
    equal_mass_bins,
    expected_calibration_error,
    log_loss_terms,
    surplus_by_class,
)
from pipeline.scoring.ranking import WeightedRanking


def error(target, probability):
    probability = np.array(probability, float)
    ranking = WeightedRanking(probability, np.array(target) == 1, np.zeros(len(target), int))
    return expected_calibration_error(ranking.weigh(np.ones((1, 1))), surplus_by_class(ranking, probability))[
        0
    ]


def test_fifteen_pictures_have_a_bin_each():
    probability = np.linspace(0.05, 0.75, BINS)
    target = np.arange(BINS) % 2
    assert error(target, probability) == pytest.approx(np.abs(probability - target).mean())


def test_thirty_pictures_go_in_pairs():
    # in each pair one fake and one genuine picture, the mean probability as given
    mean = np.linspace(0.1, 0.9, BINS)
    probability = np.stack([mean - 0.01, mean + 0.01], axis=1).ravel()
    assert error([0, 1] * BINS, probability) == pytest.approx(np.abs(mean - 0.5).mean())


def test_pictures_with_one_answer_stay_together():
    # nine of ten fake where 0.9 was said, one of ten where 0.1 was: two bins, both right
    assert error([1] * 9 + [0] + [1] + [0] * 9, [0.9] * 10 + [0.1] * 10) == pytest.approx(0)
    assert error([1] * 10 + [0] * 10, [0.9] * 10 + [0.1] * 10) == pytest.approx(0.1)


def test_always_the_same_answer_errs_by_its_distance_from_the_share_of_fakes():
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


def test_bins_hold_equally_many_where_nothing_is_tied():
    assert np.bincount(equal_mass_bins(np.random.default_rng(0).normal(size=BINS * 7))).tolist() == [7] * BINS


def test_sure_and_wrong_costs_much_but_not_everything():
    terms = log_loss_terms(np.array([True, False, True]), np.array([0.0, 0.0, 1.0]))
    assert terms == pytest.approx([-np.log(np.finfo(float).eps), 0, 0])
    assert brier_terms(np.array([True, False]), np.array([0.0, 0.5])).tolist() == [1.0, 0.25]
