"""From measured pictures to a decision: probabilities that hold, and a rate that genuine pictures keep."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from pipeline import config
from pipeline.calibrate import as_settings, explain
from pipeline.composition import composed_text
from pipeline.detector.calibration import CALIBRATION, TAMPERED, VALIDATION, decide, fit_logit
from pipeline.detector.decision import FAKE, GENUINE, NETWORK, UNSURE, probability
from pipeline.errors import UserError
from pipeline.evidence.panel import COLUMNS
from tests.detector.builders import FIRST, numbers

NO_REFERENCE = pd.DataFrame(columns=COLUMNS, dtype=float)


def test_one_answer_strength_has_a_closed_form():
    # ±3 for 40 of each class, 30 of them right. By symmetry the scaled logit is that of the mean smoothed
    # target on its side: (30 * 41/42 + 10 * 1/42) / 40.
    right, wrong, smooth = 30, 10, 41 / 42
    target = np.repeat([1, 1, 0, 0], [right, wrong, right, wrong])
    suspicion = np.repeat([3.0, -3.0, -3.0, 3.0], [right, wrong, right, wrong])
    share = (right * smooth + wrong * (1 - smooth)) / 40
    temperature, offset = fit_logit(target, suspicion)
    assert temperature == pytest.approx(3 / np.log(share / (1 - share)), rel=1e-4)
    assert offset == pytest.approx(0, abs=1e-4)


def test_the_probabilities_of_a_world_are_found_again():
    random = np.random.default_rng(0)
    suspicion = random.exponential(size=100_000)
    target = random.random(len(suspicion)) < probability(suspicion / 0.4 - 2)
    assert fit_logit(target, suspicion) == pytest.approx((0.4, -2), rel=0.03)


@pytest.mark.parametrize("seed", range(5))
def test_they_are_those_of_a_logistic_regression_on_the_smoothed_targets(seed):
    random = np.random.default_rng(seed)
    target = random.integers(0, 2, 60)
    suspicion = random.exponential(size=60) * (1 + target)
    n_fake, n_genuine = target.sum(), (1 - target).sum()
    smooth = np.where(target == 1, (n_fake + 1) / (n_fake + 2), 1 / (n_genuine + 2))
    twice = np.concatenate([suspicion, suspicion])[:, None]
    model = LogisticRegression(C=1e10, tol=1e-10, max_iter=1000)
    model.fit(twice, np.repeat([1, 0], 60), sample_weight=np.concatenate([smooth, 1 - smooth]))
    temperature, offset = fit_logit(target, suspicion)
    assert 1 / temperature == pytest.approx(max(model.coef_[0, 0], 0.01), rel=1e-3)
    assert offset == pytest.approx(model.intercept_[0], rel=1e-3, abs=1e-3)


@settings(max_examples=30)
@given(st.floats(0.3, 3))
def test_suspicions_that_are_scaled_have_a_scaled_temperature(factor):
    random = np.random.default_rng(1)
    target = np.arange(200) % 2
    suspicion = random.normal(size=200) + target
    temperature, offset = fit_logit(target, suspicion)
    assert fit_logit(target, suspicion * factor) == pytest.approx((factor * temperature, offset), rel=1e-3)


def test_separated_classes_are_not_made_certain():
    target, suspicion = [0] * 20 + [1] * 20, [-1.0] * 20 + [1.0] * 20
    temperature, offset = fit_logit(target, suspicion)
    found = probability(np.array([-1.0, 1.0]) / temperature + offset)
    assert found == pytest.approx([1 / 22, 21 / 22], rel=1e-3)  # Platt's targets for twenty


def test_what_is_upside_down_says_nothing_and_turns_no_ranking():
    temperature, offset = fit_logit([0, 1] * 20, [3.0, 0.0] * 20)
    genuine, fake = probability(np.array([3.0, 0.0]) / temperature + offset)
    assert fake < genuine < fake + 0.01


def test_one_class_and_no_numbers_are_refused():
    for target in ([1, 1], [0, 0]):
        with pytest.raises(UserError, match="need both classes among the validation pictures; found"):
            fit_logit(target, [0.1, 0.9])
    for no_number in (np.inf, np.nan):
        with pytest.raises(UserError, match="NaN or infinity for 1 of 2 pictures"):
            fit_logit([0, 1], [0.1, no_number])


# The decision.


def rates(false_alarms=0.02, unsure=0.1):
    return config.Decision(false_alarms=false_alarms, unsure=unsure)


def measured(seed=0, n=300, strength=3.0, folder=0, tampered=0):
    """A world in which one specialist and the network see some of the tampering each."""
    random = np.random.default_rng(seed)
    part = np.repeat([VALIDATION, CALIBRATION, TAMPERED], [n, folder, tampered])
    target = np.concatenate([np.arange(n) % 2, np.zeros(folder, int), np.ones(tampered, int)])
    seen = random.random((2, len(target))) < 0.6
    logit, statistic = random.normal(size=(2, len(target))) + strength * (target * seen)
    return numbers(logit, **{FIRST: statistic}).assign(part=part, target=target)


def test_the_rate_holds_for_other_genuine_pictures_and_fakes_are_found():
    table = measured(n=2000)
    decision = decide(table, NO_REFERENCE, rates())
    assert decision.shortage() == {}
    judged = decision.judge(measured(seed=1, n=4000))
    fake = np.arange(4000) % 2 == 1
    called = (judged["called"] == FAKE).to_numpy()
    assert called[~fake].mean() <= 0.02 + 3 * np.sqrt(0.02 / 2000)
    assert called[fake].mean() > 0.3
    unsure = (judged["verdict"] == UNSURE).to_numpy()
    assert unsure[~fake].mean() <= 0.1
    assert unsure.any()


def test_probabilities_are_as_often_right_as_they_say():
    decision = decide(measured(n=2000), NO_REFERENCE, rates())
    table = measured(seed=1, n=6000)
    found = decision.probabilities(decision.suspicion(table))
    for low, high in ((0, 0.35), (0.35, 0.65), (0.65, 1.01)):
        inside = (found >= low) & (found < high)
        assert inside.any()
        assert table["target"][inside].mean() == pytest.approx(found[inside].mean(), abs=0.1)


def test_only_genuine_pictures_that_were_not_tampered_with_are_the_reference():
    table = measured(n=100, folder=30, tampered=40)
    decision = decide(table, NO_REFERENCE, rates())
    assert {name: len(each) for name, each in decision.tests.items()} == {NETWORK: 80, FIRST: 80}
    assert len(decision.tampered) == 40
    called = decision.judge(table[table["part"] == TAMPERED])["called"] == FAKE
    assert decision.found.tolist() == called.tolist()


def test_photographs_that_come_as_numbers_count_for_specialists_and_not_for_the_network():
    table = measured(n=100)
    reference = numbers(np.zeros(500), **{FIRST: np.random.default_rng(9).normal(size=500)})[COLUMNS]
    decision = decide(table, reference, rates())
    assert {name: len(each) for name, each in decision.tests.items()} == {NETWORK: 50, FIRST: 550}


def test_a_specialist_that_applied_to_no_genuine_picture_is_no_test():
    decision = decide(measured().assign(**{FIRST: np.nan}), NO_REFERENCE, rates())
    assert list(decision.tests) == [NETWORK]


def test_another_rate_changes_how_much_is_called_and_the_same_tables_give_the_same():
    table = measured(n=1000, tampered=20)
    called = [
        (decide(table, NO_REFERENCE, rates(rate, 0.3)).judge(table)["called"] == FAKE).sum()
        for rate in (0.01, 0.05, 0.2)
    ]
    assert called[0] < called[1] < called[2]
    again = decide(table.sample(frac=1, random_state=1), NO_REFERENCE, rates()).as_dict()
    assert again.pop("temperature") == pytest.approx(decide(table, NO_REFERENCE, rates()).temperature)
    assert again["tests"] == decide(table, NO_REFERENCE, rates()).as_dict()["tests"]


def test_the_band_can_be_left_out():
    decision = decide(measured(), NO_REFERENCE, rates(unsure=None))
    verdicts = set(decision.judge(measured(seed=3, tampered=0))["verdict"])
    assert UNSURE not in verdicts
    assert FAKE in verdicts


def test_without_both_classes_or_numbers_there_is_no_decision():
    table = measured()
    for kept in (0, 1):
        with pytest.raises(UserError, match="need both classes"):
            decide(table[table["target"] == kept], NO_REFERENCE, rates())
    table.loc[3, NETWORK] = np.nan
    with pytest.raises(UserError, match="NaN or infinity for 1 of"):
        decide(table, NO_REFERENCE, rates())


def test_a_rate_above_the_band_is_refused_with_both_numbers(compose_config):
    with pytest.raises(
        UserError, match=r"decision\.unsure: found 0\.1, below decision\.false_alarms \(0\.2\)"
    ):
        compose_config("decision.false_alarms=0.2")
    assert compose_config("decision.false_alarms=0.2", "decision.unsure=null").decision.unsure is None


# What a person is told, and how it is asked for.


def test_too_few_genuine_pictures_are_said_with_the_number_needed_and_what_to_do():
    table = measured(n=60, folder=20, tampered=20)
    few = decide(table, NO_REFERENCE, rates(0.01))
    lines = explain(few, table, Path("models/decision.json"))
    said = " ".join(lines)
    assert "from 50 genuine pictures" in said
    assert "each test needs 199 genuine pictures" in said
    assert f"{NETWORK} has 50, {FIRST} has 50" in said
    assert "python -m pipeline.calibrate --genuine FOLDER" in said
    found = few.found.mean()
    assert f"of 20 of them tampered with here, {found:.0%} are called fake" in said
    assert max(map(len, lines)) <= 80

    enough = decide(measured(n=1000), NO_REFERENCE, rates())
    said = " ".join(explain(enough, measured(n=1000), Path("models/decision.json")))
    assert "fake where 2.0% of genuine pictures or fewer look as suspicious; from 500 genuine" in said
    assert "too few" not in said
    assert "tampered with here" not in said


@pytest.mark.parametrize(
    ("given", "settings"),
    [
        (["--genuine", "my photos"], ['calibration.genuine="my photos"']),
        (["--rate=0.01"], ["decision.false_alarms=0.01"]),
        (["--rate", "0.01", "--genuine=/a=b"], ["decision.false_alarms=0.01", 'calibration.genuine="/a=b"']),
        (["seed=3", "--rate", "0.1", "-m"], ["seed=3", "decision.false_alarms=0.1", "-m"]),
        ([], []),
    ],
)
def test_options_are_settings(given, settings):
    assert as_settings(given) == settings


@pytest.mark.parametrize("folder", ["/Anna's photos", "/photos$/set", "/a,b=c", "/[1] {2}", "/ä ö", "--x"])
def test_any_folder_is_taken_as_it_is_written(folder):
    composed = yaml.safe_load(composed_text(overrides=as_settings(["--genuine", folder])))
    assert composed["calibration"]["genuine"] == folder


@pytest.mark.parametrize(
    "given", [["--genuine"], ["--rate"], ["--genuine=photos", "--rate"], ["--genuine", ""]]
)
def test_an_option_without_a_value_is_said(given):
    with pytest.raises(UserError, match=r"^--(genuine|rate): nothing follows it; expected a value"):
        as_settings(given)


def test_verdicts_of_an_empty_world_are_none():
    decision = decide(measured(), NO_REFERENCE, rates())
    assert decision.judge(measured().head(0))["verdict"].tolist() == []
    assert GENUINE not in decision.judge(measured())["verdict"].tolist()  # nothing was tried
