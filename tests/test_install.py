"""The environment that `make` sets up, without a network: locked, hashes compared, mended where damaged."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

PROJECT = """
[project]
name = "small"
version = "1"
dependencies = ["needed==1"]
optional-dependencies = {train = ["trained==1"], app = ["shown==1"]}
[dependency-groups]
docs = []
dev = ["tested==1"]
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
BACKEND = """
import shutil
def build_editable(folder, *_):
    return shutil.copy("wheels/small-1-py3-none-any.whl", folder).rpartition("/")[2]
build_wheel = build_editable
"""


def _wheel(folder, name):
    path = folder / f"{name}-1-py3-none-any.whl"
    information = f"{name}-1.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", "it_is = 'whole'\n")
        wheel.writestr(f"{information}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        wheel.writestr(
            f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        rows = [
            f"{name}.py,,16",
            f"{information}/METADATA,,",
            f"{information}/WHEEL,,",
            f"{information}/RECORD,,",
        ]
        wheel.writestr(f"{information}/RECORD", "\n".join([*rows, ""]))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{name}==1 \\\n    --hash=sha256:{digest}\n"


class Checkout:
    """A project as small as can be, with our Makefile; what it asks for lies in a folder beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "wheels").mkdir(parents=True)
        names = ("needed", "trained", "shown", "tested")
        (folder / "requirements.lock").write_text("".join(_wheel(folder / "wheels", name) for name in names))
        _wheel(folder / "wheels", "small")
        (folder / "pyproject.toml").write_text(PROJECT)
        (folder / "backend.py").write_text(BACKEND)
        for name in ("Makefile", "install.py"):
            shutil.copy(ROOT / name, folder)

    def make(self, target, fails=False, **environment):
        links = str(self.folder / "wheels")
        offline = {"UV_OFFLINE": "1", "UV_NO_INDEX": "1", "UV_FIND_LINKS": links}
        offline |= {
            "UV_CACHE_DIR": str(self.folder / "cache"),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": Path(links).as_uri(),
        }
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        ended = subprocess.run(
            ["make", target, f"PYTHON={sys.executable}"], cwd=self.folder, capture_output=True, text=True,
            env={**os.environ, "PATH": path, **offline, **environment},
        )  # fmt: skip
        assert (ended.returncode != 0) == fails, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    def has(self):
        """Which packages can be imported, and are whole."""
        names = ("needed", "trained", "shown", "tested")
        code = "import importlib, sys; print(importlib.import_module(sys.argv[1]).it_is)"
        python = self.folder / ".venv/bin/python"
        asked = {name: subprocess.run([python, "-c", code, name], capture_output=True) for name in names}
        return [name for name, answer in asked.items() if answer.stdout == b"whole\n"]

    def file_of(self, name):
        return next(self.folder.glob(f".venv/lib/*/site-packages/{name}"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What `make repro` needs, set up."""
    checkout = Checkout(tmp_path_factory.mktemp("install") / "a b")
    checkout.make(".venv/run")
    return checkout


@pytest.fixture
def checkout(made):
    """That, to be changed: it is put back as it was, at its place, which programs and stamps name."""
    aside = made.folder.with_name("aside")
    shutil.copytree(made.folder, aside, symlinks=True)
    yield made
    shutil.rmtree(made.folder)
    aside.rename(made.folder)


def test_parts_add_what_they_need_and_nothing_is_done_twice(checkout):
    assert checkout.has() == ["needed", "trained"]
    assert "up to date" in checkout.make(".venv/run")
    checkout.make(".venv/app")
    assert checkout.has() == ["needed", "trained", "shown"]
    checkout.make(".venv/installed")
    assert checkout.has() == ["needed", "trained", "shown", "tested"]
    assert "install.py" not in checkout.make("repro", fails=True), "all of it has what a run needs"


def test_a_file_that_is_gone_or_cut_off_is_noticed_where_a_run_fails_and_mended(checkout):
    checkout.file_of("trained.py").write_text("it_is")
    checkout.file_of("needed-1.dist-info/RECORD").unlink()
    said = checkout.make("repro", fails=True)  # here because there is no pipeline
    assert "trained" in said
    assert "needed" in said
    assert "the next call of make mends it" in said
    assert not (checkout.folder / ".venv/run").exists()
    assert "trained.py is missing or cut off" in checkout.make(".venv/run")
    assert checkout.has() == ["needed", "trained"]
    assert "damaged" not in checkout.make("repro", fails=True)


def test_an_install_that_was_killed_goes_on(checkout):
    (checkout.folder / ".venv/run").unlink()
    checkout.file_of("trained.py").unlink()
    shutil.rmtree(checkout.file_of("needed-1.dist-info"))
    checkout.make(".venv/run")
    assert checkout.has() == ["needed", "trained"]


def test_an_environment_whose_python_is_gone_or_another_begins_anew(checkout):
    python = checkout.folder / ".venv/bin/python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    checkout.make(".venv/run")
    assert checkout.has() == ["needed", "trained"]
    lib = checkout.file_of("").parent
    lib.rename(lib.with_name("python3.9"))  # as it is after an upgrade
    assert "Python itself" in checkout.make("repro", fails=True)


def test_a_checkout_that_was_moved_has_its_own_programs_again(checkout):
    moved = checkout.folder.with_name("moved")
    shutil.copytree(checkout.folder, moved, symlinks=True)
    there = Checkout.__new__(Checkout)
    there.folder = moved
    there.make(".venv/run")
    assert (moved / ".venv/run").read_text().strip() == str(moved / ".venv")
    assert there.has() == ["needed", "trained"]
    shutil.rmtree(moved)


@pytest.mark.parametrize("uv", ["starts", "does not start"])
def test_a_package_that_is_not_as_the_lock_says_is_refused(checkout, uv, tmp_path):
    path = {} if uv == "starts" else _broken_uv(tmp_path)
    lock = checkout.folder / "requirements.lock"
    lock.write_text(re.sub(r"(shown.*\n.*sha256:)........", r"\g<1>00000000", lock.read_text()))
    assert "hash" in checkout.make(".venv/app", fails=True, **path).lower()
    assert not (checkout.folder / ".venv/app").exists()


def _broken_uv(folder):
    (folder / "uv").write_text("#!/bin/sh\nexit 127\n")
    (folder / "uv").chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}/usr/local/bin:/usr/bin:/bin"}


def test_where_uv_does_not_start_pip_installs(checkout, tmp_path):
    (checkout.folder / ".venv/run").unlink()
    checkout.make(".venv/run", **_broken_uv(tmp_path))
    assert checkout.has() == ["needed", "trained", "shown", "tested"]


def test_each_dependency_and_each_group_is_in_the_lock():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    locked = {
        line.partition("==")[0] for line in (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    }
    groups = [*project["project"]["optional-dependencies"].values(), *project["dependency-groups"].values()]
    names = [each for group in [project["project"]["dependencies"], *groups] for each in group]
    assert {name.partition("[")[0].partition(">")[0].partition("=")[0].lower() for name in names} <= locked
