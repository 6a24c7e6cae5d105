"""The risk-coverage curve, from its definition."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.evaluation.risk_coverage import risk_coverage

VERDICTS = ["genuine", "fake", "unsure", "no trace found", "cannot tell"]
answered = st.lists(
    st.tuples(
        st.integers(0, 1), st.integers(0, 20).map(lambda twentieth: twentieth / 20), st.sampled_from(VERDICTS)
    ),
    min_size=1,
    max_size=30,
)
thresholds = st.floats(0.05, 0.95)


def table(pictures):
    return pd.DataFrame(pictures, columns=["target", "probability_fake", "verdict"])


def found(pictures, threshold=0.5, **more):
    return risk_coverage(table(pictures), threshold, **more)


def plain(target, probability, threshold, order):
    """AURC as its definition says: the mean of the risks among the first 1, 2, … pictures of an order."""
    wrong = ((np.asarray(probability) >= threshold) != np.asarray(target))[order]
    return np.mean(np.cumsum(wrong) / np.arange(1, len(wrong) + 1))


@given(answered, thresholds)
def test_coverage_grows_to_all_pictures_as_confidence_falls_and_ends_at_the_error_without_abstaining(
    pictures, threshold
):
    points = found(pictures, threshold).points
    assert points["coverage"].is_monotonic_increasing
    assert points["coverage"].is_unique
    assert points["confidence"].is_monotonic_decreasing
    wrong = [(probability >= threshold) != target for target, probability, _ in pictures]
    assert points["coverage"].iloc[-1] == 1
    assert points["risk"].iloc[-1] == pytest.approx(np.mean(wrong))


@given(answered, thresholds, st.randoms())
def test_the_order_of_the_pictures_changes_nothing(pictures, threshold, random):
    other = random.sample(pictures, len(pictures))
    one, again = found(pictures, threshold), found(other, threshold)
    pd.testing.assert_frame_equal(one.points, again.points)
    assert one.aurc == pytest.approx(again.aurc, abs=1e-12)
    assert one.verdicts == again.verdicts


@given(answered, thresholds)
def test_the_area_lies_between_the_best_and_the_worst_order_of_the_same_errors(pictures, threshold):
    curve = found(pictures, threshold)
    target, probability, _ = (np.array(each) for each in zip(*pictures, strict=True))
    wrong = (probability >= threshold) != target
    assert curve.least == pytest.approx(
        plain(target, probability, threshold, np.argsort(wrong, kind="stable"))
    )
    worst = plain(target, probability, threshold, np.argsort(~wrong, kind="stable"))
    assert curve.least - 1e-12 <= curve.aurc <= worst + 1e-12


def test_a_perfect_ranking_of_errors_has_the_least_area_and_no_error_has_none():
    sure_and_right = [(1, 0.95, "fake"), (0, 0.1, "genuine"), (1, 0.8, "fake"), (0, 0.3, "genuine")]
    unsure_and_wrong = [(1, 0.45, "unsure"), (0, 0.52, "unsure")]
    curve = found(sure_and_right + unsure_and_wrong)
    assert curve.aurc == pytest.approx(curve.least)
    assert curve.aurc == pytest.approx((1 / 5 + 2 / 6) / 6)
    assert curve.by_chance == pytest.approx(2 / 6)
    assert found(sure_and_right).aurc == found(sure_and_right).least == 0
    assert found([(1, 0.1, "genuine"), (0, 0.9, "fake")]).aurc == 1


@pytest.mark.parametrize("seed", range(3))
def test_confidence_that_knows_nothing_of_errors_is_worth_as_much_as_chance(seed):
    rng = np.random.default_rng(seed)
    probability, target = rng.random(20_000), rng.integers(2, size=20_000)
    curve = risk_coverage(table(list(zip(target, probability, ["unsure"] * 20_000, strict=True))), 0.5)
    assert curve.aurc == pytest.approx(curve.by_chance, abs=0.02)


def test_equally_sure_pictures_count_as_the_mean_of_all_their_orders():
    target, probability = np.array([1, 1, 0, 1, 0]), np.array([0.9, 0.25, 0.25, 0.25, 0.75])
    rng = np.random.default_rng(0)
    orders = (np.append(0, 1 + rng.permutation(4)) for _ in range(4000))  # all but the first are as sure
    expected = np.mean([plain(target, probability, 0.5, order) for order in orders])
    curve = risk_coverage(table(list(zip(target, probability, ["fake"] * 5, strict=True))), 0.5)
    assert curve.aurc == pytest.approx(expected, abs=0.01)
    assert curve.points["coverage"].tolist() == [0.2, 1.0]


def test_verdicts_are_wrong_where_they_claim_the_other_class_and_nothing_where_they_claim_none():
    point = found(
        [
            *[(0, 0.9, "fake"), (0, 0.1, "genuine"), (0, 0.2, "no trace found"), (0, 0.9, "cannot tell")],
            *[(1, 0.9, "fake"), (1, 0.1, "genuine"), (1, 0.2, "no trace found"), (1, 0.5, "unsure")],
        ]
    ).verdicts
    assert (point.n, point.n_definite, point.accused, point.missed) == (8, 6, 1, 2)
    assert (point.coverage, point.risk) == (6 / 8, 3 / 6)


def test_what_counts_as_definite_can_be_said():
    pictures = [(1, 0.9, "forged"), (1, 0.2, "no trace found"), (0, 0.1, "genuine"), (0, 0.4, "?")]
    point = found(pictures, claims={"forged": "fake", "genuine": "genuine"}).verdicts
    assert (point.n_definite, point.accused, point.missed) == (2, 0, 0)


@given(answered)
def test_verdicts_that_leave_out_what_is_close_to_the_threshold_lie_on_the_curve(pictures):
    pictures = [
        (target, p, "unsure" if abs(p - 0.5) < 0.12 else "fake" if p > 0.5 else "genuine")
        for target, p, _ in pictures
    ]
    curve = found(pictures)
    on_curve = curve.points[curve.points["coverage"] == curve.verdicts.coverage]
    if curve.verdicts.n_definite:
        assert on_curve["risk"].tolist() == [pytest.approx(curve.verdicts.risk)]


def test_nothing_answered_and_nothing_definite_are_no_numbers():
    nothing = found([])
    assert nothing.points.empty
    assert np.isnan([nothing.aurc, nothing.least, nothing.by_chance, nothing.verdicts.coverage]).all()
    undecided = found([(1, 0.5, "cannot tell"), (0, 0.4, "unsure")]).verdicts
    assert undecided.coverage == 0
    assert np.isnan(undecided.risk)


def test_an_answer_that_is_no_number_is_refused():
    with pytest.raises(UserError, match="NaN"):
        found([(1, np.nan, "fake")])
