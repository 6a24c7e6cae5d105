import pytest


@pytest.fixture(autouse=True)
def small_forest(monkeypatch):
    """The forest of these tests has few trees: what it finds here is found by any."""
    monkeypatch.setattr("pipeline.auditing.shortcut_kinds._TREES", 20)
