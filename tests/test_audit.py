"""The stages audit and gate as a person runs them."""

import copy
import json
from unittest.mock import Mock

import pytest

from pipeline import audit, gate
from pipeline.audit import send_audit
from pipeline.auditing.shortcut_kinds import HISTORY
from pipeline.errors import UserError
from tests.auditing.builders import choices, prepare, write_pictures


@pytest.fixture
def made(tmp_path, monkeypatch, compose_config):
    write_pictures(tmp_path / "pictures", n=16)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipeline.auditing.shortcut_kinds._TREES", 20)
    monkeypatch.setattr("pipeline.audit.send_audit", lambda _: None)  # tests/test_whole_run.py

    def composed(**more):
        return compose_config(*choices(tmp_path / "pictures", convert="equal", **more))

    prepare(composed())
    return composed


def test_audit_then_gate(made, tmp_path, capsys):
    audit.run(made())
    written = sorted(path.name for path in (tmp_path / "reports").iterdir())
    assert written == ["audit", "audit.html", "audit.json"]
    assert "reports/audit.html" in capsys.readouterr().out

    gate.run(made())
    opened = (tmp_path / "data/gate.txt").read_bytes()
    gate.run(made(**{"audit.fail_above": 1.0}))
    assert (tmp_path / "data/gate.txt").read_bytes() == opened

    with pytest.raises(UserError) as refused:
        gate.run(made(**{"audit.fail_above": 0.55}))
    message = str(refused.value)
    assert "compression history in the pixels (training collections)" in message
    assert "audit.fail_above=0.55" in message
    assert "Nothing was trained" in message
    assert (tmp_path / "data/gate.txt").read_bytes() == opened

    for stage in (gate, audit):
        with pytest.raises(UserError, match=r"convert\.quality: 95 there, 80 asked for"):
            stage.run(made(**{"convert.quality": 80}))


def test_a_gate_without_an_audit_or_with_another_file_says_so(made, tmp_path):
    with pytest.raises(UserError, match=r"audit\.json is not there; write it with make repro"):
        gate.run(made())
    (tmp_path / "reports").mkdir()
    heads = '{"on_test": {}, "test_groups": 3, "built_from": {}, "parts": '
    shapes = [("{", "is no JSON"), ('{"parts": {}}', "has no built_from, on_test")]
    shapes += [
        (content, r"audit\.json is broken") for content in ("3", '{"parts": 3}', '{"parts": {"a": 3}}')
    ]
    shapes += [
        (heads + content, r"audit\.json is broken") for content in ("[]}", '{"a": {"converted": null}}}')
    ]
    for content, reason in shapes:
        (tmp_path / "reports" / "audit.json").write_text(content)
        with pytest.raises(UserError, match=reason):
            gate.run(made())


def test_the_run_of_an_audit_is_named_after_the_folder_of_the_pictures(made, tmp_path, monkeypatch):
    audit.run(made())
    tracker = Mock()
    tracker.find.return_value = None
    monkeypatch.setattr("pipeline.audit.Tracker", tracker)
    send_audit(tmp_path / "reports")
    assert tracker.start.call_args.args[1] == "audit pictures equal grouped seed=20"
    assert tracker.start.return_value.log_params.call_args.args[0]["data.name"] == "pictures"


def test_an_audit_without_a_manifest_says_how_to_make_one(tmp_path, monkeypatch, compose_config):
    write_pictures(tmp_path / "pictures", n=1)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"pipeline\.manifest"):
        audit.run(compose_config(*choices(tmp_path / "pictures")))


def test_a_gate_asks_for_an_audit_of_this_version_and_with_a_limit_for_pictures_and_intervals(made, tmp_path):
    audit.run(made())
    path = tmp_path / "reports" / "audit.json"
    content = json.loads(path.read_text())
    training, as_audited = content["parts"]["training"], copy.deepcopy(content["parts"]["training"])

    for probe in (None, {"roc_auc": 0.9, "low": 0.8, "high": 0.95}):
        training["converted"]["probe"] = probe
        path.write_text(json.dumps(content))
        with pytest.raises(UserError, match=r"has no compression_history, content; another version"):
            gate.run(made())

    training |= {"too_few": "5 fake pictures, fewer than 8", "raw": None, "converted": None}
    path.write_text(json.dumps(content))
    gate.run(made())
    with pytest.raises(UserError, match=r"cannot be shown.*5 fake pictures, fewer than 8") as refused:
        gate.run(made(**{"audit.fail_above": 0.9}))
    assert "audit.fail_above=null" in str(refused.value)

    training.clear()
    training |= as_audited
    training["converted"]["probe"][HISTORY] = {"roc_auc": 0.95, "low": None, "high": None}
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"(?s)cannot be shown.*in the pixels \(training.*ROC AUC 0\.95\n"):
        gate.run(made(**{"audit.fail_above": 0.9}))
    gate.run(made(**{"audit.fail_above": 0.96}))
