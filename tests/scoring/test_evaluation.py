import json

import numpy as np
import pandas as pd
import pytest

from pipeline.config import Evaluate
from pipeline.scoring.evaluation import INTERVAL_COLUMNS, evaluate_predictions, headline
from pipeline.scoring.metrics import METRICS, score_predictions

SETTINGS = Evaluate(bootstrap=100, confidence=0.9, robustness=None)


def predictions(*collections, n=20):
    random = np.random.default_rng(0)
    parts = []
    for name in collections:
        target = np.arange(n) % 2
        logit = random.normal(size=n) + target
        parts.append(
            pd.DataFrame(
                {
                    "target": target,
                    "logit": logit,
                    "probability_fake": 1 / (1 + np.exp(-logit)),
                    "group": [f"{name}:{number}" for number in range(n)],
                    "collection": name,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def test_each_part_holds_the_figures_of_its_own_pictures():
    table = predictions("here", "near", "far")
    metrics = evaluate_predictions(table, 0.6, {"far"}, SETTINGS, seed=0).metrics
    trained = table[table["collection"] != "far"]
    assert metrics["test"] == score_predictions(trained, 0.6)
    assert metrics["test_at_half"] == score_predictions(trained, 0.5)
    assert metrics["collections"]["near"] == score_predictions(table[table["collection"] == "near"], 0.6)
    assert metrics["elsewhere"] == metrics["collections"]["far"]
    assert metrics["threshold"] == 0.6


def test_without_test_collections_there_is_no_elsewhere():
    assert "elsewhere" not in evaluate_predictions(predictions("here"), 0.5, (), SETTINGS, seed=0).metrics


def test_metrics_can_be_written_as_json_even_where_a_class_is_missing():
    table = predictions("here").query("target == 1")
    metrics = evaluate_predictions(table, 0.5, (), SETTINGS, seed=0).metrics
    assert json.loads(json.dumps(metrics, allow_nan=False))["test"]["genuine_accuracy"] is None


def test_each_figure_of_each_part_has_a_row_with_its_counts():
    result = evaluate_predictions(predictions("here", "far"), 0.5, {"far"}, SETTINGS, seed=0)
    assert list(result.intervals.columns) == INTERVAL_COLUMNS
    parts = ["test", "test_at_half", "collections.here", "elsewhere", "collections.far"]
    assert list(result.intervals["part"]) == [part for part in parts for _ in METRICS]
    assert (result.intervals[["n_fake", "n_genuine"]] == 10).to_numpy().all()
    assert (result.intervals["low"] <= result.intervals["value"]).all()


def test_what_is_known_by_pixel_has_rows_with_intervals():
    table = predictions("here")
    fake = table["target"] == 1
    table["pixel_f1"] = np.where(fake, np.linspace(0.2, 0.9, 20), np.nan)
    table["pixel_false_positive_rate"] = np.where(fake, np.nan, np.linspace(0, 0.1, 20))
    result = evaluate_predictions(table, 0.5, (), SETTINGS, seed=0)
    rows = result.intervals[result.intervals["part"] == "test"].set_index("metric")
    assert list(rows.index) == [*METRICS, "pixel_f1", "pixel_false_positive_rate"]
    for metric in ("pixel_f1", "pixel_false_positive_rate"):
        assert rows.loc[metric, "value"] == pytest.approx(table[metric].mean())
        assert rows.loc[metric, "low"] < rows.loc[metric, "value"] < rows.loc[metric, "high"]
        assert result.metrics["test"][metric] == rows.loc[metric, "value"]
    assert result.metrics["test"]["pixel_iou"] is None


def test_an_empty_test_split_is_no_error():
    metrics = evaluate_predictions(predictions("far"), 0.5, {"far"}, SETTINGS, seed=0).metrics
    assert metrics["test"]["n_fake"] == 0
    assert metrics["elsewhere"]["roc_auc"] is not None


def test_the_headline_has_few_figures_of_each_part_and_accuracies_alone_at_half():
    metrics = evaluate_predictions(predictions("here", "far"), 0.6, {"far"}, SETTINGS, seed=0).metrics
    found = headline(metrics)
    accuracies = {"fake_accuracy", "genuine_accuracy", "balanced_accuracy"}
    assert set(found) == {"threshold", "test", "test_at_half", "elsewhere", "collections"}
    assert set(found["test_at_half"]) == accuracies
    assert set(found["elsewhere"]) == accuracies | {"roc_auc", "n_fake", "n_genuine"}
    assert set(found["collections"]["far"]) == {"balanced_accuracy", "roc_auc"}
    assert found["test"]["roc_auc"] == metrics["test"]["roc_auc"]
