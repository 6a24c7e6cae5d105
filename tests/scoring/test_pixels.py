import numpy as np
import pytest
from sklearn.metrics import f1_score, jaccard_score, roc_auc_score

from pipeline.scoring.pixels import pixel_f1, pixel_false_positive_rate, pixel_iou, pixel_roc_auc


def test_it_is_the_roc_auc_of_all_pixels_that_fill_cells():
    rng = np.random.default_rng(0)
    cells = rng.normal(size=(4, 6)).round(1)  # with ties
    mask = rng.random((37, 50)) < 0.3
    whole = np.kron(cells, np.ones((8, 8)))
    assert pixel_roc_auc(cells, mask) == pytest.approx(roc_auc_score(mask[:32, :48].ravel(), whole.ravel()))


def test_a_map_that_is_right_has_one_and_one_that_is_inverted_none():
    mask = np.zeros((16, 16), bool)
    mask[:8] = True
    assert pixel_roc_auc(np.array([[1.0, 1.0], [0.0, 0.0]]), mask) == 1.0
    assert pixel_roc_auc(np.array([[0.0, 0.0], [1.0, 1.0]]), mask) == 0.0


@pytest.mark.parametrize(
    "mask", [np.zeros((16, 16), bool), np.ones((16, 16), bool), np.eye(24) > 0], ids=["empty", "full", "thin"]
)
def test_where_nothing_can_be_ranked_there_is_no_figure(mask):
    assert np.isnan(pixel_roc_auc(np.zeros((2, 2)), mask))


def test_f1_and_iou_are_those_of_all_pixels_that_fill_cells():
    rng = np.random.default_rng(1)
    cells = rng.normal(size=(4, 6))
    mask = rng.random((37, 50)) < 0.3
    called = np.kron(cells, np.ones((8, 8))).ravel() >= 0
    inside = mask[:32, :48].ravel()
    assert pixel_f1(cells, mask) == pytest.approx(f1_score(inside, called))
    assert pixel_iou(cells, mask) == pytest.approx(jaccard_score(inside, called))


def test_an_inverted_map_is_not_taken_for_a_good_one():
    mask = np.zeros((16, 16), bool)
    mask[:8] = True
    assert pixel_f1(np.array([[1.0, 1.0], [-1.0, -1.0]]), mask) == 1
    assert pixel_f1(np.array([[-1.0, -1.0], [1.0, 1.0]]), mask) == 0
    assert pixel_iou(np.array([[-1.0, -1.0], [1.0, 1.0]]), mask) == 0


@pytest.mark.parametrize("mask", [np.zeros((16, 16), bool), np.eye(24) > 0], ids=["empty", "thin"])
def test_where_nothing_can_be_found_there_is_no_f1(mask):
    assert np.isnan(pixel_f1(np.zeros((2, 2)), mask))
    assert np.isnan(pixel_iou(np.zeros((2, 2)), mask))


def test_a_fake_that_is_tampered_with_all_over_has_an_f1():
    assert pixel_f1(np.array([[1.0, -1.0], [1.0, 1.0]]), np.ones((16, 16), bool)) == pytest.approx(6 / 7)


def test_false_alarms_on_a_genuine_picture_are_a_share_of_it():
    assert pixel_false_positive_rate(np.array([[0.0, -0.1], [2.0, -3.0]])) == 0.5
