import pandas as pd
import pytest

from pipeline.evaluation.bootstrap import Metric
from pipeline.reports.numbers import as_decimal, in_percent, look_up, shown_parts, title

TABLE = pd.DataFrame(
    [
        ("test", "roc_auc", 0.9, 0.8, 0.95, 5, 5),
        ("test_at_half", "roc_auc", 0.9, 0.8, 0.95, 5, 5),
        ("collections.a", "roc_auc", 0.9, None, None, 5, 5),
    ],
    columns=["part", "metric", "value", "low", "high", "n_fake", "n_genuine"],
)


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


def test_what_is_not_there_has_no_figure():
    assert look_up(TABLE, "test", "roc_auc") == (0.9, 0.8, 0.95)
    assert look_up(TABLE, "collections.a", "roc_auc") == (0.9, None, None)
    assert look_up(TABLE, "elsewhere", "roc_auc") == (None, None, None)


def test_one_collection_alone_gets_no_row_beside_the_whole():
    assert shown_parts(TABLE) == ["test"]


def test_several_collections_are_set_in_below_what_they_are_part_of():
    second = TABLE.iloc[[2]].assign(part="collections.b")
    parts = shown_parts(pd.concat([TABLE, second]))
    assert [title(part) for part in parts] == ["test", "  a", "  b"]
