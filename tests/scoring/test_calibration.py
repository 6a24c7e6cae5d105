import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.scoring.calibration import HOTTEST, fit_temperature


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


def test_one_class_and_no_numbers_are_refused():
    with pytest.raises(UserError, match="temperature needs both classes among the validation pictures"):
        fit_temperature([1, 1], [0.0, 1.0])
    with pytest.raises(UserError, match="NaN or infinity for 1 of 2 pictures"):
        fit_temperature([0, 1], [0.0, np.inf])
