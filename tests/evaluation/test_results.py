import json

import numpy as np
import pandas as pd
import pytest

from pipeline.config import Evaluate
from pipeline.evaluation.metrics import of_answers
from pipeline.evaluation.results import (
    COLUMNS,
    INTERVAL_COLUMNS,
    cut_slices,
    evaluate_predictions,
    headline,
    score_slices,
)
from pipeline.evaluation.scoring import score_predictions

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
    assert list(result.intervals["part"]) == [part for part in parts for _ in of_answers()]
    assert (result.intervals[["n_fake", "n_genuine"]] == 10).to_numpy().all()
    assert (result.intervals["low"] <= result.intervals["value"]).all()


def test_what_is_known_by_pixel_has_rows_with_intervals():
    table = predictions("here")
    fake = table["target"] == 1
    table["pixel_f1"] = np.where(fake, np.linspace(0.2, 0.9, 20), np.nan)
    table["pixel_false_positive_rate"] = np.where(fake, np.nan, np.linspace(0, 0.1, 20))
    result = evaluate_predictions(table, 0.5, (), SETTINGS, seed=0)
    rows = result.intervals[result.intervals["part"] == "test"].set_index("metric")
    assert list(rows.index) == [*of_answers(), "pixel_f1", "pixel_false_positive_rate"]
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


SLICED = Evaluate(bootstrap=100, confidence=0.95, robustness=None)


def sliced_predictions(n=120):
    rng = np.random.default_rng(0)
    target = np.arange(n) % 2
    logit = rng.normal(size=n) + target
    fake_subset = np.where(np.arange(n) % 4 == 1, "copy_move", "splice")
    return pd.DataFrame(
        {
            "target": target,
            "logit": logit,
            "probability_fake": 1 / (1 + np.exp(-logit)),
            "group": np.arange(n) // 2,
            "collection": np.where(np.arange(n) < n // 2, "near", "far"),
            "subset": np.where((target == 1) & (np.arange(n) < n // 2), fake_subset, ""),
            "source_format": np.where(np.arange(n) % 3 == 0, "TIFF", "JPEG"),
            "width": np.where(np.arange(n) % 5 == 0, 2000, 400),
            "height": np.where(np.arange(n) % 5 == 0, 1000, 300),
            "jpeg_quality": np.where(np.arange(n) % 3 == 0, np.nan, np.where(np.arange(n) % 2, 75, 100)),
        }
    )


def scored(table):
    evaluation = evaluate_predictions(table, 0.6, (), SLICED, seed=0)
    return score_slices(table, evaluation, SLICED, seed=0)


def slices(table):
    return {(property_, name): part for property_, name, part in cut_slices(table)}


def test_slices_are_named_as_people_call_them_and_empty_ones_are_left_out():
    assert list(slices(sliced_predictions())) == [
        ("subset", "copy-move"),
        ("subset", "splice"),
        ("format", "JPEG"),
        ("format", "TIFF"),
        ("size", "below 0.2 megapixels"),
        ("size", "1–4 megapixels"),
        ("quality", "quality 75–89"),
        ("quality", "quality 90–100"),
        ("quality", "never JPEG"),
    ]


def test_a_subset_has_its_fakes_and_the_genuine_pictures_of_their_collections():
    table = sliced_predictions()
    part = slices(table)["subset", "splice"]
    assert set(part["collection"]) == {"near"}
    assert (part["target"] == 0).sum() == ((table["collection"] == "near") & (table["target"] == 0)).sum()
    assert set(part.loc[part["target"] == 1, "subset"]) == {"splice"}


def test_each_edge_belongs_to_the_bin_above_it():
    table = (
        sliced_predictions(12)
        .assign(jpeg_quality=[1, 49, 50, 74, 75, 89, 90, 100, 60, 60, 60, 60], height=1000)
        .assign(width=[199, 200, 999, 1000, 3999, 4000, 15999, 16000, 1, 1, 1, 1])
    )
    sizes = {name: len(part) for (property_, name), part in slices(table).items() if property_ == "size"}
    assert sizes == {
        "below 0.2 megapixels": 5,
        "0.2–1 megapixels": 2,
        "1–4 megapixels": 2,
        "4–16 megapixels": 2,
        "16 megapixels and more": 1,
    }
    qualities = {
        name: len(part) for (property_, name), part in slices(table).items() if property_ == "quality"
    }
    assert qualities == {"quality below 50": 2, "quality 50–74": 6, "quality 75–89": 2, "quality 90–100": 2}


def test_figures_are_those_of_the_slice_with_intervals_and_counts():
    table = sliced_predictions()
    found = scored(table)
    assert list(found.columns) == COLUMNS
    rows = found[(found["property"] == "format") & (found["slice"] == "TIFF")].set_index("metric")
    wanted = score_predictions(table[table["source_format"] == "TIFF"], 0.6)
    assert rows["value"].to_dict() == pytest.approx({metric: wanted[metric] for metric in of_answers()})
    assert (rows["n_fake"] == wanted["n_fake"]).all()
    low, value, high = rows.loc["roc_auc", ["low", "value", "high"]]
    assert low < value < high


def test_one_class_alone_keeps_its_accuracy_and_few_pictures_their_count():
    table = sliced_predictions(12).query("target == 1").head(2)
    found = scored(table)
    assert set(found["metric"]) == {"fake_accuracy"}
    assert (found.loc[found["property"] == "collection", "n_fake"] == 2).all()
    assert (found["n_genuine"] == 0).all()


def test_no_pictures_have_no_slices():
    found = scored(sliced_predictions().head(0))
    assert found.empty
    assert list(found.columns) == COLUMNS
