"""What a run leaves and what no mistake takes away: `pipeline.repro`, `dvc exp run`, stages run by hand."""

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys

import psutil
import pytest
import yaml
from PIL import Image

from pipeline.composition import composed_text, differing
from pipeline.config import TABLES, TRAINING, validate
from pipeline.conversion.journal import journal_path
from pipeline.conversion.set_aside import MOST as MOST_ASIDE
from pipeline.conversion.set_aside import converting
from pipeline.errors import UserError
from pipeline.params import check_folders
from pipeline.reports.reproduce import _settings
from pipeline.repro import EMPTY_LOCK, RUNNING, choices, forget_ended, renew_torn_lock
from pipeline.training import finished
from pipeline.training.finished import MOST, Finished
from tests.conftest import ROOT, Repository, copy_of, new_repository, wait_until

# Folders, as they are written on a command line.


@pytest.mark.parametrize(
    "root",
    [
        "/Anna's photos",
        '/a "b"',
        "/photos$/set",
        "/a,b=c",
        "/[1] {2}",
        "/back\\slash",
        "/end\\",
        "/ä ö",
        "/#1",
    ],
)
def test_any_folder_is_taken_as_it_is_written(root):
    composed = yaml.safe_load(composed_text(overrides=choices("", root, "", [])))
    assert composed["data"]["root"] == root
    assert composed["data"]["name"] == "folders"


@pytest.mark.parametrize("root", ["/Anna's photos", "/photos$/set", "/photos$(x)", "/a`b`", "/two  blanks"])
def test_make_hands_a_folder_over_as_it_is_written(root, tmp_path):
    """`make` calls the Python below BIN: here a program that writes down its arguments."""
    said = tmp_path / "arguments"
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nfor each; do echo "$each"; done > {said}\n')
    python.chmod(0o755)
    command = ["make", "-o", ".venv/installed", f"BIN={python.parent}", "repro", f"ROOT={root}"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    assert root in said.read_text().splitlines()


def test_folders_are_those_of_the_shell(monkeypatch, tmp_path):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("HOME", str(tmp_path))

    def root(given):
        return yaml.safe_load(composed_text(overrides=choices("", given, "", [])))["data"]["root"]

    assert root("~/x") == f"{tmp_path}/x"
    assert root("../x") == f"{ROOT.parent}/x"
    assert root("sub/../x") == "x"
    assert root(f"{ROOT}/data/mine") == "data/mine"  # so that a copy of the repository finds it as well


def test_a_reference_in_the_name_of_a_folder_is_refused_and_an_address_is_called_one():
    with pytest.raises(UserError, match="reference to another value"):
        choices("", "/photos/${seed}", "", [])
    chosen = choices("", "https://example.com/x", "", [])
    with pytest.raises(UserError, match="x, an address"):
        check_folders(validate(yaml.safe_load(composed_text(overrides=chosen))))


REPEATED = [
    ["experiment=classic"],
    ["model=cnn", "train=smoke"],
    ["model=cnn", "train=default"],
    ["model=cnn", "train.learning_rate=0.002"],
    ["model=srm", "inputs=native", "decision.unsure=null", "seed=3"],
    ["data=folders", "data.root=/x/y", "data.known_groups=/x/y/g.csv"],
    ["data=folders", "data.genuine=/a", "data.fake=/b/c", "data.collections.folders.mask_background=[white]"],
    ["experiment=casia", "data.root=/x", "data.collections.casia1.role=test", "convert=raw"],
]


@pytest.mark.parametrize("chosen", REPEATED, ids=" ".join)
def test_the_settings_that_a_report_names_give_the_same_run(chosen):
    """Choices of files bring settings of their own, so a value may have to be named that is the usual one."""
    settings = validate(yaml.safe_load(composed_text(overrides=chosen)))
    standard = validate(yaml.safe_load(composed_text()))
    parts = ("sample", *TABLES, *TRAINING, "calibration", "decision")
    used = settings.choose(*parts)
    named = differing(used, standard.model_dump())
    command = shlex.split(" ".join(_settings({"differing": named})))
    again = validate(yaml.safe_load(composed_text(overrides=command)))
    assert again.choose(*parts) == used


def test_data_and_recipes_that_are_named_stay():
    assert choices("casia", "/r", "", [])[0] == "data=casia"
    recipe = choices("", "/r", "casia", [])
    assert [each.partition("=")[0] for each in recipe] == ["experiment", "data.root"]
    assert "data=folders" in choices("", "/r", "classic", [])


def test_a_checkout_with_windows_line_ends_changes_no_file():
    """The shell, make and hashes read them: `core.autocrlf` of a machine must not count."""
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True).stdout
    told = subprocess.run(
        ["git", "check-attr", "-z", "--stdin", "eol"], cwd=ROOT, input=files, capture_output=True, text=True
    ).stdout.split("\0")
    assert not [name for name, eol in zip(told[::3], told[2::3], strict=False) if eol != "lf"]


# What convert and train keep.


def _convert(output, settings, content):
    with converting(output, settings):
        output.mkdir(exist_ok=True)
        if not (output / "a").is_file():
            (output / "a").write_text(content)
            journal_path(output).write_text(content)


def test_what_was_converted_of_other_data_is_there_again(tmp_path):
    output = tmp_path / "converted"
    _convert(output, {"data": 1}, "one")
    _convert(output, {"data": 2}, "two")
    assert (output / "a").read_text() == "two"
    _convert(output, {"data": 1}, "not done again")
    assert (output / "a").read_text() == journal_path(output).read_text() == "one"


def test_a_conversion_that_fails_leaves_what_was_there(tmp_path):
    output = tmp_path / "converted"
    _convert(output, {"data": 1}, "one")
    with pytest.raises(KeyboardInterrupt), converting(output, {"data": 2}):
        output.mkdir()
        (output / "half").write_text("")
        raise KeyboardInterrupt
    assert [path.name for path in output.iterdir()] == ["a"]
    with converting(output, {"data": 2}):
        assert (output / "half").is_file(), "it goes on where it was"


def test_only_the_last_conversions_wait(tmp_path):
    output = tmp_path / "converted"
    for number in range(MOST_ASIDE + 3):
        _convert(output, {"data": number}, str(number))
    assert len(list(tmp_path.glob(".converted.*.aside"))) == MOST_ASIDE
    assert len(list(tmp_path.glob(".*journal"))) == MOST_ASIDE + 1


RECORD = {"run_id": "a", "started": "2026-11-29", "config": {}}


@pytest.fixture
def trained(tmp_path):
    folder = tmp_path / "models" / "trained"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(RECORD))
    (folder / "detector.keras").write_bytes(b"\0 weights")
    return folder


def test_a_finished_training_is_put_back_to_the_bit(compose_config, trained, tmp_path):
    kept = Finished(compose_config(), {"train": "x"}, tmp_path)
    assert not kept.exists()
    kept.keep(trained)
    # A decision and what it is taken on come after it.
    after = ("decision.unsure=null", "calibration=cameras", "calibration.tampered=3")
    again = Finished(compose_config(*after), {"train": "x"}, tmp_path)
    assert again.exists()
    (tmp_path / "other").mkdir()
    assert again.put_back(tmp_path / "other") == RECORD
    assert {path.name: path.read_bytes() for path in (tmp_path / "other").iterdir()} == {
        path.name: path.read_bytes() for path in trained.iterdir()
    }
    (again.folder / "run.json").write_text('{"run_id": "a"}')
    with pytest.raises(UserError, match=r"run\.json is broken.*no 'started'\); delete "):
        again.put_back(tmp_path / "other")


@pytest.mark.parametrize("override", ["train.epochs=4", "model=srm", "seed=3", "train.save_h5=false"])
def test_another_training_is_another(compose_config, override):
    assert Finished(compose_config(override), {}).folder != Finished(compose_config(), {}).folder


def test_other_tables_or_other_code_are_another_training(compose_config, monkeypatch):
    folders = {Finished(compose_config(), tables).folder for tables in ({"train": "x"}, {"train": "y"})}
    monkeypatch.setattr(finished, "_code_digest", lambda: "edited")
    assert len({*folders, Finished(compose_config(), {"train": "x"}).folder}) == 3


def test_the_oldest_trainings_are_forgotten(compose_config, trained, tmp_path):
    for number in range(MOST + 2):
        Finished(compose_config(), {"train": str(number)}, tmp_path).keep(trained)
    assert len(list((tmp_path / ".trained").iterdir())) == MOST
    assert Finished(compose_config(), {"train": str(MOST + 1)}, tmp_path).exists()


# The lock.

WHOLE = EMPTY_LOCK.replace("{}", "\n  sample:\n    cmd: python -m pipeline.sample")


@pytest.mark.parametrize("left", [0, 5, 12, 30, len(WHOLE)])
def test_a_lock_that_was_cut_off_while_dvc_wrote_it_begins_anew(left, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.lock").write_text(WHOLE[:left], encoding="utf-8")
    renew_torn_lock()
    kept = (tmp_path / "dvc.lock").read_text(encoding="utf-8")
    assert kept == (WHOLE if left == len(WHOLE) else EMPTY_LOCK)


@pytest.mark.parametrize("left", ["", "{", '{"/a": {"write": {"pid": 1'])
def test_dvcs_list_of_what_it_is_at_is_removed_where_it_was_cut_off(left, tmp_path, monkeypatch):
    """A stage that was killed at this moment left an empty file, and no later `make repro` got past it."""
    monkeypatch.chdir(tmp_path)
    forget_ended()  # there is none yet
    RUNNING.parent.mkdir(parents=True)
    RUNNING.write_text(left)
    forget_ended()
    assert not RUNNING.exists()


@pytest.mark.skipif(os.name == "nt", reason="a status nobody has asked for, as POSIX has it")
@pytest.mark.parametrize("kind", ["write", "read"])
def test_what_ended_processes_of_dvc_were_at_is_forgotten(kind, tmp_path, monkeypatch):
    """In a container nobody asks how a killed one ended, and DVC waited for it for ever."""
    monkeypatch.chdir(tmp_path)
    RUNNING.parent.mkdir(parents=True)
    command = [sys.executable, "-c", "input()", "dvc"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        holder = {"pid": process.pid, "cmd": "dvc repro"}
        text = json.dumps({"/data/manifest": {kind: holder if kind == "write" else [holder]}})
        RUNNING.write_text(text)
        wait_until(lambda: "dvc" in psutil.Process(process.pid).cmdline())
        forget_ended()
        assert RUNNING.read_text() == text
        process.kill()
        wait_until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
        forget_ended()
        assert not RUNNING.exists()


# Whole runs.


def test_the_committed_lock_names_no_output():
    """It says what lies in one working tree; `dvc exp run` would delete there what it does not name."""
    committed = subprocess.run(["git", "show", "HEAD:dvc.lock"], cwd=ROOT, capture_output=True, text=True)
    assert committed.stdout == EMPTY_LOCK


QUICK = (
    "model=cnn", "inputs=resized", "inputs.height=64", "inputs.width=64", "train=smoke", "audit.folds=2",
    "audit.bootstrap=100", "evaluate.bootstrap=100", "evaluate.robustness=null",
)  # fmt: skip


@pytest.fixture(scope="module")
def run(made_once, tmp_path_factory):
    """A fresh clone after its first run, with pictures of somebody beside it."""

    def first(folder):
        origin = new_repository(folder / "origin")
        origin.run("git", "clone", "-q", ".", str(folder / "clone"))
        for number in range(28):
            name = folder / "own" / ("genuine", "fake")[number % 2] / f"{number}.png"
            name.parent.mkdir(parents=True, exist_ok=True)
            Image.effect_noise((72, 64), 40 + number).convert("RGB").save(name)
        return Repository(folder / "clone").stage("repro", *QUICK)

    folder, output = made_once("first", first)
    clone = copy_of(Repository(folder / "clone"), tmp_path_factory.mktemp("first") / "clone")
    clone.output, clone.made = output, folder / "clone"
    clone.own = ("--root", str(folder / "own"), *QUICK)
    return clone


def _state(repository):
    names = ("models", "reports", "data/converted", "data/manifest")
    found = [path for name in names for path in sorted((repository.folder / name).rglob("*"))]
    # What was measured for other decisions is kept beside them.
    files = [path for path in found if path.is_file() and path.name != "scores.csv"]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _changes(repository):
    return repository.run("git", "status", "--porcelain")


@pytest.mark.slow
def test_a_first_run_leaves_git_clean_and_a_report_that_can_be_repeated(run):
    assert _changes(run) == ""
    record = run.json("models/trained/run.json")
    assert record["uncommitted_changes"] is False
    card = (run.folder / "reports/MODEL_CARD.md").read_text("utf-8")
    assert "uncommitted" not in card
    assert "python -m pipeline.repro model=cnn" in card
    assert "dvc exp apply sample-cnn-" in run.output


@pytest.mark.slow
def test_what_was_trained_once_is_restored_and_an_experiment_had_back(run):
    before = _state(run)
    name = run.output.partition("dvc exp apply ")[2].split()[0]
    own = run.stage("repro", *run.own)
    assert "Running stage 'train'" in own
    assert "not drawn, the data are folders" in own
    assert _changes(run) == ""
    back = run.stage("repro", *QUICK)
    assert "trained before" in back
    assert "Stage 'sample' is cached" in back
    assert "Stage 'evaluate' is cached" in back
    assert _state(run) == before

    decided = run.stage("repro", *QUICK, "decision.false_alarms=0.05")
    assert "Running stage 'calibrate'" in decided
    assert "Running stage 'train'" not in decided
    assert "Running stage 'measure'" not in decided
    assert _state(run) != before
    run.run(sys.executable, "-m", "dvc", "exp", "apply", name)
    assert _state(run) == before


@pytest.fixture
def by_hand(run, made_once, tmp_path):
    """That clone after stages run by hand, of which `dvc.lock` knows nothing; a test may change it."""

    def other(folder):
        clone = copy_of(Repository(run.made), folder / "clone")
        for stage in ("convert", "manifest", "measure", "train", "calibrate", "evaluate"):
            clone.stage(stage, *QUICK, "train.learning_rate=0.01")

    folder, _ = made_once("by_hand", other)
    return copy_of(Repository(folder / "clone"), tmp_path / "clone")


@pytest.mark.slow
@pytest.mark.parametrize("lock", ["as it is", "checked out", "of an earlier run"])
def test_an_experiment_with_a_mistake_takes_nothing_away(run, by_hand, lock):
    if lock == "checked out":
        by_hand.run("git", "update-index", "--no-skip-worktree", "dvc.lock")
        by_hand.run("git", "checkout", "dvc.lock")
    elif lock == "of an earlier run":
        shutil.copy(run.made / "dvc.lock", by_hand.folder)
    before = _state(by_hand)
    said = by_hand.run(
        sys.executable, "-m", "dvc", "exp", "run", "-S", "data=folders", "-S", "data.root=/no", fails=True
    )
    assert "there is no such folder" in said
    assert _state(by_hand) == before


@pytest.mark.slow
def test_mistakes_are_answered_before_dvc_is_called(run):
    before = _changes(run)
    for wrong in (["--root", "/nowhere"], ["train.epoch=3"], ["--data", "casai"], ["train.epochs=many"]):
        said = run.stage("repro", *wrong, fails=True)
        assert "Traceback" not in said
        assert "stage" not in said.lower().replace("stages", "")
    assert _changes(run) == before


@pytest.mark.slow
def test_one_stage_in_a_fresh_clone_ends_well_without_an_activated_environment(run, tmp_path):
    run.run("git", "clone", "-q", ".", str(tmp_path / "clone"))
    clone = type(run)(tmp_path / "clone")
    (clone.folder / ".venv").symlink_to(sys.prefix)
    bare = clone.environment(PATH="/usr/local/bin:/usr/bin:/bin")
    command = [".venv/bin/python", "-m", "dvc", "exp", "run", "-S", "sample.genuine=8", "convert"]
    answer = subprocess.run(command, cwd=clone.folder, env=bare, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert (clone.folder / "data/converted/files.csv").is_file()
