import numpy as np
import pandas as pd
import pytest

from pipeline.config import Evaluate
from pipeline.scoring.evaluation import evaluate_predictions
from pipeline.scoring.metrics import METRICS, score_predictions
from pipeline.scoring.slices import COLUMNS, cut_slices, score_slices

SETTINGS = Evaluate(bootstrap=100, confidence=0.95, robustness=None)


def predictions(n=120):
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
    evaluation = evaluate_predictions(table, 0.6, (), SETTINGS, seed=0)
    return score_slices(table, evaluation, SETTINGS, seed=0)


def slices(table):
    return {(property_, name): part for property_, name, part in cut_slices(table)}


def test_slices_are_named_as_people_call_them_and_empty_ones_are_left_out():
    assert list(slices(predictions())) == [
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
    table = predictions()
    part = slices(table)["subset", "splice"]
    assert set(part["collection"]) == {"near"}
    assert (part["target"] == 0).sum() == ((table["collection"] == "near") & (table["target"] == 0)).sum()
    assert set(part.loc[part["target"] == 1, "subset"]) == {"splice"}


def test_each_edge_belongs_to_the_bin_above_it():
    table = (
        predictions(12)
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
    table = predictions()
    found = scored(table)
    assert list(found.columns) == COLUMNS
    rows = found[(found["property"] == "format") & (found["slice"] == "TIFF")].set_index("metric")
    wanted = score_predictions(table[table["source_format"] == "TIFF"], 0.6)
    assert rows["value"].to_dict() == pytest.approx({metric: wanted[metric] for metric in METRICS})
    assert (rows["n_fake"] == wanted["n_fake"]).all()
    low, value, high = rows.loc["roc_auc", ["low", "value", "high"]]
    assert low < value < high


def test_one_class_alone_keeps_its_accuracy_and_few_pictures_their_count():
    table = predictions(12).query("target == 1").head(2)
    found = scored(table)
    assert set(found["metric"]) == {"fake_accuracy"}
    assert (found.loc[found["property"] == "collection", "n_fake"] == 2).all()
    assert (found["n_genuine"] == 0).all()


def test_no_pictures_have_no_slices():
    found = scored(predictions().head(0))
    assert found.empty
    assert list(found.columns) == COLUMNS
