"""What stands beside a detector's figures: the best shortcut, and the compression history in any case."""

import pandas as pd

from pipeline.auditing.findings import COLUMNS, beside
from pipeline.auditing.shortcut_kinds import HISTORY
from pipeline.evaluation.results import INTERVAL_COLUMNS, SHORTCUT, Evaluation
from tests.reports.test_audit_report import audit, estimate, side


def evaluation():
    row = {"part": "test", "metric": "roc_auc", "value": 0.9, "low": 0.8, "high": 0.95}
    rows = pd.DataFrame([row | {"n_fake": 9, "n_genuine": 10, "n_groups": 15}], columns=INTERVAL_COLUMNS)
    return Evaluation({"threshold": 0.5, "test": {"roc_auc": 0.9}}, rows, 0.95, frozenset())


def test_the_compression_history_has_its_figure_also_where_another_shortcut_is_stronger():
    found = audit("matched", side(0.7))
    best = {"name": "width", **estimate(0.85)}
    found["on_test"]["test"] = {"best_feature": best, HISTORY: {"name": HISTORY, **estimate(0.7)}}
    extended, table = beside(evaluation(), found)
    (row,) = table.to_dict("records")
    assert list(table) == COLUMNS
    assert (row["name"], row["roc_auc"], row["history_roc_auc"]) == ("width", 0.85, 0.7)
    assert (row["history_low"], row["history_high"]) == (estimate(0.7)["low"], estimate(0.7)["high"])
    assert extended.metrics["test"][SHORTCUT] == 0.85


def test_without_a_probe_its_place_is_empty_and_without_an_audit_there_is_no_row():
    found = audit("matched", side())
    found["on_test"]["test"] = {"best_feature": {"name": "width", **estimate(0.85)}}
    assert beside(evaluation(), found)[1]["history_roc_auc"].isna().all()
    assert beside(evaluation(), None)[1].empty
