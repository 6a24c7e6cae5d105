"""A result is there whole or the earlier one is still there."""

import resource
import subprocess
import sys

import pytest

from pipeline.errors import UserError
from pipeline.storage.atomic import replacing, write_json, write_text


def test_a_block_that_fails_leaves_the_earlier_file(tmp_path):
    target = tmp_path / "table.csv"
    write_text(target, "old")
    with pytest.raises(RuntimeError), replacing(target) as partial:
        partial.write_text("half of the new")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_a_file_that_cannot_be_written_is_named_with_what_to_do(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*file/table.json.*then run the same command again"):
        write_json(tmp_path / "file" / "table.json", {})


def test_a_disk_that_fills_up_leaves_the_earlier_file(tmp_path):
    target = tmp_path / "table.csv"
    write_text(target, "old")
    script = f"""
import pathlib, sys
from pipeline.errors import UserError
from pipeline.storage.atomic import write_text
try:
    write_text(pathlib.Path({str(target)!r}), "x" * 1_000_000)
except UserError as error:
    sys.exit(str(error))
"""
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, 65_536))  # noqa: E731
    ended = subprocess.run([sys.executable, "-c", script], preexec_fn=limit, capture_output=True, text=True)
    assert ended.returncode == 1
    assert "cannot write" in ended.stderr
    assert "Earlier results were left" in ended.stderr
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
