"""What an audit says of published datasets; figures that docs/results.md quotes."""

import html

import pytest

from pipeline.auditing.findings import best_shortcut, list_shortcuts, part_title
from pipeline.auditing.shortcut_kinds import HISTORY
from pipeline.reports.audit_advice import still_there
from pipeline.reports.audit_report import render_page
from tests.auditing.builders import audited, prepare

pytestmark = pytest.mark.slow


@pytest.fixture
def audit_of(real_pictures, tmp_path, monkeypatch, compose_config):
    monkeypatch.chdir(tmp_path)

    def audit(policy):
        config = compose_config("data=casia", f"data.root={real_pictures}", f"convert={policy}")
        prepare(config)
        return audited(config)[2]

    return audit


@pytest.fixture
def small_forest():
    """The forest as it is: its figures are what is tested here."""


def _history(side):
    return side["probe"][HISTORY]["roc_auc"]


def test_raw_and_equal(audit_of):
    audit = audit_of("equal")
    for name in ("collections.casia1", "collections.casia2"):
        assert audit["parts"][name]["raw"]["features"]["luma_table"]["roc_auc"] >= 0.95
    for side in ("raw", "converted"):
        found = audit["parts"]["collections.comofod"][side]
        estimates = [*found["features"].values(), *found["all_metadata"].values(), *found["probe"].values()]
        assert all(estimate["low"] <= 0.5 <= estimate["high"] for estimate in estimates)
    assert "fewer than" in audit["parts"]["collections.columbia"]["too_few"]
    training = audit["parts"]["training"]["converted"]
    assert all(estimate["roc_auc"] < 0.65 for estimate in training["features"].values())
    assert training["probe"][HISTORY]["roc_auc"] >= 0.97
    assert best_shortcut(audit, "test")["roc_auc"] >= 0.97
    assert "figures on these pictures would be JPEG history" in render_page(audit)


def test_matched(audit_of):
    audit = audit_of("matched")
    training = audit["parts"]["training"]
    assert _history(training["converted"]) <= _history(training["raw"]) - 0.1
    assert training["kept_scans"] > 0
    assert training["saved_alike"] == []
    page = html.unescape(render_page(audit))
    reasons = {(shortcut.part, shortcut.name): why for shortcut, why in still_there(audit)}
    strong = [
        shortcut
        for name, part in audit["parts"].items()
        for shortcut in list_shortcuts(part["converted"], name)
        if shortcut.roc_auc > 0.60
    ]
    assert HISTORY in [shortcut.name for shortcut in strong]
    for shortcut in strong:
        why = reasons[shortcut.part, shortcut.name]
        assert why
        assert f"<p>{why}</p>" in page
        assert f"<strong>{shortcut.words}</strong>, {part_title(shortcut.part)}: " in page
