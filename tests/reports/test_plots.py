import numpy as np
import pandas as pd
import pytest

from pipeline.detector.decision import called_fake
from pipeline.reports.plots import MOST_POINTS, precision_recall_points, roc_points


def predictions(n=200, seed=0):
    random = np.random.default_rng(seed)
    target = np.arange(n) % 2
    logit = random.normal(size=n) + target
    return pd.DataFrame({"target": target, "logit": logit, "probability_fake": 1 / (1 + np.exp(-logit))})


def test_each_roc_point_is_what_its_probability_gives():
    table = predictions()
    points = roc_points(table)
    fake = table["target"] == 1
    for point in points.iloc[1:].itertuples():
        called = called_fake(table["probability_fake"], point.probability_fake)
        assert called[fake].mean() == pytest.approx(point.true_positive_rate)
        assert called[~fake].mean() == pytest.approx(point.false_positive_rate)
    assert points.iloc[0].tolist()[:2] == [0.0, 0.0]
    assert np.isnan(points.iloc[0]["probability_fake"])


def test_each_precision_recall_point_is_what_its_probability_gives():
    table = predictions()
    fake = (table["target"] == 1).to_numpy()
    for point in precision_recall_points(table).iloc[:-1].itertuples():
        called = called_fake(table["probability_fake"], point.probability_fake)
        assert fake[called].mean() == pytest.approx(point.precision)
        assert called[fake].mean() == pytest.approx(point.recall)


def test_many_pictures_give_files_of_bounded_size_with_both_ends():
    points = roc_points(predictions(20_000))
    assert len(points) <= MOST_POINTS
    assert points.iloc[[0, -1], :2].to_numpy().tolist() == [[0.0, 0.0], [1.0, 1.0]]


def test_one_class_alone_has_no_curve():
    table = predictions().query("target == 1")
    assert roc_points(table).empty
    assert precision_recall_points(table).empty
