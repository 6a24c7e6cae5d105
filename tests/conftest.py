"""Shared by all tests: the composed configuration, and where the real pictures are."""

import contextlib
import gc
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import filelock
import hypothesis
import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from benchmarks.killed import copy_files
from pipeline.config import validate

ROOT = Path(__file__).parents[1]

# Test processes share two cores: threads of OpenMP (gradient boosting) that spin while they wait took twenty
# times the work itself. And what is compiled once is kept. Programs that tests start inherit both.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# `make test &` begins with SIGINT ignored, which programs hand on: those that tests start are to hear Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def left_open_by_others():
    """Let go of sockets and event loops that Gradio and Jupyter leave open, before other tests hear of it."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def pytest_make_parametrize_id(val, argname):
    """Refuse a parameter whose id would be its bytes, or a number counted up: `ids=` gives it a name.

    Two processes run the tests, and each must collect the same ids, whatever the clock, the hash seed and the
    machine.
    """
    if val is None or callable(val) or isinstance(val, str | int | float | complex | type):
        return None  # pytest's own id says it
    try:
        return json.dumps(val)  # lists and dictionaries of such
    except TypeError:
        pass
    raise pytest.UsageError(f"{argname}: {type(val).__name__} has no id of its own; name it by ids=[…]")


def pytest_collection_modifyitems(items):
    """Whole programs first, which take longest: what comes last is short, and keeps all processes busy."""
    items.sort(key=lambda item: item.path.parent != ROOT / "tests")


# How long an example takes on a shared machine says nothing.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture
def compose_config():
    """Compose conf/ with overrides and check it, as every command does."""

    def composed(*overrides):
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            return validate(compose("config", overrides=list(overrides)))

    return composed


@pytest.fixture
def mixed_policy():
    """Mixed precision for what is built in the test."""
    import keras

    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture
def composed_values():
    """conf/ composed to plain values, to be changed and checked."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return OmegaConf.to_container(compose("config"), resolve=True)


@pytest.fixture(scope="session")
def real_pictures():
    """The folder of real pictures, where there is one beside the checkout."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real pictures at {folder}")
    return folder


TINY = {
    "conf/sample/default.yaml": {"genuine": 30, "fake": 30, "width": 96, "height": 64},
    "conf/inputs/resized.yaml": {"height": 32, "width": 32},
    "conf/inputs/native.yaml": {"height": 32, "width": 32, "views": 2},
    "conf/model/dct.yaml": {"filters": 8, "weights": None},
    "conf/train/default.yaml": {"epochs": 2, "batch_size": 16},
    "conf/data_model_train/sample_dct_default.yaml": {"train": {"epochs": 2, "learning_rate": 0.001}},
    "conf/evaluate/default.yaml": {"bootstrap": 100},
    "conf/audit/default.yaml": {"bootstrap": 100, "folds": 2},
}


def copy_repository(target: Path, tiny: bool = True) -> Path:
    """Copy what git tracks or would track to `target`, `tiny` with a configuration that runs in seconds."""
    copy_files(target)
    for name, values in TINY.items() if tiny else ():
        edit_yaml(target / name, values)
    return target


def edit_yaml(path: Path, values: dict) -> None:
    """Change top-level values of a file in conf/; its comments are lost."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    head = "# @package _global_\n" if "@package _global_" in path.read_text(encoding="utf-8") else ""
    path.write_text(head + yaml.safe_dump({**content, **values}, sort_keys=False), encoding="utf-8")


class Repository:
    """A copy of the repository in which commands are run as a person runs them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *command: str, fails: bool = False, **environment: str) -> str:
        """Run a command; return its output; it must succeed, or fail with status other than 0."""
        ended = self._ended(command, **environment)
        output = ended.stdout + ended.stderr
        assert (ended.returncode != 0) == fails, f"{command} ended with {ended.returncode}:\n{output}"
        return output

    def stage(self, name: str, *arguments: str, fails: bool = False, **environment: str) -> str:
        """Run one of our commands as `run` does."""
        return self.run(sys.executable, "-m", f"pipeline.{name}", *arguments, fails=fails, **environment)

    def answer(self, script: str) -> Any:
        """Run Python code that prints JSON as its last line; return that."""
        ended = self._ended([sys.executable, "-c", script])
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout.splitlines()[-1])

    def _ended(self, command: Sequence[str], **environment: str) -> subprocess.CompletedProcess[str]:
        environment = self.environment(**environment)
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)

    def environment(self, **extra: str) -> dict[str, str]:
        """Return that of a fresh shell, with the Python of the tests in front."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "MLFLOW_"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        # The copy, not the checkout that is installed, is the code that runs.
        return {**kept, "PATH": path, "PYTHONPATH": str(self.folder), **extra}

    def json(self, name: str) -> dict:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))


def new_repository(folder: Path, tiny: bool = True) -> Repository:
    """A copy of the repository with one commit."""
    repository = Repository(copy_repository(folder, tiny))
    repository.stage("params", "write")
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    repository.run("git", "init", "-q")
    repository.run("git", "add", "-A")
    repository.run("git", *identity, "commit", "-qm", "copy")
    return repository


@pytest.fixture(scope="session")
def made_once(tmp_path_factory, worker_id):
    """Call `make(folder)` once for all processes of pytest-xdist; give the folder and what it returned."""
    every = tmp_path_factory.getbasetemp()
    every = every if worker_id == "master" else every.parent

    def made(name: str, make: Callable[[Path], Any]) -> tuple[Path, Any]:
        folder, returned = every / name, every / f"{name}.json"
        with filelock.FileLock(every / f"{name}.lock"):
            if not returned.is_file():
                shutil.rmtree(folder, ignore_errors=True)  # of a process in which it failed
                folder.mkdir()
                returned.write_text(json.dumps(make(folder)), encoding="utf-8")
        return folder, json.loads(returned.read_text(encoding="utf-8"))

    return made


@pytest.fixture(scope="session")
def reproduced(made_once, tmp_path_factory):
    """A tiny copy of the repository after `dvc repro`; tests must leave its results as they are.

    It knows what DVC said, and the seconds that it took.
    """

    def reproduce(folder):
        repository = new_repository(folder / "repository")
        began = time.monotonic()
        output = repository.run("dvc", "repro")
        return {"output": output, "seconds": time.monotonic() - began}

    once, known = made_once("reproduced", reproduce)
    copy = copy_of(Repository(once / "repository"), tmp_path_factory.mktemp("reproduced") / "repository")
    vars(copy).update(known)
    return copy


def copy_of(repository: Repository, folder: Path) -> Repository:
    """Copy a repository with its results; the MLflow store of the copy is its own."""
    copy = Repository(shutil.copytree(repository.folder, folder, symlinks=True))
    copy.stage("runs", "relocate", "--from", str(repository.folder))
    return copy


@pytest.fixture
def own_copy(reproduced, tmp_path):
    """A copy of `reproduced` that a test may change."""
    return copy_of(reproduced, tmp_path / "repository")


def wait_until(happened: Callable[[], object], seconds: float = 60.0, pause: float = 0.005) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(pause)


@contextlib.contextmanager
def running_cluster(folder, workers=2):
    """Start a scheduler and workers over loopback, in another folder than ours; give the address."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    scheduler = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", "0", "--no-dashboard"],
        cwd=folder, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    crew = []
    try:
        address = next(found[0] for line in scheduler.stderr if (found := re.search(r"tcp://[\d.:]+", line)))
        for number in range(workers):
            command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1"]
            crew.append(
                subprocess.Popen(
                    [*command, "--no-dashboard", "--local-directory", f"{folder}/worker{number}"],
                    cwd=folder, env=environment, stderr=subprocess.DEVNULL, start_new_session=True,
                )
            )  # fmt: skip
        yield address
    finally:
        for process in (*crew, scheduler):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        scheduler.stderr.close()
