import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pipeline.scoring.spread import NONE, interval_round

shares = st.lists(st.floats(0, 1), min_size=3, max_size=30).filter(lambda draws: np.std(draws) > 1e-3)


def test_many_groups_and_a_share_in_the_middle_give_the_normal_interval():
    draws = np.random.default_rng(0).normal(0.5, 0.01, 100_000)
    low, high = interval_round("fake_accuracy", 0.5, draws, 100_000, 0.95)
    assert (low, high) == (pytest.approx(0.5 - 0.0196, abs=2e-4), pytest.approx(0.5 + 0.0196, abs=2e-4))


def test_few_groups_widen_an_interval_as_students_t_does():
    draws = np.random.default_rng(0).normal(0.5, 0.01, 1000)
    few, many = (np.diff(interval_round("eer", 0.5, draws, n, 0.95))[0] for n in (10, 10**6))
    assert few / many == pytest.approx(stats.t.ppf(0.975, 9) / 1.96 * np.sqrt(10 / 9), rel=1e-2)


@given(shares, st.sampled_from(["roc_auc", "mcc", "log_loss", "ece"]), st.integers(2, 50))
def test_the_figure_lies_inside_and_the_ends_where_figures_can(draws, metric, n_groups):
    value = float(np.mean(draws))
    low, high = interval_round(metric, value, np.array(draws), n_groups, 0.95)
    assert low <= value <= high
    assert low >= (-1 if metric == "mcc" else 0)
    assert high <= 1 or metric == "log_loss"


def test_near_its_end_an_interval_reaches_further_inwards():
    draws = np.random.default_rng(0).normal(0.95, 0.02, 1000).clip(0, 1)
    low, high = interval_round("roc_auc", 0.95, draws, 100, 0.95)
    assert 0.95 - low > high - 0.95


@pytest.mark.parametrize(
    ("draws", "n_groups"), [([0.5] * 10, 9), ([np.nan] * 6 + [0.4, 0.5, 0.6], 9), ([0.4, 0.6], 1)]
)
def test_draws_that_say_nothing_give_no_interval(draws, n_groups):
    assert interval_round("roc_auc", 0.5, np.array(draws), n_groups, 0.95) == NONE


def test_at_its_end_a_figure_has_the_percentiles_of_its_draws():
    draws = np.linspace(0, 0.4, 401)
    assert interval_round("tpr_at_1_percent_fpr", 0.0, draws, 30, 0.95) == (0.0, pytest.approx(0.39))
