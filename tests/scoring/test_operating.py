import numpy as np
import pytest

from pipeline.scoring.operating import equal_error_rate, true_positive_rate_at
from pipeline.scoring.ranking import WeightedRanking


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


def test_between_two_points_the_roc_curve_is_straight():
    # (0, 1/2), then the tie of one fake and the one genuine picture: (1, 1). x = 1 - (1/2 + x / 2): x = 1/3
    assert equal_errors([2, 1], [1]) == pytest.approx(1 / 3)
    # (0, 0), (0, 1/3), (1/2, 1/3), (1/2, 1): upwards at 1/2
    assert equal_errors([4, 2, 1], [3, 0]) == pytest.approx(0.5)


def test_separated_classes_have_no_equal_error_and_swapped_ones_only_that():
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


def test_ties_fall_to_one_side_together():
    genuine = [*np.zeros(97), 5.0, 5.0, 5.0]
    assert true_positive_rate_at(weighting([6.0, 5.0, 4.0], genuine), 1)[0] == pytest.approx(1 / 3)
    assert true_positive_rate_at(weighting([6.0, 5.0, 4.0], genuine), 5)[0] == 1.0


@pytest.mark.parametrize("percent", [1, 5])
def test_shares_that_floats_cannot_hold_are_counted_exactly(percent):
    for n in (100, 700, 1400, 2900):
        allowed = n * percent // 100
        fakes = [n - allowed - 0.5]  # as many genuine pictures lie above it as may
        assert true_positive_rate_at(weighting(fakes, np.arange(float(n))), percent)[0] == 1.0


def test_without_a_class_there_is_neither():
    for found in (equal_errors([1], []), true_positive_rate_at(weighting([], [1]), 5)[0]):
        assert np.isnan(found)
