"""How logits become probabilities and verdicts, and how that is chosen."""

import numpy as np
import pandas as pd
import pytest

from pipeline.detector.calibration import decide, fit_temperature
from pipeline.detector.decision import UNDECIDED, Decision, probability
from pipeline.errors import UserError

BAND = Decision(threshold=0.5, temperature=2.0, unsure=(0.4, 0.6))


def validation(n=400, seed=0):
    rng = np.random.default_rng(seed)
    target = np.arange(n) % 2
    return pd.DataFrame(
        {
            "target": target,
            "logit": rng.normal(size=n) * 2 + 4 * target - 2,
            "group": [f"g{number // 4}" for number in range(n)],
        }
    )


def settings(compose_config, *overrides):
    return compose_config(*overrides).decision


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


def test_all_is_chosen_on_the_pictures_given(compose_config):
    table = validation()
    found = decide(table, settings(compose_config), seed=0)
    assert found.temperature == pytest.approx(fit_temperature(table["target"], table["logit"]))
    assert found.unsure[0] <= found.threshold <= found.unsure[1]
    assert found.unsure[0] < found.unsure[1]
    assert found == decide(table, settings(compose_config), seed=0)


def test_no_more_genuine_pictures_are_called_fake_than_asked_for(compose_config):
    table = validation()
    wanted = settings(
        compose_config, "decision.threshold=false_positive_rate", "decision.false_positive_rate=0.01"
    )
    found = decide(table, wanted, seed=0)
    called = found.calls(found.probabilities(table["logit"])) == "fake"
    assert called[table["target"] == 0].mean() <= 0.01 < called[table["target"] == 1].mean()


def test_the_band_can_be_left_out(compose_config):
    found = decide(validation(), settings(compose_config, "decision.unsure=null"), seed=0)
    assert found.unsure == (found.threshold, found.threshold)


def test_one_class_alone_decides_nothing(compose_config):
    with pytest.raises(UserError, match="needs both classes"):
        decide(validation().query("target == 1"), settings(compose_config), seed=0)
