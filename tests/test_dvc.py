"""dvc.yaml: what its stages depend on is what they really import."""

import pytest
import yaml

from pipeline.config import TABLES, TRAINING, USED_AGAIN
from tests.source_imports import PACKAGE, ROOT, closure, deps_of

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
MODULES = {"snapshot": "params"}  # the others are called as their module


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_every_room_of_ours_that_it_imports(stage):
    listed = [each for each in STAGES[stage]["deps"] if str(each).startswith("pipeline")]
    assert listed == deps_of(stage, MODULES.get(stage, stage))


@pytest.mark.parametrize("stage", [name for name in STAGES if name not in MODULES])
def test_a_stage_depends_on_the_templates_that_it_fills(stage):
    fills = PACKAGE / "reports" / "rendering.py" in closure(PACKAGE / f"{stage}.py")
    assert fills == ("pipeline/reports" in STAGES[stage]["deps"])


def test_an_edit_of_a_metric_trains_nothing():
    deps = STAGES["train"]["deps"]
    assert not [each for each in deps if each.startswith(("pipeline/evaluation", "pipeline/auditing"))]


def test_what_a_training_depends_on_is_listed_once():
    assert set(STAGES["train"]["params"]) == {*USED_AGAIN, *TRAINING}
    assert set(STAGES["manifest"]["params"]) == set(TABLES)


def test_a_stage_keeps_its_earlier_result_while_it_runs():
    for name, stage in STAGES.items():
        for out in [*stage.get("outs", []), *stage.get("metrics", [])]:
            (options,) = out.values()
            assert options.get("persist"), f"{name}: DVC would delete {out} before the stage runs"
