import numpy as np
import pytest
from sklearn.metrics import f1_score, jaccard_score, roc_auc_score

from pipeline.detector.decision import NETWORK
from pipeline.detector.validation import MAP_METRICS, map_metrics, validation_metrics
from pipeline.evaluation.scoring import score_predictions
from tests.detector.builders import FIRST, numbers, two_tests

UPPER_HALF = np.repeat([True, False], 8)[:, None] & np.ones((16, 16), bool)


@pytest.mark.parametrize("false_alarms", [0.02, 0.1, 0.5])
@pytest.mark.parametrize("digits", [-1, 0, 9])
def test_they_are_those_of_an_evaluation_of_the_same_pictures(false_alarms, digits):
    rng = np.random.default_rng(digits + 1)
    target = rng.permutation(np.arange(83) % 3 == 0).astype(int)
    logit, statistic = (rng.normal(50, 30, (2, 83)) + 40 * target).round(digits)
    scores = numbers(logit, **{FIRST: statistic}).assign(target=target, **dict.fromkeys(MAP_METRICS, np.nan))
    scores.loc[5, "pixel_roc_auc"], scores.loc[6:8, "pixel_f1"] = 0.25, [0.5, 0.25, 0.0]
    decision = two_tests(false_alarms=false_alarms, unsure=0.5)
    evaluated = scores.drop(columns=NETWORK).join(
        decision.judge(scores)[["logit", "probability_fake", "called"]]
    )
    wanted = score_predictions(evaluated, decision.threshold)
    metrics = validation_metrics(scores, decision)
    assert list(metrics) == list(wanted)
    assert metrics == pytest.approx(wanted, abs=1e-12)
    called = (evaluated["called"] == "fake").to_numpy()
    assert metrics["fake_accuracy"] == pytest.approx(called[target == 1].mean())
    assert metrics["genuine_accuracy"] == pytest.approx(1 - called[target == 0].mean())


def test_roc_auc_f1_and_iou_are_those_of_all_pixels_that_fill_blocks():
    rng = np.random.default_rng(0)
    cells = rng.normal(size=(4, 6)).round(1)  # with ties
    mask = rng.random((37, 50)) < 0.3
    logits, inside = np.kron(cells, np.ones((8, 8))).ravel(), mask[:32, :48].ravel()
    metrics = map_metrics(cells, mask, is_fake=True)
    assert metrics["pixel_roc_auc"] == pytest.approx(roc_auc_score(inside, logits))
    assert metrics["pixel_f1"] == pytest.approx(f1_score(inside, logits >= 0))
    assert metrics["pixel_iou"] == pytest.approx(jaccard_score(inside, logits >= 0))
    assert np.isnan(metrics["pixel_false_positive_rate"])


def test_an_inverted_map_is_not_taken_for_a_good_one():
    right = np.array([[1.0, 1.0], [-1.0, -1.0]])
    assert list(map_metrics(right, UPPER_HALF, is_fake=True).values())[:3] == [1, 1, 1]
    assert list(map_metrics(-right, UPPER_HALF, is_fake=True).values())[:3] == [0, 0, 0]


def test_pictures_smaller_than_a_block_are_measured_too():
    mask = np.zeros((5, 30), bool)
    mask[:, 8:16] = True
    assert map_metrics(np.array([[-1.0, 1.0, -1.0]]), mask, is_fake=True)["pixel_f1"] == 1


@pytest.mark.parametrize(
    "mask", [np.zeros((16, 16), bool), np.eye(24) > 0, None], ids=["empty", "thin", "none"]
)
def test_where_nothing_can_be_found_there_is_no_metric(mask):
    assert np.isnan(list(map_metrics(np.zeros((2, 2)), mask, is_fake=True).values())).all()


def test_a_fake_that_is_tampered_with_all_over_has_an_f1_and_no_roc_auc():
    metrics = map_metrics(np.array([[1.0, -1.0], [1.0, 1.0]]), np.ones((16, 16), bool), is_fake=True)
    assert metrics["pixel_f1"] == pytest.approx(6 / 7)
    assert np.isnan(metrics["pixel_roc_auc"])


def test_false_alarms_on_a_genuine_picture_are_a_share_of_it():
    metrics = map_metrics(np.array([[0.0, -0.1], [2.0, -3.0]]), None, is_fake=False)
    assert metrics["pixel_false_positive_rate"] == 0.5
    assert np.isnan(metrics["pixel_roc_auc"])
    assert np.isnan(list(map_metrics(None, None, is_fake=False).values())).all()
