import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.scoring.rates import figures_at_threshold

shares = st.floats(0, 1)


def test_where_fakes_are_rare_most_alarms_are_false():
    figures = figures_at_threshold(0.9, 0.95, 50, 50)
    # of 10,000 pictures 100 are fake: 90 found, and 495 false alarms
    assert figures["precision_at_1_percent"] == pytest.approx(90 / (90 + 495))
    assert figures["precision_at_10_percent"] == pytest.approx(900 / (900 + 450))


def test_without_an_alarm_no_share_of_them_is_right_and_nothing_correlates():
    figures = figures_at_threshold(0.0, 1.0, 5, 5)
    assert np.isnan(figures["precision_at_1_percent"])
    assert figures["mcc"] == 0
    assert figures["f1"] == 0


def test_a_missing_class_leaves_no_figure():
    assert np.isnan(list(figures_at_threshold(1.0, np.nan, 5, 0).values())).all()


@given(shares, shares, shares, shares, st.integers(1, 50), st.integers(1, 50))
def test_each_grows_with_both_accuracies(fake, genuine, more_fake, more_genuine, n_fake, n_genuine):
    less = figures_at_threshold(min(fake, more_fake), min(genuine, more_genuine), n_fake, n_genuine)
    more = figures_at_threshold(max(fake, more_fake), max(genuine, more_genuine), n_fake, n_genuine)
    for metric, value in less.items():
        assert np.isnan(value) or np.isnan(more[metric]) or value <= more[metric] + 1e-9
