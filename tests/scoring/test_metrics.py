import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, recall_score

from pipeline.errors import UserError
from pipeline.scoring.metrics import METRICS, count_verdicts, score_predictions


def table(target, probability):
    probability = np.asarray(probability, dtype=float)
    with np.errstate(divide="ignore"):
        logit = np.log(probability / (1 - probability))
    return pd.DataFrame({"target": target, "logit": logit, "probability_fake": probability})


def test_hand_computed_figures():
    figures = score_predictions(table([1, 1, 1, 0, 0], [0.9, 0.8, 0.3, 0.4, 0.1]), threshold=0.5)
    assert figures["fake_accuracy"] == pytest.approx(2 / 3)
    assert figures["genuine_accuracy"] == 1.0
    assert figures["balanced_accuracy"] == pytest.approx(5 / 6)
    assert figures["roc_auc"] == pytest.approx(5 / 6)  # of six pairs only 0.3 < 0.4 is wrong
    assert figures["average_precision"] == pytest.approx((1 + 1 + 3 / 4) / 3)
    assert (figures["n_fake"], figures["n_genuine"]) == (3, 2)


def test_figures_agree_with_scikit_learn():
    random = np.random.default_rng(0)
    target = random.integers(2, size=300)
    probability = np.round(random.beta(2 + target, 3 - target), 2).clip(0.01, 0.99)  # rounded: with ties
    predictions = table(target, probability)
    figures = score_predictions(predictions, threshold=0.4)
    called = probability >= 0.4
    assert figures["fake_accuracy"] == pytest.approx(recall_score(target, called))
    assert figures["genuine_accuracy"] == pytest.approx(recall_score(target, called, pos_label=0))
    assert figures["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(target, called))
    assert count_verdicts(predictions, 0.4).to_numpy().tolist() == confusion_matrix(target, called).tolist()


def test_a_detector_that_always_says_fake_does_not_look_good():
    figures = score_predictions(table([1, 1, 0, 0, 0], [0.9] * 5), threshold=0.5)
    assert figures["fake_accuracy"] == 1.0
    assert figures["genuine_accuracy"] == 0.0
    assert figures["balanced_accuracy"] == 0.5
    assert figures["roc_auc"] == 0.5


def test_ranking_uses_the_logit_where_probabilities_are_rounded_to_one():
    predictions = pd.DataFrame({"target": [1, 0], "logit": [90.0, 60.0], "probability_fake": [1.0, 1.0]})
    assert score_predictions(predictions, threshold=0.5)["roc_auc"] == 1.0


@pytest.mark.parametrize(("target", "there", "missing"), [(1, "fake", "genuine"), (0, "genuine", "fake")])
def test_one_class_alone_has_no_figures_that_need_both(target, there, missing):
    figures = score_predictions(table([target, target], [0.2, 0.8]), threshold=0.5)
    assert figures[f"{there}_accuracy"] == 0.5
    assert [metric for metric in METRICS if figures[metric] is not None] == [f"{there}_accuracy"]
    assert figures[f"n_{missing}"] == 0


def test_nothing_at_all_gives_no_figure():
    figures = score_predictions(table([], []), threshold=0.5)
    assert {name for name, value in figures.items() if value is not None} == {
        "n_fake",
        "n_genuine",
        "n_masks",
    }


def test_nan_is_refused_and_not_averaged():
    predictions = table([1, 0], [0.5, 0.5]).assign(logit=[np.nan, 0.0])
    with pytest.raises(UserError, match=r"1 of 2 pictures.*smaller train\.learning_rate"):
        score_predictions(predictions, threshold=0.5)


def test_where_nothing_is_called_fake_no_precision_is_claimed():
    figures = score_predictions(table([1, 0], [0.3, 0.2]), threshold=0.5)
    assert figures["precision_at_1_percent"] is None
    assert figures["mcc"] == 0


def test_answers_beyond_one_hundred_thousand_are_counted_as_they_are():
    target = np.arange(200_000) % 2
    figures = score_predictions(table(target, np.where(target == 1, 0.7, 0.2)), threshold=0.5)
    assert (figures["roc_auc"], figures["eer"], figures["n_fake"]) == (1.0, 0.0, 100_000)
    assert figures["ece"] == pytest.approx(0.25)
