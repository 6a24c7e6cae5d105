import numpy as np
import pandas as pd
import pytest

from pipeline.config import Evaluate
from pipeline.scoring import intervals
from pipeline.scoring.exact import perfect_bounds
from pipeline.scoring.intervals import bootstrap_intervals
from pipeline.scoring.metrics import METRICS, score_predictions

SETTINGS = Evaluate(bootstrap=400, confidence=0.95)


def predictions(n_groups=60, alike=1, seed=0, effect=1.0):
    """Make groups of `alike` identical pictures, half of the groups fake."""
    random = np.random.default_rng(seed)
    target = np.repeat(np.arange(n_groups) % 2, alike)
    logit = np.repeat(random.normal(size=n_groups) + effect * (np.arange(n_groups) % 2), alike)
    return pd.DataFrame(
        {
            "target": target,
            "logit": logit,
            "probability_fake": 1 / (1 + np.exp(-logit)),
            "group": np.repeat([f"g{number}" for number in range(n_groups)], alike),
        }
    )


def test_each_figure_lies_in_its_interval():
    table = predictions()
    figures = score_predictions(table, 0.5)
    for metric, (low, high) in bootstrap_intervals(table, 0.5, SETTINGS, seed=1).items():
        assert low < figures[metric] < high


def test_the_same_seed_gives_the_same_interval_whatever_the_memory_and_the_order(monkeypatch):
    table = predictions()
    first = bootstrap_intervals(table, 0.5, SETTINGS, seed=1)
    monkeypatch.setattr(intervals, "WEIGHTS_AT_ONCE", 60 * 7)
    assert bootstrap_intervals(table, 0.5, SETTINGS, seed=1) == first
    again = bootstrap_intervals(table.sample(frac=1, random_state=3), 0.5, SETTINGS, seed=1)
    assert again["fake_accuracy"] == pytest.approx(first["fake_accuracy"])
    assert bootstrap_intervals(table, 0.5, SETTINGS, seed=2) != first


def test_pictures_of_one_group_count_as_one_piece_of_evidence():
    single = bootstrap_intervals(predictions(alike=1), 0.5, SETTINGS, seed=1)
    tenfold = bootstrap_intervals(predictions(alike=10), 0.5, SETTINGS, seed=1)
    for metric in METRICS:
        assert tenfold[metric] == pytest.approx(single[metric])


def test_the_width_of_an_accuracy_is_that_of_the_binomial():
    table = predictions(n_groups=800)
    low, high = bootstrap_intervals(table, 0.5, Evaluate(bootstrap=2000, confidence=0.95), 1)["fake_accuracy"]
    share = score_predictions(table, 0.5)["fake_accuracy"]
    expected = 2 * 1.96 * np.sqrt(share * (1 - share) / 400)
    assert high - low == pytest.approx(expected, rel=0.1)


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say():
    truth = 0.76025  # P(x + 1 > y) for two standard normals: Phi(1 / sqrt(2))
    settings = Evaluate(bootstrap=300, confidence=0.95)
    held = 0
    for seed in range(400):
        low, high = bootstrap_intervals(predictions(n_groups=120, alike=2, seed=seed), 0.5, settings, seed)[
            "roc_auc"
        ]
        held += low <= truth <= high
    assert 0.92 <= held / 400 <= 0.98


def test_all_right_does_not_promise_certainty():
    table = predictions(n_groups=36, effect=50.0).assign(probability_fake=lambda rows: rows["target"] * 1.0)
    found = bootstrap_intervals(table, 0.5, SETTINGS, seed=1)
    low, high = found["fake_accuracy"]
    assert (low, high) == (pytest.approx(0.025 ** (1 / 18)), 1.0)
    assert low == pytest.approx(0.8147, abs=1e-4)  # Clopper-Pearson for 18 of 18
    assert found["roc_auc"] == (pytest.approx(low), 1.0)
    assert found["balanced_accuracy"][0] < low


def test_always_fake_is_sure_of_neither_class():
    sums = np.array([[1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1.0]])
    bounds = perfect_bounds(sums, roc_auc=0.5, confidence=0.95)
    assert bounds["fake_accuracy"] == (pytest.approx(0.025), 1.0)
    assert bounds["genuine_accuracy"] == (0.0, pytest.approx(1 - np.sqrt(0.025)))
    assert "roc_auc" not in bounds


def test_one_group_of_a_class_gives_no_interval_for_what_needs_it():
    table = predictions(n_groups=9).assign(group=lambda rows: rows["group"].where(rows["target"] == 0, "one"))
    found = bootstrap_intervals(table, 0.5, SETTINGS, seed=1)
    assert found["fake_accuracy"] == (None, None)
    assert found["roc_auc"] == (None, None)
    assert found["genuine_accuracy"][0] is not None


def test_one_class_alone_gives_intervals_of_its_own_accuracy_only():
    table = predictions().query("target == 1")
    found = bootstrap_intervals(table, 0.5, SETTINGS, seed=1)
    assert {metric for metric, (low, _) in found.items() if low is not None} == {"fake_accuracy"}
