import json

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import UserError
from pipeline.evaluation.bootstrap import Bootstrap, Metric
from pipeline.evaluation.metrics import of_answers
from pipeline.evaluation.results import AT_HALF, SLICE, Results
from pipeline.evaluation.scoring import score_predictions
from pipeline.evaluation.subsets import cut_slices, measure_results
from pipeline.models.detector_files import HISTORY_FILE, RUN_FILE, TRAINED
from tests.detector.builders import BY_NETWORK
from tests.evaluation.builders import answers

CROPS = pd.DataFrame(columns=["group", "kind", "logit"])
INTERVALS = ["part", "metric", "value", "low", "high", "n_fake", "n_genuine", "n_groups"]
SLICES = ["property", "slice", *INTERVALS[1:]]


def predictions(*collections, n=20):
    target, random = np.arange(n) % 2, np.random.default_rng(0)
    alike = {"subset": "", "source_format": "JPEG", "width": 400, "height": 300, "jpeg_quality": 75}
    parts = [
        answers(
            *(target, random.normal(size=n) + target),
            **{"group": [f"{name}:{number}" for number in range(n)], "collection": name, **alike},
        )
        for name in collections
    ]
    return pd.concat(parts, ignore_index=True)


def measured(table, threshold=0.5, elsewhere=(), confidence=0.9):
    return measure_results(table, CROPS, threshold, elsewhere, Bootstrap(100, confidence, seed=0))


def scores(results, subset, condition=""):
    """The metrics of a subset as `score_predictions` gives them."""
    n = results.n(subset)
    values = {name: results.metric(subset, name, condition).value for name in of_answers()}
    return values | {"n_fake": n.n_fake, "n_genuine": n.n_genuine}


def scored(table, threshold):
    wanted = score_predictions(table, threshold)
    return {name: wanted[name] for name in (*of_answers(), "n_fake", "n_genuine")}


def test_each_subset_holds_the_metrics_of_its_own_pictures():
    table = predictions("here", "near", "far")
    results = measured(table, 0.6, {"far"})
    trained = table[table["collection"] != "far"]
    assert scores(results, "test") == scored(trained, 0.6)
    assert scores(results, "test", AT_HALF) == scored(trained, 0.5)
    assert scores(results, "collections.near") == scored(table[table["collection"] == "near"], 0.6)
    assert scores(results, "elsewhere") == scores(results, "collections.far")
    assert results.threshold == 0.6


def test_without_test_collections_there_is_no_elsewhere_and_without_a_class_there_is_json():
    results = measured(predictions("here"))
    assert "elsewhere" not in results.headline()
    assert results.metric("elsewhere", "roc_auc") == Metric()
    headline = measured(predictions("here").query("target == 1")).headline()
    assert json.loads(json.dumps(headline, allow_nan=False))["test"]["genuine_accuracy"] is None


def test_each_metric_of_each_part_has_a_row_with_its_counts():
    intervals = measured(predictions("here", "far"), elsewhere={"far"}).intervals
    assert list(intervals.columns) == INTERVALS
    parts = ["test", "test_at_half", "collections.here", "elsewhere", "collections.far"]
    assert list(intervals["part"]) == [part for part in parts for _ in of_answers()]
    assert (intervals[["n_fake", "n_genuine"]] == 10).to_numpy().all()
    assert (intervals["low"] <= intervals["value"]).all()


def test_what_is_known_by_pixel_has_rows_with_intervals():
    table = predictions("here")
    fake = table["target"] == 1
    table["pixel_f1"] = np.where(fake, np.linspace(0.2, 0.9, 20), np.nan)
    table["pixel_false_positive_rate"] = np.where(fake, np.nan, np.linspace(0, 0.1, 20))
    results = measured(table)
    rows = results.intervals[results.intervals["part"] == "test"]
    assert list(rows["metric"]) == [*of_answers(), "pixel_f1", "pixel_false_positive_rate"]
    for name in ("pixel_f1", "pixel_false_positive_rate"):
        value, low, high = results.metric("test", name)
        assert value == pytest.approx(table[name].mean())
        assert low < value < high
    assert results.metric("test", "pixel_iou").value is None


def test_the_headline_has_few_metrics_of_each_subset_and_accuracies_alone_at_half():
    results = measured(predictions("here", "far"), 0.6, {"far"})
    found = results.headline()
    accuracies = {"fake_accuracy", "genuine_accuracy", "balanced_accuracy"}
    assert set(found) == {"threshold", "test", "test_at_half", "elsewhere", "collections", "control"}
    assert set(found["test_at_half"]) == accuracies
    assert set(found["elsewhere"]) == accuracies | {"roc_auc", "n_fake", "n_genuine"}
    assert set(found["collections"]["far"]) == {"balanced_accuracy", "roc_auc"}
    assert found["test"]["roc_auc"] == results.metric("test", "roc_auc").value
    # One collection alone gets no row beside the whole.
    assert measured(predictions("a")).shown_subsets() == ["test"]
    assert measured(predictions("a", "b")).shown_subsets() == ["test", "collections.a", "collections.b"]


def test_what_was_saved_is_read_back_as_it_was(tmp_path):
    table = predictions("NA", "far").assign(path="NA", subset=["", "NA"] * 20)
    results = measured(table, 0.6, {"far"})
    results.save(tmp_path)
    (tmp_path / "metrics.json").write_text(json.dumps(results.headline()))
    again = Results.load(tmp_path, tmp_path / "metrics.json", 0.9)
    pd.testing.assert_frame_equal(again.table, results.table)
    pd.testing.assert_frame_equal(again.predictions, results.predictions)
    assert again.headline() == results.headline()
    assert again.robustness.empty
    with pytest.raises(UserError, match="no evaluation yet; make one"):
        Results.load(tmp_path / "empty", tmp_path / "metrics.json", 0.9)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metrics.json", {"test": 3}), ("metrics.json", {"threshold": None}), ("metrics.json", [1]),
        ("metrics.json", {"threshold": {}}),
        ("run.json", {"config": 3}), ("run.json", {"config": {"model": 3}}), ("run.json", 3),
        ("run.json", {}),
        ("decision.json", {"unsure": 3}), ("decision.json", {}), ("decision.json", "x"),
        ("counts.json", {"leak": 3}), ("counts.json", {"leak": {"fake": 3}}), ("counts.json", []),
        ("built_from.json", {"data": 3}), ("built_from.json", {"data": {"collections": {"a": 3}}}),
        ("metrics.csv", "a,b\n1,2\n"), ("history.csv", ""),
    ],
)  # fmt: skip
def test_a_file_of_ours_of_another_shape_is_named_with_what_to_do(tmp_path, name, content):
    results = measured(predictions("a"))
    results.save(tmp_path)
    (tmp_path / "metrics.json").write_text(json.dumps(results.headline()))
    assert Results.load(tmp_path, tmp_path / "metrics.json", 0.9).with_background(tmp_path, tmp_path)
    path = tmp_path / (TRAINED if name in (RUN_FILE, HISTORY_FILE) else "") / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content if name.endswith(".csv") else json.dumps(content))
    with pytest.raises(UserError, match=rf"{name} is broken.* write it again with make repro"):
        Results.load(tmp_path, tmp_path / "metrics.json", 0.9).with_background(tmp_path, tmp_path)


def test_a_decision_whose_settings_are_none_is_named(tmp_path):
    content = BY_NETWORK.as_dict() | {"config": 3}
    (tmp_path / "decision.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"decision\.json is broken.* write it again with make repro"):
        measured(predictions("a")).with_background(tmp_path, tmp_path)


def sliced_predictions(n=120):
    number, target = np.arange(n), np.arange(n) % 2
    fake_subset = np.where(number % 4 == 1, "copy_move", "splice")
    return answers(
        *(target, np.random.default_rng(0).normal(size=n) + target),
        group=number // 2,
        collection=np.where(number < n // 2, "near", "far"),
        subset=np.where((target == 1) & (number < n // 2), fake_subset, ""),
        source_format=np.where(number % 3 == 0, "TIFF", "JPEG"),
        width=np.where(number % 5 == 0, 2000, 400),
        height=np.where(number % 5 == 0, 1000, 300),
        jpeg_quality=np.where(number % 3 == 0, np.nan, np.where(target, 75, 100)),
    )


def slices(table):
    return {(property_, name): part for property_, name, part in cut_slices(table)}


def test_slices_are_named_as_people_call_them_and_empty_ones_are_left_out():
    table = sliced_predictions()
    assert list(slices(table)) == [
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
    # A subset has its fakes and the genuine pictures of their collections.
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
    counts = {place: len(part) for place, part in slices(table).items()}
    assert {name: n for (property_, name), n in counts.items() if property_ == "size"} == {
        **{"below 0.2 megapixels": 5, "0.2–1 megapixels": 2, "1–4 megapixels": 2, "4–16 megapixels": 2},
        "16 megapixels and more": 1,
    }
    qualities = {name: n for (property_, name), n in counts.items() if property_ == "quality"}
    assert qualities == {"quality below 50": 2, "quality 50–74": 6, "quality 75–89": 2, "quality 90–100": 2}


def test_metrics_are_those_of_the_slice_with_intervals_and_counts():
    table = sliced_predictions()
    found = measured(table, 0.6, confidence=0.95).slices
    assert list(found.columns) == SLICES
    rows = found[(found["property"] == "format") & (found["slice"] == "TIFF")].set_index("metric")
    wanted = score_predictions(table[table["source_format"] == "TIFF"], 0.6)
    assert rows["value"].to_dict() == pytest.approx({name: wanted[name] for name in of_answers()})
    assert (rows["n_fake"] == wanted["n_fake"]).all()
    low, value, high = rows.loc["roc_auc", ["low", "value", "high"]]
    assert low < value < high


def test_one_class_alone_keeps_its_accuracy_and_few_pictures_their_count():
    found = measured(sliced_predictions(12).query("target == 1").head(2), 0.6).slices
    assert set(found["metric"]) == {"fake_accuracy"}
    assert (found.loc[found["property"] == "collection", "n_fake"] == 2).all()
    assert (found["n_genuine"] == 0).all()


def test_no_pictures_have_no_slices_and_an_empty_test_split_is_no_error():
    results = measured(predictions("far"), elsewhere={"far"})
    assert results.n().n_fake == 0
    assert results.metric("elsewhere", "roc_auc").value is not None
    results = measured(sliced_predictions().head(0), 0.6)
    assert results.slices.empty
    assert list(results.slices.columns) == SLICES
    assert results.subsets(SLICE) == []
