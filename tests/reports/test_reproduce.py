"""The commands of a report repeat training and evaluation from a fresh clone."""

import shlex
from dataclasses import replace

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from pipeline.reports.reproduce import commands, names_differing, run_facts, settings
from tests.reports.evaluated import BELIEVABLE

DIFFERING = {
    "data.name": "casia",
    "data.root": "/abs/my dir",
    "data.genuine": "/abs/my dir/casia/genuine",
    "data.masks": "/elsewhere",
    "data.collections.casia1.naming.namespace": "casia",
    "data.collections.casia1.role": "train",
    "model._target_": "pipeline.models.srm.build",
    "model.filters": 32,
    "train.patience": None,
    "inputs.augment.scale": [0.6, 1.5],
    "inputs.method": "native",
    "train.monitor": "validation/loss",
}


def repeated(trained, evaluated):
    record = {**BELIEVABLE.record, "commit": "a" * 40, "differing": trained}
    measured = {"commit": "a" * 40, "evaluate": {"robustness": "full"}, "differing": {}} | evaluated
    return replace(BELIEVABLE, record=record, evaluated=measured)


def test_one_run_repeats_both_where_both_were_made_at_one_commit():
    content = repeated(DIFFERING, {"differing": {"evaluate.robustness": "full"}})
    first, prepared, run = commands(content)
    assert first == f"git checkout {'a' * 40}"
    assert prepared.startswith("make .venv/installed")
    assert run == (
        "dvc exp run -S data=casia -S model=srm -S inputs=native -S 'data.root=\"/abs/my dir\"' "
        "-S 'data.masks=\"/elsewhere\"' -S data.collections.casia1.role=train -S model.filters=32 "
        "-S train.patience=null "
        "-S 'inputs.augment.scale=[0.6, 1.5]' -S 'train.monitor=\"validation/loss\"' "
        "-S evaluate.robustness=full"
    )


def test_an_evaluation_by_later_code_is_repeated_by_that_code():
    later = {"commit": "b" * 40, "differing": {"evaluate.robustness": "full"}}
    lines = commands(repeated({"train.epochs": 3}, later))
    assert lines[2:] == [
        "dvc exp run -S train.epochs=3",
        f"git checkout --force {'b' * 40}",
        "python -m pipeline.evaluate train.epochs=3 evaluate.robustness=full",
    ]


def test_the_committed_settings_need_no_choice():
    assert commands(repeated({}, {}))[-1] == "make repro"


def test_an_older_record_names_the_data_and_the_report_says_that_settings_are_not_told_apart():
    assert commands(BELIEVABLE)[-1] == "dvc exp run -S data=casia -S 'data.root=\"/abs/dir\"'"
    assert not names_differing(BELIEVABLE)
    assert names_differing(repeated({}, {}))


@pytest.mark.parametrize("value", ["a,b", "null", "true", "3", "x y", "", "ä=b", None, True, [1, 2], 1e-5])
def test_hydra_reads_the_value_that_was_meant(value):

    content = repeated({"train.key": value}, {})
    *_, said = shlex.split(commands(content)[-1])
    (override,) = OverridesParser.create().parse_overrides([said])
    read = override.value()
    assert (getattr(read, "text", read), override.is_sweep_override()) == (value, False)


def test_both_commits_and_the_settings_of_the_evaluation_are_shown():
    content = repeated({}, {"commit": "b" * 40, "uncommitted_changes": True})
    facts = run_facts(content)
    assert facts["commit of the training"] == "a" * 40
    assert facts["commit of the evaluation"].startswith(f"{'b' * 40}, with uncommitted changes")
    assert settings(content)["evaluate.robustness"] == "full"
