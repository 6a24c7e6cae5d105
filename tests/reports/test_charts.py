"""Charts, points of curves and tables of an evaluation, and what the terminal says of it."""

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from pipeline.detector.decision import called_fake
from pipeline.evaluation.bootstrap import Bootstrap, Metric
from pipeline.evaluation.perturbations import SETS
from pipeline.evaluation.results import COLUMNS, Results
from pipeline.evaluation.robustness import measure_robustness
from pipeline.evaluation.subsets import measure_results
from pipeline.reports.artifacts import evaluation_charts, write_charts, write_points
from pipeline.reports.charts import Dot, Row, Track, plot_dots
from pipeline.reports.metric_charts import plot_robustness
from pipeline.reports.plots import MOST_POINTS, plot_risk_coverage, precision_recall_points, roc_points
from pipeline.reports.rendering import as_decimal, draw, in_percent, title
from pipeline.reports.terminal import summarise
from tests.reports.evaluated import history, with_crops

SVG = "{http://www.w3.org/2000/svg}"
BOOTSTRAP = Bootstrap(draws=100, confidence=0.95, seed=0)
CROPS = pd.DataFrame(columns=["group", "kind", "logit"])
TABLES = [
    *("calls.csv", "confusion.csv", "crops.csv", "intervals.csv", "metrics.csv", "precision_recall.csv"),
    *("predictions.csv", "reliability.csv", "roc.csv", "slices.csv"),
]
PICTURES = [
    *("confusion.svg", "figures.svg", "precision_recall.svg", "reliability.svg", "roc.svg", "scores.svg"),
    "slices.svg",
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
                    "network": 1.5 * logit,
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
    folder.mkdir(exist_ok=True)
    results = replace(
        evaluate(table, elsewhere), decision={"temperature": 1.5}, history=history().head(epochs)
    )
    results.save(folder)
    write_points(folder, results)
    write_charts(folder, evaluation_charts(results))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_table_and_picture_is_there_and_opens(tmp_path):
    files = written(tmp_path, predictions("here", "near", "far$money", n=60), {"far$money"})
    assert sorted(files) == sorted([*TABLES, *PICTURES, "training.svg"])
    for name in [*PICTURES, "training.svg"]:
        root = ElementTree.fromstring(files[name])
        assert min(float(side) for side in root.attrib["viewBox"].split()[2:]) > 82  # points
        assert len([*root.iter(f"{SVG}path"), *root.iter(f"{SVG}text")]) > 10


def test_the_same_predictions_give_the_same_bytes(tmp_path):
    table = predictions("here")
    assert written(tmp_path / "one", table) == written(tmp_path / "two", table)


def test_without_a_history_there_is_no_picture_of_the_training(tmp_path):
    assert "training.svg" not in written(tmp_path, predictions("here"), epochs=0)


def test_verdicts_are_drawn_where_they_lie_beside_the_curve_of_calls(tmp_path):
    table = predictions("here", n=200)
    near = (table["probability_fake"] - 0.6).abs() < 0.1
    table["verdict"] = np.where(near, "unsure", table["called"])
    assert "risk_coverage.svg" in written(tmp_path, table)
    points = pd.read_csv(tmp_path / "risk_coverage.csv")
    wrong = (table["called"] != table["label"]).to_numpy()
    assert points["risk"].iloc[-1] == pytest.approx(wrong.mean())
    at = points[points["coverage"] <= 1 - near.mean()].iloc[-1]
    dots = [
        (line.get_xdata()[0], line.get_ydata()[0])
        for line in plot_risk_coverage(evaluate(table)).axes[0].lines
        if line.get_marker() == "o" and len(line.get_xdata())
    ]
    assert dots == [(pytest.approx(1 - near.mean()), pytest.approx(wrong[~near].mean()))]
    assert at["risk"] == pytest.approx(dots[0][1])  # these abstain by nothing but confidence
    assert "risk_coverage.svg" not in written(tmp_path / "none", table.drop(columns="verdict"))


@pytest.mark.parametrize("labels", [("fake",), ("genuine",)])
def test_one_class_alone_is_drawn_and_said(tmp_path, labels):
    table = predictions("here", labels=labels)
    assert "roc.svg" in written(tmp_path, table)
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
    assert "100 untouched crops of fakes against genuine: ROC AUC 0.60 (.55–.66)" in text
    assert ", too few" not in text


def test_places_that_few_pictures_leave_open_are_said_to_be_too_few():
    results = evaluate(predictions("here", n=2))
    text = summarise(with_crops(results, (0.8, None, None), (0.9, 0.3, 1.0)), {})
    assert re.search(r"^test +pixel ROC AUC 0\.\d\d.*, too few$", text, re.MULTILINE)
    assert re.search(r"untouched crops of fakes .* ROC AUC 0\.80, too few$", text, re.MULTILINE)
    assert re.search(r"tampered crops of fakes .* ROC AUC 0\.90 \(\.30–.*\), too few$", text, re.MULTILINE)
    assert max(map(len, text.splitlines())) <= 80


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
    none = {"pictures": pictures, "with_relatives_in_train": 0}
    return {"fake": none | {"with_relatives_in_train": related}, "genuine": none}


def measured(which, knows_content=False, target=None):
    """Answers of a detector that is good as handed in and knows little of anything else."""
    rng = np.random.default_rng(0)
    truth = np.arange(120) % 2
    answered = pd.DataFrame(
        {each.name: rng.normal(truth * (2 if each.is_probe and knows_content else 0.1)) for each in which},
        index=range(120),
    )
    return measure_robustness(
        rng.normal(3 * truth),
        answered,
        which,
        truth if target is None else target,
        np.arange(120) // 2,
        1.5,
        Bootstrap(draws=100, confidence=0.95, seed=0),
    )


def plotted(table):
    empty = pd.DataFrame(columns=COLUMNS)
    return plot_robustness(Results(threshold=0.5, confidence=0.95, table=empty, robustness=table))


def words_of(table):
    chart = plotted(table)
    return [text.get_text().strip() for axes in chart.axes for text in axes.texts]


@pytest.mark.parametrize("name", ["fast", "full"])
def test_every_perturbation_has_a_row_in_words(name):
    words = words_of(measured(SETS[name]))
    assert {each.strength for each in SETS[name]} | {each.family for each in SETS[name]} <= set(words)
    assert "as handed in" in words
    assert any(word.endswith(" fragile") for word in words)


def test_a_shortcut_is_said_in_words():
    honest, knows = (words_of(measured(SETS["fast"], knows_content=knows)) for knows in (False, True))
    assert not any("◆ shortcut" in word for word in honest)
    assert sum("◆ shortcut" in word for word in knows) == 2


def test_what_could_not_be_measured_is_a_dash_with_the_reason():
    words = words_of(measured(SETS["fast"], target=np.zeros(120, int)))
    assert words.count("– one class only") == 1 + len(SETS["fast"])


def test_the_same_table_gives_the_same_picture_also_read_back_or_without_perturbations(tmp_path):
    table = measured(SETS["fast"])
    table.to_csv(tmp_path / "table.csv", index=False)
    pictures = {}
    for name, drawn in (("first", table), ("again", table), ("read", pd.read_csv(tmp_path / "table.csv"))):
        pictures[name] = draw(plotted(drawn))
    assert pictures["again"] == pictures["read"] == pictures["first"]
    assert float(ElementTree.fromstring(pictures["first"]).attrib["viewBox"].split()[2]) >= 294  # points
    assert draw(plotted(measured(()))) != pictures["first"]


def answers(n=200, seed=0):
    random = np.random.default_rng(seed)
    target = np.arange(n) % 2
    logit = random.normal(size=n) + target
    return pd.DataFrame({"target": target, "logit": logit, "probability_fake": 1 / (1 + np.exp(-logit))})


def test_each_roc_point_is_what_its_probability_gives():
    table = answers()
    points = roc_points(table)
    fake = table["target"] == 1
    for point in points.iloc[1:].itertuples():
        called = called_fake(table["probability_fake"], point.probability_fake)
        assert called[fake].mean() == pytest.approx(point.true_positive_rate)
        assert called[~fake].mean() == pytest.approx(point.false_positive_rate)
    assert points.iloc[0].tolist()[:2] == [0.0, 0.0]
    assert np.isnan(points.iloc[0]["probability_fake"])


def test_each_precision_recall_point_is_what_its_probability_gives():
    table = answers()
    fake = (table["target"] == 1).to_numpy()
    for point in precision_recall_points(table).iloc[:-1].itertuples():
        called = called_fake(table["probability_fake"], point.probability_fake)
        assert fake[called].mean() == pytest.approx(point.precision)
        assert called[fake].mean() == pytest.approx(point.recall)


def test_many_pictures_give_files_of_bounded_size_with_both_ends():
    points = roc_points(answers(20_000))
    assert len(points) <= MOST_POINTS
    assert points.iloc[[0, -1], :2].to_numpy().tolist() == [[0.0, 0.0], [1.0, 1.0]]


def test_one_class_alone_has_no_curve():
    table = answers().query("target == 1")
    assert roc_points(table).empty
    assert precision_recall_points(table).empty


@pytest.mark.parametrize(
    ("figure", "percent", "decimal"),
    [
        (Metric(0.923, 0.83, 0.966), "92% (83–97)", "0.92 (.83–.97)"),
        (Metric(1.0, 0.81, 1.0), "100% (81–100)", "1.00 (.81–1.0)"),
        (Metric(0.0, 0.0, 0.3), "0% (0–30)", "0.00 (.00–.30)"),
        (Metric(0.5, None, None), "50%", "0.50"),
        (Metric(), "–", "–"),
    ],
)
def test_figures_are_written_with_their_interval_where_there_is_one(figure, percent, decimal):
    assert (in_percent(figure), as_decimal(figure)) == (percent, decimal)


def test_several_collections_are_set_in_below_what_they_are_part_of():
    assert [title(subset) for subset in ("test", "collections.a", "collections.b")] == ["test", "  a", "  b"]


@pytest.mark.parametrize(
    ("metric", "left"),
    [
        (Metric(0.55, 0.45, 0.7), 0.4),
        (Metric(0.38, 0.29, 0.48), 0),
        (Metric(0.5, 0.1, 0.9), 0),
        (Metric(), 0.4),
    ],
    ids=["right of it", "left of it", "an end left of it", "nothing"],
)
def test_dots_and_their_intervals_stand_where_the_axis_says(metric, left):
    rows = [Row("a", "", [Track([Dot(metric, "black")], "")])]
    axes = plot_dots(rows, "chart", {}, "ROC AUC", lowest=0.4).axes[0]
    assert axes.get_xlim()[0] == pytest.approx(left - 0.02)
    drawn = [set(line.get_xdata()) for line in axes.lines if line.get_color() == "black"]
    assert drawn == ([{metric.low, metric.high}, {metric.value}] if metric.value else [])
