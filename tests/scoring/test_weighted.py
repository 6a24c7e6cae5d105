import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    f1_score,
    log_loss,
    matthews_corrcoef,
    recall_score,
    roc_auc_score,
)

from pipeline.scoring.metrics import METRICS, score_predictions
from pipeline.scoring.weighted import WeightedFigures

# fake or not, logit (with ties), group
pictures = st.lists(
    st.tuples(st.integers(0, 1), st.integers(-4, 4), st.integers(0, 3)), min_size=2, max_size=40
).filter(lambda rows: len({target for target, _, _ in rows}) == 2)
weights = st.lists(st.integers(0, 4), min_size=4, max_size=4)


def table(rows):
    target, logit, group = (np.array(column) for column in zip(*rows, strict=True))
    probability = 1 / (1 + np.exp(-logit / 1.5))
    return pd.DataFrame(
        {"target": target, "logit": logit * 1.0, "probability_fake": probability, "group": group}
    )


def figures_of(predictions, counts, threshold=0.6):
    weighted = WeightedFigures(predictions, threshold, predictions["group"].to_numpy(), 4)
    return weighted.score(np.asarray(counts, np.float64))


@given(pictures, st.lists(weights, min_size=1, max_size=3))
def test_a_picture_that_counts_three_times_stands_for_three(rows, several):
    predictions = table(rows)
    for counts, found in zip(several, figures_of(predictions, several), strict=True):
        repeated = predictions.loc[predictions.index.repeat(np.array(counts)[predictions["group"]])]
        wanted = score_predictions(repeated, 0.6)
        for metric, value in zip(METRICS, found, strict=True):
            assert value == pytest.approx(np.nan if wanted[metric] is None else wanted[metric], nan_ok=True)


@given(pictures, st.lists(st.integers(1, 4), min_size=4, max_size=4))
def test_weighted_figures_are_those_of_scikit_learn(rows, counts):
    predictions = table(rows)
    found = dict(zip(METRICS, figures_of(predictions, [counts])[0], strict=True))
    target, logit, probability = (predictions[name] for name in ("target", "logit", "probability_fake"))
    called = probability >= 0.6
    weight = np.array(counts)[predictions["group"]]
    wanted = {
        "fake_accuracy": recall_score(target, called, sample_weight=weight),
        "genuine_accuracy": recall_score(target, called, pos_label=0, sample_weight=weight),
        "roc_auc": roc_auc_score(target, logit, sample_weight=weight),
        "average_precision": average_precision_score(target, logit, sample_weight=weight),
        "f1": f1_score(target, called, sample_weight=weight),
        "mcc": matthews_corrcoef(target, called, sample_weight=weight),
        "brier": brier_score_loss(target, probability, sample_weight=weight),
        "log_loss": log_loss(target, probability, sample_weight=weight),
    }
    assert {metric: found[metric] for metric in wanted} == pytest.approx(wanted)


@given(pictures)
def test_what_ranks_does_not_change_where_the_logit_is_bent(rows):
    predictions = table(rows)
    bent = predictions.assign(logit=np.arctan(predictions["logit"]) * 7 - 3)
    first, second = score_predictions(predictions, 0.6), score_predictions(bent, 0.6)
    for metric in ("roc_auc", "average_precision", "eer", "tpr_at_1_percent_fpr", "tpr_at_5_percent_fpr"):
        assert first[metric] == second[metric]


@given(pictures)
def test_figures_lie_where_they_can(rows):
    figures = score_predictions(table(rows), 0.6)
    for metric in METRICS:
        if metric not in ("mcc", "log_loss") and figures[metric] is not None:
            assert 0 <= figures[metric] <= 1
    assert figures["eer"] + figures["roc_auc"] <= 1.5  # a straight way through the equal point is the least
    assert figures["tpr_at_1_percent_fpr"] <= figures["tpr_at_5_percent_fpr"]
    assert -1 <= figures["mcc"] <= 1


def test_many_pictures_at_once_are_scored_as_each_by_itself():
    rng = np.random.default_rng(0)
    rows = list(zip(rng.integers(2, size=500), rng.normal(size=500), rng.integers(4, size=500), strict=True))
    counts = rng.integers(0, 5, (30, 4))
    together = figures_of(table(rows), counts)
    assert np.array_equal(together, np.concatenate([figures_of(table(rows), [each]) for each in counts]))
