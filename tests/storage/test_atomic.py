"""A result is there whole or the earlier one is still there."""

import os
import resource
import subprocess
import sys

import pytest

from pipeline.errors import UserError
from pipeline.storage.atomic import replacing, replacing_folder, write_json, write_text


def test_a_block_that_fails_leaves_the_earlier_file(tmp_path):
    target = tmp_path / "table.csv"
    write_text(target, "old")
    with pytest.raises(RuntimeError), replacing(target) as partial:
        partial.write_text("half of the new")
        raise RuntimeError
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["table.csv"]


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path):
    target = tmp_path / "models"
    with replacing_folder(target) as partial:
        (partial / "a").write_text("old")
    with pytest.raises(RuntimeError), replacing_folder(target) as partial:
        (partial / "a").write_text("half")
        raise RuntimeError
    assert (target / "a").read_text() == "old"
    with replacing_folder(target) as partial:
        (partial / "b").write_text("new")
    assert os.listdir(target) == ["b"]
    assert os.listdir(tmp_path) == ["models"]


def test_a_folder_caught_between_two_renames_is_put_back(tmp_path):
    (tmp_path / ".models.earlier").mkdir()
    (tmp_path / ".models.earlier" / "a").write_text("old")
    with pytest.raises(RuntimeError), replacing_folder(tmp_path / "models"):
        raise RuntimeError
    assert (tmp_path / "models" / "a").read_text() == "old"


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
    assert os.listdir(tmp_path) == ["table.csv"]
