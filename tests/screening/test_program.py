"""`python -m pipeline.screen` as a person starts it, stops it, kills it and starts it again."""

import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import pandas as pd
import pytest
from PIL import Image

from pipeline.screening.ledger import LEDGER
from tests.conftest import ROOT, running_cluster
from tests.images.pictures import draw_photo

HEAVY = ("tensorflow", "keras", "hydra", "mlflow", "matplotlib", "sklearn", "dvc", "rich")


def start(archive, models, folder, *options, **how):
    command = [sys.executable, "-m", "pipeline.screen", str(archive), "--models", str(models), *options]
    return subprocess.Popen(
        command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how,
    )  # fmt: skip


def run(*arguments, **how):
    with start(*arguments, **how) as process:
        out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def table(output):
    return pd.read_parquet(output / "answers").set_index("path").sort_index()


def test_an_archive_from_the_command_line_and_again(archive, models, tmp_path):
    status, out, err = run(archive, models, tmp_path, "--workers", "1", "--false-alarms", "0.05")
    assert (status, "Traceback" in err) == (0, False), err
    assert err.startswith("detector ")
    assert "5.0% false alarms" in err
    assert out.startswith("16 pictures: ")
    assert out.endswith("answers  screened/scans/answers\npage     screened/scans/screening.html\n")
    output = tmp_path / "screened" / "scans"
    summary = json.loads((output / "summary.json").read_text())
    assert summary["expected"]["rate"] == 0.05
    page = (output / "screening.html").stat().st_mtime_ns
    status, out, err = run(archive, models, tmp_path, "--false-alarms", "0.05")
    assert (status, out.splitlines()[0]) == (0, "Nothing is new: every picture has its answer.")
    assert (output / "screening.html").stat().st_mtime_ns == page
    status, out, err = run(archive, models, tmp_path)
    assert (status, out) == (1, "")
    assert "error: screened/scans holds a screening by detector" in err
    assert "at a false-alarm rate of 0.05" in err


def test_nothing_of_training_is_imported(models, tmp_path):
    script = f"""
import runpy, sys
sys.argv = ["screen", {str(tmp_path / "scans")!r}, "--models", {str(models)!r}, "--workers", "1", "--maps"]
runpy.run_module("pipeline.screen", run_name="__main__")
import pipeline.screening.looking
print([each for each in {HEAVY!r} if each in sys.modules])
"""
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "empty.jpg").write_bytes(b"")
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ended.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("room", [8_192, 30_000], ids=["for no ledger", "for no page"])
def test_a_full_disk_is_said_and_with_room_it_goes_on(room, archive, models, tmp_path):
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))  # noqa: E731
    options = ("--workers", "1", "--output", "out")
    status, _, err = run(archive, models, tmp_path, *options, preexec_fn=limit)
    assert (status, "Traceback" in err) == (1, False), err
    assert "error: cannot write out/" in err
    assert run(archive, models, tmp_path, *options)[0] == 0
    assert len(table(tmp_path / "out")) == 16


@pytest.fixture(scope="module")
def larger(tmp_path_factory):
    """An archive that takes some seconds."""
    folder = tmp_path_factory.mktemp("larger") / "scans"
    folder.mkdir()
    for number in range(90):
        Image.fromarray(draw_photo(160, 240, number)).save(folder / f"{number:03}.jpg", quality=92)
    return folder


@pytest.fixture(scope="module")
def undisturbed(larger, models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    assert run(larger, models, folder, "--workers", "2")[0] == 0
    return table(folder / "screened" / "scans")


def wait_for_answers(output):
    """Wait until some pictures have been looked at, and not all."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        time.sleep(0.05)
        if (output / LEDGER).is_file():
            copy = shutil.copy(output / LEDGER, output.parent / "copy.sqlite")
            try:
                (seen,) = sqlite3.connect(copy).execute("SELECT count(*) FROM seen").fetchone()
            except sqlite3.DatabaseError:  # copied while it was written
                continue
            if seen:
                return
    raise AssertionError("no picture was looked at")


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM], ids=["INT", "KILL", "TERM"])
def test_stopped_or_killed_it_goes_on(sent, larger, undisturbed, models, tmp_path):
    output = tmp_path / "screened" / "scans"
    with start(larger, models, tmp_path, "--workers", "2") as process:
        wait_for_answers(output)
        began = time.monotonic()
        os.kill(process.pid, sent)
        _, err = process.communicate(timeout=60)
        assert time.monotonic() - began < 10
    assert process.returncode == {signal.SIGINT: 130, signal.SIGKILL: -9, signal.SIGTERM: 143}[sent]
    assert "Traceback" not in err
    if sent == signal.SIGINT:
        assert "interrupted; nothing is left half done\nthe same command goes on where it was" in err
    assert not (output / "screening.html").exists()
    assert run(larger, models, tmp_path, "--workers", "2")[0] == 0
    pd.testing.assert_frame_equal(table(output), undisturbed)


@pytest.mark.slow
def test_on_a_cluster_that_is_there_already(archive, models, tmp_path):
    with running_cluster(tmp_path) as address:
        status, out, err = run(archive, models, tmp_path, "--scheduler", address, "--output", "out", "--maps")
    assert status == 0, err
    assert out.startswith("16 pictures: ")
    nobody = run(archive, models, tmp_path, "--workers", "0")
    assert (nobody[0], "expected a number from 1 to 1024" in nobody[2]) == (2, True)
