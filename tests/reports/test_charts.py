import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.detector.decision import called_fake
from pipeline.evaluation.bootstrap import Bootstrap, Metric
from pipeline.evaluation.perturbations import SETS
from pipeline.evaluation.results import COLUMNS, Results
from pipeline.evaluation.robustness import measure_robustness
from pipeline.reports.metric_charts import plot_robustness
from pipeline.reports.plots import MOST_POINTS, precision_recall_points, roc_points
from pipeline.reports.rendering import as_decimal, in_percent, title, write_chart


def measured(which, knows_content=False, target=None):
    """Answers of a detector that is good as handed in and knows little of anything else."""
    rng = np.random.default_rng(0)
    truth = np.arange(120) % 2
    answers = pd.DataFrame(
        {each.name: rng.normal(truth * (2 if each.is_probe and knows_content else 0.1)) for each in which},
        index=range(120),
    )
    return measure_robustness(
        rng.normal(3 * truth),
        answers,
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
    for name, drawn in (("first", table), ("again", table), ("read", pd.read_csv(tmp_path / "table.csv"))):
        write_chart(tmp_path / f"{name}.png", plotted(drawn))
    first = (tmp_path / "first.png").read_bytes()
    assert (tmp_path / "again.png").read_bytes() == first
    assert (tmp_path / "read.png").read_bytes() == first
    with Image.open(tmp_path / "first.png") as picture:
        assert picture.width >= 700
    write_chart(tmp_path / "alone.png", plotted(measured(())))


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
