"""A package knows only what stands to its left; dvc.yaml and pytest's collection are what they should be."""

import os
import re
import subprocess
import sys

import pytest
import yaml

from pipeline.config import TABLES, TRAINING, USED_AGAIN
from tests.source_imports import PACKAGE, ROOT, closure, deps_of, imports_of, our_files

BASE = ["__init__", "errors", "surroundings", "storage", "checking", "config_data", "config", "parallel"]
PACKAGES = [
    "images", "evidence", "conversion", "datasets", "forgery", "inputs", "models", "detector", "training",
    "evaluation", "examination", "screening", "auditing", "reports", "web",
]  # fmt: skip
STAGES = [
    "params", "sample", "convert", "manifest", "measure", "audit", "gate", "train", "calibrate", "evaluate",
]  # fmt: skip
COMMANDS = [
    "experiment", "repro", "search", "predict", "examine", "app", "screen", "score", "compare", "promote",
    "runs", "summary",
]  # fmt: skip
ORDER = {name: index for index, name in enumerate(BASE + PACKAGES)}


def _room(path):
    """Return the package, or the module at the root, that a file belongs to."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def test_packages_import_only_to_their_left():
    broken = [
        f"{path.relative_to(PACKAGE)} imports {target.relative_to(PACKAGE)}"
        for path in our_files()
        for target in imports_of(path)
        if _room(path) in ORDER
        and _room(path) != _room(target)
        and ORDER.get(_room(target), len(ORDER)) >= ORDER[_room(path)]
    ]
    assert not broken, broken


def test_the_picture_of_the_house_shows_every_room():
    """python -m benchmarks.house --picture docs/images/house.svg draws it anew."""
    drawn = re.findall(r">([a-z0-9_]+)</text>", (ROOT / "docs/images/house.svg").read_text(encoding="utf-8"))
    rooms = {path.parent.name for path in our_files()} - {"pipeline", "layers"}
    files = [path.stem for path in our_files() if path.name != "__init__.py"]
    assert sorted(drawn) == sorted([*files, *rooms])


def test_stages_do_not_import_one_another():
    broken = [
        f"{stage} imports {_room(target)}"
        for stage in STAGES
        for target in imports_of(PACKAGE / f"{stage}.py")
        if _room(target) in set(STAGES + COMMANDS) - {stage}
    ]
    assert not broken, broken


def test_no_cycles_between_files():
    broken = [
        str(path.relative_to(PACKAGE))
        for path in our_files()
        if path.name != "__init__.py"
        and any(path in closure(target) for target in imports_of(path) if target.name != "__init__.py")
    ]
    assert not broken, broken


def test_only_tracking_imports_mlflow():
    words = re.compile("(import|from) mlflow")
    importing = [path.name for path in our_files() if words.search(path.read_text(encoding="utf-8"))]
    assert importing == ["registry.py", "run_store.py", "tracking.py"]


def test_packages_know_nothing_of_hydra_dvc_and_the_environment():
    words = ("import hydra", "from hydra", "import dvc", "os.environ", "sys.argv", "argparse")
    broken = [
        f"{path.relative_to(PACKAGE)}: {word}"
        for path in our_files()
        if _room(path) in PACKAGES
        for word in words
        if word in path.read_text(encoding="utf-8")
    ]
    assert not broken, broken


# dvc.yaml: what its stages depend on is what they really import.

DVC = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
MODULES = {"snapshot": "params"}  # the others are called as their module


@pytest.mark.parametrize("stage", DVC)
def test_a_stage_depends_on_every_room_of_ours_that_it_imports(stage):
    listed = [each for each in DVC[stage]["deps"] if str(each).startswith("pipeline")]
    assert listed == deps_of(stage, MODULES.get(stage, stage))


@pytest.mark.parametrize("stage", [name for name in DVC if name not in MODULES])
def test_a_stage_depends_on_the_templates_that_it_fills(stage):
    fills = PACKAGE / "reports" / "rendering.py" in closure(PACKAGE / f"{stage}.py")
    assert fills == ("pipeline/reports" in DVC[stage]["deps"])


def test_an_edit_of_a_metric_trains_nothing():
    deps = DVC["train"]["deps"]
    assert not [each for each in deps if each.startswith(("pipeline/evaluation", "pipeline/auditing"))]


def test_what_a_training_depends_on_is_listed_once():
    assert set(DVC["train"]["params"]) == {*USED_AGAIN, *TRAINING}
    assert set(DVC["manifest"]["params"]) == set(TABLES)


def test_what_we_keep_dvc_leaves_alone_and_all_else_comes_from_its_run_cache():
    kept = {
        name
        for name, stage in DVC.items()
        for out in [*stage.get("outs", []), *stage.get("metrics", [])]
        if isinstance(out, dict) and next(iter(out.values())).get("persist")
    }
    assert kept == {"snapshot", "pictures", "convert", "gate", "train", "calibrate"}


# Two processes run the tests, so each must collect the same ones in the same order, on every machine.


def _collected(**environment):
    """The ids that pytest lists, and when it did: seconds apart, the clock is another each time."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-p", "no:cacheprovider"]
    answer = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return [line for line in answer.stdout.splitlines() if "::" in line]


def test_every_collection_is_the_same():
    first = _collected(PYTHONHASHSEED="1", TZ="Asia/Tokyo", LC_ALL="C")
    assert first
    assert first == _collected(PYTHONHASHSEED="2", TZ="America/Lima", LC_ALL="C.UTF-8", COLUMNS="40")
    assert len(first) == len(set(first))
