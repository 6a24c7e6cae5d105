"""dvc.yaml: what its stages depend on is what they really import."""

import re

import pytest
import yaml

from pipeline.config import TABLES, TRAINING, USED_AGAIN
from tests.source_imports import PACKAGE, ROOT, closure

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
MODULES = {"snapshot": "params"}  # the others are called as their module


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_every_file_of_ours_that_it_imports(stage):
    needed = {path.relative_to(ROOT) for path in closure(PACKAGE / f"{MODULES.get(stage, stage)}.py")}
    listed = [ROOT / each for each in STAGES[stage]["deps"] if str(each).startswith("pipeline")]
    covered = {
        path.relative_to(ROOT)
        for each in listed
        for path in ([each] if each.is_file() else each.rglob("*.py"))
        if path.suffix == ".py"
    }
    assert all(each.exists() for each in listed)
    assert needed - covered == set(), "imported, but not in deps"
    files = {path.relative_to(ROOT) for path in listed if path.is_file() and path.suffix == ".py"}
    assert files - needed == set(), "in deps, but not imported"
    packages = [path.relative_to(ROOT) for path in listed if path.is_dir()]
    assert all(any(path.is_relative_to(package) for path in needed) for package in packages)


@pytest.mark.parametrize("stage", [name for name in STAGES if name not in MODULES])
def test_a_stage_depends_on_every_template_that_it_fills(stage):
    folder = PACKAGE / "reports" / "templates"
    waiting, needed = sorted(closure(PACKAGE / f"{stage}.py")), set()
    while waiting:
        text = waiting.pop().read_text(encoding="utf-8")
        named = {folder / name for name in re.findall(r'(?:render\(|extends|include|from)\s*"(\S+?)"', text)}
        found = {path for path in named if path.is_file()} - needed
        needed |= found
        waiting += sorted(found)
    listed = {ROOT / each for each in STAGES[stage]["deps"] if "/templates/" in str(each)}
    whole = "pipeline/reports" in STAGES[stage]["deps"]
    assert (needed if whole else listed) == needed
    assert not (whole and listed)


def test_what_a_training_depends_on_is_listed_once():
    assert set(STAGES["train"]["params"]) == {*USED_AGAIN, *TRAINING}
    assert set(STAGES["manifest"]["params"]) == set(TABLES)


def test_a_stage_keeps_its_earlier_result_while_it_runs():
    for name, stage in STAGES.items():
        for out in [*stage.get("outs", []), *stage.get("metrics", [])]:
            (options,) = out.values()
            assert options.get("persist"), f"{name}: DVC would delete {out} before the stage runs"
