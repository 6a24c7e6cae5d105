import numpy as np
import pandas as pd
import pytest
from scipy.stats.contingency import association

from pipeline.auditing.imbalance import OTHER, SHOWN, cramers_v, properties, rule_accuracy, tabulate


def files(**columns):
    n = max(len(values) for values in columns.values())
    base = dict.fromkeys(("collection", "subset", "source_format", "width", "height", "jpeg_quality"), "1")
    return pd.DataFrame({name: [value] * n for name, value in base.items()} | columns)


def test_tiff_means_fake_is_found_in_casia_2():
    formats = ["JPEG"] * 7437 + ["BMP"] * 54 + ["TIFF"] * 3059 + ["JPEG"] * 2064
    labels = ["genuine"] * 7491 + ["fake"] * 5123
    (found,) = tabulate(properties(files(source_format=formats)), labels)
    assert found["property"] == "format"
    assert found["rule_accuracy"] == pytest.approx(0.836, abs=0.0005)
    assert found["majority"] == pytest.approx(0.594, abs=0.0005)


def test_cramers_v_is_one_for_a_property_that_tells_and_zero_for_one_that_does_not():
    assert cramers_v(np.array([[50, 0], [0, 50]])) == pytest.approx(1.0, abs=0.02)
    assert cramers_v(np.array([[25, 25], [25, 25]])) == 0.0
    assert cramers_v(np.array([[5, 0]])) == 0.0


def test_cramers_v_is_near_that_of_scipy_but_for_its_bias():
    counts = np.array([[30, 10, 7], [5, 40, 9]])
    assert cramers_v(counts) == pytest.approx(association(counts), abs=0.03)
    singles = np.eye(2, dtype=int)[np.arange(60) % 2]  # sixty categories of one picture each
    assert association(singles) == pytest.approx(1.0)
    assert cramers_v(singles) < 0.2


def test_qualities_are_put_into_tens():
    found = properties(files(jpeg_quality=["100", "91", "89", "7", ""]))
    assert found["quality"].tolist() == ["90 to 100", "90 to 100", "80 to 89", "0 to 9", "no JPEG"]


def test_many_values_are_put_together_and_counts_kept():
    widths = [str(number) for number in range(40)]
    (found,) = tabulate(properties(files(width=widths)), ["genuine", "fake"] * 20)
    assert len(found["rows"]) == SHOWN + 1
    assert found["rows"][-1]["value"].startswith(OTHER)
    assert sum(sum(row["counts"]) for row in found["rows"]) == 40


def test_one_label_alone_has_no_tables():
    assert tabulate(properties(files(width=["1", "2"])), ["fake", "fake"]) == []


def test_a_rule_calls_each_value_by_the_label_of_its_other_pictures():
    values, labels = pd.Series(list("aaaabb")), pd.Series(list("xxxyyy"))
    assert rule_accuracy(values, labels) == 5 / 6


def test_a_value_seen_once_does_not_predict_itself():
    values = pd.Series([str(number) for number in range(120)])
    assert rule_accuracy(values, pd.Series(["fake", "genuine", "fake"] * 40)) == pytest.approx(2 / 3)
