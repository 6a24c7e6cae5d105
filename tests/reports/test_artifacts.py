import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.evaluation.bootstrap import Bootstrap
from pipeline.evaluation.subsets import measure_results
from pipeline.reports.artifacts import evaluation_charts, write_charts, write_points
from pipeline.reports.terminal import summarise
from tests.reports.evaluated import history, with_crops

BOOTSTRAP = Bootstrap(draws=100, confidence=0.95, seed=0)
CROPS = pd.DataFrame(columns=["group", "kind", "logit"])
TABLES = [
    *("calls.csv", "confusion.csv", "crops.csv", "intervals.csv", "metrics.csv", "precision_recall.csv"),
    *("predictions.csv", "reliability.csv", "roc.csv", "slices.csv"),
]
PICTURES = [
    *("confusion.png", "figures.png", "precision_recall.png", "reliability.png", "roc.png", "scores.png"),
    "slices.png",
]


def predictions(*collections, labels=("genuine", "fake"), n=24):
    random = np.random.default_rng(0)
    parts = []
    for name in collections:
        label = np.resize(np.array(labels, dtype=object), n)
        target = (label == "fake").astype(int)
        logit = random.normal(size=n) + target
        probability = 1 / (1 + np.exp(-logit))
        parts.append(
            pd.DataFrame(
                {
                    "path": [f"{name}/{number}.jpg" for number in range(n)],
                    "label": label,
                    "target": target,
                    "group": [f"{name}:{number}" for number in range(n)],
                    "collection": name,
                    "subset": "",
                    "logit": logit,
                    "probability_fake": probability,
                    "called": np.where(probability >= 0.6, "fake", "genuine"),
                    "source_format": "JPEG",
                    "width": 384,
                    "height": 256,
                    "jpeg_quality": 90.0,
                    "pixel_roc_auc": np.where(target == 1, 0.5 + random.random(n) / 2, np.nan),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def evaluate(table, elsewhere=()):
    return measure_results(table, CROPS, 0.6, elsewhere, BOOTSTRAP)


def written(folder, table, elsewhere=(), epochs=2):
    results = replace(
        evaluate(table, elsewhere), decision={"temperature": 1.5}, history=history().head(epochs)
    )
    results.save(folder)
    write_points(folder, results)
    write_charts(folder, evaluation_charts(results))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_table_and_picture_is_there_and_opens(tmp_path):
    files = written(tmp_path, predictions("here", "near", "far$money"), {"far$money"})
    assert sorted(files) == sorted([*TABLES, *PICTURES, "training.png"])
    for name in [*PICTURES, "training.png"]:
        with Image.open(tmp_path / name) as picture:
            assert min(picture.size) > 250
            assert np.asarray(picture.convert("L")).std() > 5


def test_the_same_predictions_give_the_same_bytes(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    table = predictions("here")
    assert written(tmp_path / "one", table) == written(tmp_path / "two", table)


def test_without_a_history_there_is_no_picture_of_the_training(tmp_path):
    assert "training.png" not in written(tmp_path, predictions("here"), epochs=0)


@pytest.mark.parametrize("labels", [("fake",), ("genuine",)])
def test_one_class_alone_is_drawn_and_said(tmp_path, labels):
    table = predictions("here", labels=labels)
    assert "roc.png" in written(tmp_path, table)
    missing = {"fake": "genuine", "genuine": "fake"}[labels[0]]
    text = summarise(evaluate(table), {})
    assert f"test has no {missing} pictures" in text


def test_only_test_collections_are_drawn_as_elsewhere(tmp_path):
    written(tmp_path, predictions("far"), {"far"})
    assert len(pd.read_csv(tmp_path / "roc.csv")) > 2
    confusion = pd.read_csv(tmp_path / "confusion.csv")
    assert confusion.groupby("part")["count"].sum().to_dict() == {
        "test": 0,
        "elsewhere": 24,
        "collections.far": 24,
    }


def test_confusion_counts_agree_with_the_verdicts(tmp_path):
    table = predictions("here")
    written(tmp_path, table)
    confusion = pd.read_csv(tmp_path / "confusion.csv").query("part == 'test'")
    for row in confusion.itertuples():
        both = (table["label"] == row.actual) & (table["called"] == row.called)
        assert both.sum() == row.count


def test_the_summary_fits_a_terminal_and_names_the_files():
    collection = "a_collection_with_a_name_that_is_far_too_long"
    results = evaluate(predictions("here", collection, n=20_000))
    results = with_crops(results, (0.6, 0.55, 0.66), (0.99, 0.98, 1.0))
    results = replace(results, counts={"leak": leak(49, 50)})
    text = summarise(results, {"figures": Path("reports/metrics.json")})
    assert max(map(len, text.splitlines())) <= 80
    assert "figures  reports/metrics.json" in text
    assert "leaks: 98% of the tested fakes" in text
    assert "20,000" in text
    assert "test           pixel ROC AUC 0.75 (.7" in text
    assert "untouched crops of fakes   against genuine crops: ROC AUC 0.60 (.55–.66)" in text


def test_the_summary_puts_shortcut_probe_and_larger_class_beside_the_metrics():
    words = "compression history in the pixels"
    row = {"part": "test", "words": words, "roc_auc": 0.91, "low": 0.84, "high": 0.96}
    table = pd.DataFrame([row | {"history_roc_auc": 0.88, "history_low": 0.8, "history_high": 0.94}])
    lines = summarise(evaluate(predictions("here")).with_audit({}, table), {}).splitlines()
    assert f"test 0.88 (.80–.94) 0.91 (.84–.96) {words}" in [" ".join(line.split()) for line in lines]
    assert re.search(r"^by guessing +100% +0% +50% +0.50$", "\n".join(lines), re.MULTILINE)
    assert max(map(len, lines)) <= 80


def test_where_there_is_no_audit_the_summary_says_so():
    text = summarise(evaluate(predictions("here")), {})
    assert "is not known:\nthere is no audit of these pictures." in text


def test_a_leak_of_genuine_pictures_is_said():
    counts = {"leak": leak(0, 50) | {"genuine": {"pictures": 50, "with_relatives_in_train": 20}}}
    text = summarise(replace(evaluate(predictions("here")), counts=counts), {})
    assert "leaks: 40% of the tested genuine pictures have a relative" in text


def test_the_summary_says_nothing_of_leaks_where_there_are_none():
    results = replace(evaluate(predictions("here")), counts={"leak": leak(0, 50)})
    assert "leak" not in summarise(results, {})


def leak(related, pictures):
    return {"fake": {"pictures": pictures, "with_relatives_in_train": related}}
