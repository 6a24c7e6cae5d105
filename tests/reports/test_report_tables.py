"""The numbers that stand beside a detector's: guessing, collections, slices, bins of equal mass."""

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from sklearn import metrics as sk

from pipeline.evaluation.metrics import CALLS, METRICS, MetricDefinition
from pipeline.evaluation.ranking import BINS
from pipeline.reports.metric_charts import plot_slices, robustness_rows, slice_rows, weakest
from pipeline.reports.model_card import training_data
from pipeline.reports.plots import (
    plot_precision_recall,
    plot_reliability,
    plot_risk_coverage,
    reliability_points,
)
from pipeline.reports.rendering import draw
from pipeline.reports.report_tables import metric_rows, summary_table
from pipeline.storage import write_csv
from tests.reports.evaluated import AWAY, BELIEVABLE, HERE, row, without


@pytest.mark.parametrize(("n_fake", "n_genuine"), [(96, 125), (5, 3), (4, 4), (1, 99)])
def test_guessing_is_what_scikit_learn_says_of_it(n_fake, n_genuine):
    target = np.repeat([1, 0], [n_fake, n_genuine])
    called = np.full(len(target), int(n_fake >= n_genuine))
    share = np.full(len(target), target.mean())
    expected = {
        "balanced_accuracy": sk.balanced_accuracy_score(target, called),
        "roc_auc": sk.roc_auc_score(target, share),
        "average_precision": sk.average_precision_score(target, share),
        "f1": sk.f1_score(target, called, zero_division=0),
        "mcc": sk.matthews_corrcoef(target, called),
        "brier": sk.brier_score_loss(target, share),
        "log_loss": sk.log_loss(target, share),
    }
    for metric, value in expected.items():
        assert METRICS[metric].by_guessing(n_fake, n_genuine) == pytest.approx(value), metric


def test_guessing_needs_both_classes_and_a_figure_that_has_a_meaning_for_it():
    assert METRICS["brier"].by_guessing(3, 0) is None
    assert METRICS["pixel_f1"].by_guessing(3, 3) is None


def test_every_figure_is_shown_once_with_its_meaning():
    rows = [row for group in metric_rows(BELIEVABLE).values() for row in group]
    titles = [row.definition.title for row in rows]
    assert sorted(titles) == sorted(metric.title for metric in METRICS.values())
    at_half = {row.definition.title for row in rows if row.at_half}
    assert "fake accuracy" in at_half
    assert "ROC AUC" not in at_half


def test_a_new_metric_is_one_entry_and_is_shown(monkeypatch):
    youden = MetricDefinition("Youden's J", "by chance 0", CALLS, lambda calls: calls.fake_accuracy)
    monkeypatch.setitem(METRICS, "youden", youden)
    measured = pd.DataFrame([row("split", "test", "youden", 0.7, 0.6, 0.8)])
    results = replace(BELIEVABLE, table=pd.concat([BELIEVABLE.table, measured]))
    assert metric_rows(results)[CALLS][-1] == (youden, "0.70 (.60–.80)", "", "–")
    assert summary_table(results)["youden_low"].iloc[0] == 0.6


def test_what_was_not_measured_is_left_out_of_the_table():
    bare = BELIEVABLE.table[~BELIEVABLE.table["metric"].str.startswith("pixel")]
    assert "Places, by pixel" not in metric_rows(replace(BELIEVABLE, table=bare))


def test_the_summary_has_a_row_a_collection_and_says_what_was_left_out(tmp_path):
    table = summary_table(BELIEVABLE)
    assert table["collection"].tolist() == ["all", *HERE, "all", *AWAY]
    assert table["role"].tolist() == ["in-domain"] * 3 + ["elsewhere"] * 4
    assert set(table["trained_on"]) == {"casia1 casia2"}
    assert table["left_out_for_overlap"].tolist() == [0, 0, 0, 2, 0, 0, 2]
    assert table["best_shortcut"].iloc[0] == "compression history in the pixels"
    found = BELIEVABLE.intervals.set_index(["part", "metric"]).loc[("elsewhere", "roc_auc")]
    row = table.iloc[3]
    assert [row["roc_auc"], row["roc_auc_low"]] == [found["value"], found["low"]]
    write_csv(tmp_path / "summary.csv", table)
    read = pd.read_csv(tmp_path / "summary.csv")
    assert read["n_fake"].tolist() == table["n_fake"].tolist()


def test_shortcut_probe_and_larger_class_stand_beside_each_row():
    rows = summary_table(BELIEVABLE)
    assert rows["history_roc_auc"].iloc[0] == 0.77
    assert rows["history_roc_auc"].isna().iloc[-1]
    assert rows[["larger_class_fake_accuracy", "larger_class_genuine_accuracy"]].iloc[0].tolist() == [0, 1]


def test_a_collection_without_test_pictures_was_trained_on_all_the_same():
    collections = {name: {"role": "train"} for name in (*HERE, "small")}
    data = {"name": "casia", "collections": collections | {name: {"role": "test"} for name in AWAY}}
    content = replace(BELIEVABLE, data=data)
    assert set(summary_table(content)["trained_on"]) == {"casia1 casia2 small"}
    assert {each["name"]: each["role"] for each in training_data(content)}["small"] == (
        "trained on, none of its pictures tested"
    )


def test_where_it_is_not_known_what_was_left_out_nothing_is_said():
    assert summary_table(without(BELIEVABLE, "left_out"))["left_out_for_overlap"].isna().all()


def test_collections_after_elsewhere_were_only_tested():
    away = ["elsewhere", *(f"collections.{name}" for name in AWAY)]
    assert BELIEVABLE.subsets("cross-dataset") == away
    here = BELIEVABLE.table[BELIEVABLE.table["subset"] == "test"]
    assert replace(BELIEVABLE, table=here).subsets("cross-dataset") == []


def test_the_weakest_slice_is_not_one_of_three_pictures():
    rows = slice_rows(BELIEVABLE.slices)
    worst = weakest(rows, BELIEVABLE.n())
    assert worst.figures["roc_auc"].high == min(row.figures["roc_auc"].high for row in rows)
    small = [row._replace(n_fake=3) if row == worst else row for row in rows]
    assert weakest(small, BELIEVABLE.n()) != worst
    assert weakest([], BELIEVABLE.n()) is None


def test_an_alteration_without_figures_is_there_without_them():
    table = BELIEVABLE.robustness.copy()
    table.loc[3, ["roc_auc", "low", "high", "change", "change_low", "change_high"]] = np.nan
    table.loc[3, "verdict"] = "NaN answered"
    rows = robustness_rows(table)
    assert "none" not in {row["name"] for row in rows}
    (row,) = [row for row in rows if row["verdict"] == "NaN answered"]
    assert (row["family"], row["auc"].value, row["fall"].value) == ("JPEG", None, None)


PICTURES = some.lists(
    some.tuples(some.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), some.integers(0, 1)), min_size=1
)


@given(PICTURES)
@settings(max_examples=100)
def test_bins_hold_all_pictures_once_and_equals_together(pictures):
    probability, target = (np.array(column, float) for column in zip(*pictures, strict=True))
    points = reliability_points(probability, target)
    assert points["n"].sum() == len(pictures)
    assert len(points) <= BINS
    assert np.isclose((points["share_fake"] * points["n"]).sum(), target.sum())
    order = np.random.default_rng(0).permutation(len(pictures))
    again = reliability_points(probability[order], target[order])
    pd.testing.assert_frame_equal(points, again)


def test_bins_have_equal_mass():
    probability = np.linspace(0, 1, 300)
    points = reliability_points(probability, (probability > 0.5).astype(int))
    assert points["n"].tolist() == [20] * 15
    assert points["share_fake"].tolist() == [0.0] * 7 + [0.5] + [1.0] * 7


@pytest.mark.parametrize(("n_pictures", "n_bins"), [(19, 1), (42, 2), (100, 5), (3000, 15)])
def test_a_bin_holds_twenty_pictures_or_more(n_pictures, n_bins):
    points = reliability_points(np.linspace(0, 1, n_pictures), np.arange(n_pictures) % 2)
    assert len(points) == n_bins
    assert points["n"].min() >= min(20, n_pictures)


@pytest.mark.parametrize("rows", [slice(None), slice(0, 0), slice(0, 1)], ids=["all", "none", "one picture"])
def test_figures_are_drawn_of_whatever_there_is(rows):
    slices = BELIEVABLE.table[BELIEVABLE.table["kind"] == "slice"].iloc[rows]
    found = replace(BELIEVABLE, predictions=BELIEVABLE.predictions.iloc[rows], table=slices)
    for plot in (plot_reliability, plot_precision_recall, plot_risk_coverage, plot_slices):
        chart = draw(plot(found))
        assert len(chart) > 1000
        assert float(ElementTree.fromstring(chart).attrib["viewBox"].split()[2]) > 163  # points
