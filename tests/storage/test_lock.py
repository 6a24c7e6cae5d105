"""Two processes never write one output."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.storage.lock import sole_writer

HOLDER = """
import pathlib, sys
from pipeline.storage.lock import sole_writer
with sole_writer(pathlib.Path("data/converted")):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_writer_is_refused_until_the_first_ends_even_by_kill(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(UserError, match="being written by another process"),
            sole_writer(Path("data/converted")),
        ):
            pass
        holder.kill()
        holder.wait()
    with sole_writer(Path("data/converted")):
        pass
