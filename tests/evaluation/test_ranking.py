import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from pipeline.evaluation.ranking import WeightedRanking, average_precision, roc_auc

pictures = st.lists(
    st.tuples(st.booleans(), st.integers(-3, 3), st.integers(0, 3)), min_size=2, max_size=30
).filter(lambda rows: len({fake for fake, _, _ in rows}) == 2)


@given(pictures, st.lists(st.integers(1, 4), min_size=4, max_size=4))
def test_weighted_figures_are_those_of_scikit_learn(rows, counts):
    fake, logit, codes = (np.array(column) for column in zip(*rows, strict=True))
    weights = np.array(counts)[codes]
    weighting = WeightedRanking(logit.astype(float), fake, codes).weigh(np.array([counts], float))
    assert roc_auc(weighting)[0] == pytest.approx(roc_auc_score(fake, logit, sample_weight=weights))
    assert average_precision(weighting)[0] == pytest.approx(
        average_precision_score(fake, logit, sample_weight=weights)
    )


def test_groups_that_were_not_drawn_do_not_count():
    fake, logit = np.array([True, False, True]), np.array([2.0, 1.0, 0.0])
    ranking = WeightedRanking(logit, fake, np.array([0, 1, 2]))
    weighting = ranking.weigh(np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]]))
    assert roc_auc(weighting).tolist() == [1.0, 0.0]
    assert average_precision(weighting).tolist() == [1.0, 0.5]


def test_a_draw_without_a_class_has_no_figure():
    ranking = WeightedRanking(np.array([1.0, 0.0]), np.array([True, False]), np.array([0, 1]))
    weighting = ranking.weigh(np.array([[1.0, 0.0], [0.0, 1.0]]))
    assert np.isnan([roc_auc(weighting), average_precision(weighting)]).all()
