"""A conversion that is killed, or cannot write, leaves what was there; the next one ends as a clean run."""

import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from pipeline.config import Compute
from pipeline.conversion.conversion import convert_pictures
from tests.conftest import running_cluster, wait_until
from tests.images.pictures import EQUAL, digests, draw_photo, list_folder, make_dataset, on_cores, settings

pytestmark = pytest.mark.skipif(os.name == "nt", reason="kills and limits as POSIX has them")


def command(*arguments):
    return [sys.executable, "-m", "tests.conversion.convert_folder", *map(str, arguments)]


def run(*arguments):
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=120)


def start(folder, output, n_done, **options):
    """Start a conversion by two workers, and wait until it has done so many pictures."""
    started = subprocess.Popen(
        command(folder, output, "equal", 2), stderr=subprocess.PIPE, text=True, **options
    )
    wait_until(lambda: len(pictures_in(output)) > n_done)
    return started


def pictures_in(output):
    return list(output.rglob("*.jpg")) if output.exists() else []


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Enough pictures for several processes to take a while."""
    folder = make_dataset(tmp_path_factory.mktemp("many") / "pictures")
    pixels = draw_photo(400, 600)
    for i in range(90):
        label = "genuine" if i % 2 else "fake"
        Image.fromarray(np.roll(pixels, 5 * i, axis=1)).save(folder / label / f"many{i}.tif")
    for i in range(8):  # enough to be donors under the policy `matched`
        options = {"quality": 92, "subsampling": 0} if i % 2 else {"quality": 75, "subsampling": 2}
        Image.fromarray(pixels[i:]).save(folder / f"fake/donor{i}.jpg", **options)
    return folder


@pytest.fixture(scope="module")
def clean_by(many, tmp_path_factory):
    """What one undisturbed run leaves, by policy."""
    found = {}
    for policy in ("equal", "matched"):
        output = tmp_path_factory.mktemp(policy) / "converted"
        convert_pictures(list_folder(many), [], output, settings(policy), on_cores(1))
        found[policy] = digests(output)
    return found


@pytest.fixture
def clean(clean_by):
    return clean_by["equal"]


def children_of(pid):
    listed = subprocess.run(["ps", "-eo", "ppid=,pid="], capture_output=True, text=True, check=True).stdout
    return [int(child) for parent, child in map(str.split, listed.splitlines()) if int(parent) == pid]


def is_running(pid):
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout
    return bool(listed.strip()) and not listed.strip().startswith("Z")


@pytest.mark.parametrize("policy", ["equal", "matched"])
@pytest.mark.parametrize("n_done", [1, 40, 80])
def test_killed_in_the_middle_it_goes_on_and_ends_as_a_clean_run(many, clean_by, tmp_path, policy, n_done):
    output = tmp_path / "converted"
    started = subprocess.Popen(command(many, output, policy, 2))
    wait_until(lambda: len(pictures_in(output)) >= 1)
    workers = children_of(started.pid)  # early: towards the end one may have nothing left to do
    wait_until(lambda: len(pictures_in(output)) >= n_done)
    started.send_signal(signal.SIGKILL)
    started.wait()
    assert len(workers) >= 2
    wait_until(lambda: not any(map(is_running, workers)), 10)
    assert not (output / "files.csv").exists()
    done = {path: path.stat().st_mtime_ns for path in pictures_in(output)}
    again = run(many, output, policy, 2)
    assert again.returncode == 0, again.stderr
    if n_done >= 40:  # the last few may have been in work
        assert any(path.stat().st_mtime_ns == then for path, then in done.items() if path.exists())
    assert digests(output) == clean_by[policy]


def test_interrupted_by_ctrl_c_it_goes_on_too(many, clean, tmp_path):
    output = tmp_path / "converted"
    started = start(many, output, 40, start_new_session=True)
    workers = children_of(started.pid)
    os.killpg(started.pid, signal.SIGINT)  # as a terminal does, to all of them
    _, errors = started.communicate(timeout=30)
    assert started.returncode != 0
    assert errors.count("KeyboardInterrupt") == 1  # the parent's, none of a worker
    assert re.search(r"\d+ of 108 pictures are converted; the next run goes on there", errors)
    wait_until(lambda: not any(map(is_running, workers)), 10)
    assert run(many, output, "equal", 1).returncode == 0
    assert digests(output) == clean


def test_a_worker_ended_from_outside_is_reported_and_the_work_can_go_on(many, clean, tmp_path):
    output = tmp_path / "converted"
    started = start(many, output, 10)
    os.kill(max(children_of(started.pid)), signal.SIGKILL)
    _, errors = started.communicate(timeout=30)
    assert started.returncode == 1
    assert "compute.workers=1" in errors
    assert "Traceback" not in errors
    assert run(many, output, "equal", 1).returncode == 0
    assert digests(output) == clean


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_is_reported_and_leaves_the_earlier_table(many, clean, tmp_path, workers):
    output = tmp_path / "converted"
    convert_pictures(list_folder(many), [], output, EQUAL, on_cores(1))
    failed = run(many, output, "raw", workers, 500_000)  # the larger pictures do not fit, all else does
    assert failed.returncode == 1
    assert "cannot write" in failed.stderr
    assert ".tif" in failed.stderr
    assert "ulimit -f" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert digests(output)["files.csv"] == clean["files.csv"]
    assert not list(output.rglob("*.partial*"))
    convert_pictures(list_folder(many), [], output, EQUAL, on_cores(1))
    assert digests(output) == clean


def test_a_disk_too_full_for_the_journal_and_a_folder_that_may_not_be_written_are_reported(dataset, tmp_path):
    output = tmp_path / "converted"
    failed = run(dataset, output, "raw", 1, 1)
    assert failed.returncode == 1
    assert "cannot write" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert run(dataset, output, "raw", 1).returncode == 0
    before = digests(output)
    (dataset / "fake/f0.jpg").write_bytes((dataset / "fake/f2.tif").read_bytes())
    folders = [tmp_path, *(path for path in output.rglob("*") if path.is_dir()), output]
    for folder in folders:
        folder.chmod(0o555)
    (tmp_path / ".converted.journal").chmod(0o666)
    for folder in [*tmp_path.parents][:3]:
        folder.chmod(0o755)
    try:
        failed = run(dataset, output, "raw", 1, *(["nobody"] if os.geteuid() == 0 else []))
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert failed.returncode == 1
    assert "cannot write" in failed.stderr
    assert "Permission denied" in failed.stderr
    assert "set/fake/f0.jpg" in failed.stderr
    assert digests(output) == before


@pytest.mark.parametrize("policy", ["equal", "matched"])
def test_a_dask_cluster_leaves_what_this_machine_leaves(
    dataset, tmp_path, compose_config, monkeypatch, policy
):
    settings = compose_config(f"convert={policy}", "convert.max_rejected=1").convert
    (dataset / "genuine/broken.jpg").write_bytes((dataset / "genuine/g0.jpg").read_bytes()[:200])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    sources = list_folder(dataset.relative_to(tmp_path))  # relative: the workers live in another folder
    with running_cluster(tmp_path / "elsewhere") as address:
        there = Compute(backend="dask", workers=None, scheduler=address)
        counts = convert_pictures(sources, [], tmp_path / "there", settings, there)
    assert (counts.converted, counts.rejected) == (10, 1)
    assert counts == convert_pictures(sources, [], tmp_path / "here", settings, on_cores(1))
    assert digests(tmp_path / "there") == digests(tmp_path / "here")
