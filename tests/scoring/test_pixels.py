import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pipeline.scoring.pixels import pixel_roc_auc


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


@pytest.mark.parametrize("mask", [np.zeros((16, 16), bool), np.ones((16, 16), bool), np.eye(24) > 0])
def test_where_nothing_can_be_ranked_there_is_no_figure(mask):
    assert np.isnan(pixel_roc_auc(np.zeros((2, 2)), mask))
