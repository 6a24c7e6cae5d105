"""A result is there whole or the earlier one is still there."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.storage import (
    local_path,
    other_spelling,
    replacing,
    replacing_folder,
    sole_writer,
    what_is_there,
    write_json,
    write_text,
)


def test_names_as_long_as_a_file_system_takes_are_written_and_locked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a" * 255, "a." + "b" * 253, "ü" * 127):
        write_text(tmp_path / name, name)
        assert (tmp_path / name).read_text() == name
    with sole_writer(Path("/".join(["d" * 200] * 3))), sole_writer(Path("/".join(["d" * 200] * 4))):
        pass


def test_a_failure_leaves_the_earlier_file_and_says_what_to_do(tmp_path):
    target = tmp_path / "table.csv"
    write_text(target, "old")
    with pytest.raises(RuntimeError), replacing(target) as partial:
        partial.write_text("half of the new")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
    with pytest.raises(UserError, match=r"cannot write .*table.csv/a.json.*then run the same command again"):
        write_json(target / "a.json", {})


def test_a_disk_that_fills_up_leaves_the_earlier_file(tmp_path):
    target = tmp_path / "table.csv"
    write_text(target, "old")
    script = f"""
import pathlib, sys
from pipeline.errors import UserError
from pipeline.storage import write_text
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
    assert [path.name for path in target.iterdir()] == ["b"]
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_a_folder_caught_between_two_renames_is_put_back(tmp_path):
    (tmp_path / ".models.earlier").mkdir()
    (tmp_path / ".models.earlier" / "a").write_text("old")
    with pytest.raises(RuntimeError), replacing_folder(tmp_path / "models"):
        raise RuntimeError
    assert (tmp_path / "models" / "a").read_text() == "old"


# Two processes never write one output.

HOLDER = """
import pathlib, sys
from pipeline.storage import sole_writer
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


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("pictures/genuine", "; {}/Pictures/Genuine is there"),  # capital letters, on the way too
        ("Pictures/fake", "; {}/Pictures/fakes is there"),
        ("Pictures/cafe\u0301", "; {}/Pictures/caf\u00e9 is there"),  # the same letters, composed and not
        ("Pictures/masks", "; in {}/Pictures there is Genuine/, caf\u00e9/, fakes/, notes.txt"),
        ("Pictures/Genuine/empty/x", "; {}/Pictures/Genuine/empty is not there either"),
        ("Pictures/Genuine/x", "; in {}/Pictures/Genuine there is nothing"),
    ],
)
def test_of_a_path_that_leads_nowhere_it_is_said_what_is_there(tmp_path, asked, said):
    for name in ("Genuine", "fakes", "caf\u00e9"):
        (tmp_path / "Pictures" / name).mkdir(parents=True)
    (tmp_path / "Pictures/notes.txt").touch()
    assert what_is_there(tmp_path / asked) == said.format(tmp_path)


def test_another_spelling_is_another_case_and_no_other_name(tmp_path):
    (tmp_path / "Masks").mkdir()
    assert other_spelling(tmp_path / "masks") == tmp_path / "Masks"
    assert other_spelling(tmp_path / "mask") is None


@pytest.mark.parametrize("address", ["https://host/a.jpg", "s3://bucket/a", "file:///a/b.jpg"])
def test_an_address_is_no_path(address):
    with pytest.raises(UserError, match=f"data.root is {address}, an address"):
        local_path(address, "data.root")


@pytest.mark.parametrize("name", ["é" * 400, "/".join(["folder"] * 60), "a" * 300])
def test_an_output_of_any_name_has_a_lock(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with sole_writer(Path(name)), sole_writer(Path(f"{name}b")):
        locks = sorted(path.name for path in (tmp_path / ".locks").iterdir())
    assert len(locks) == 2
    with sole_writer(Path(name)), pytest.raises(UserError, match="another process"), sole_writer(Path(name)):
        pass


def test_a_link_in_the_place_of_a_lock_is_not_followed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "precious.txt").write_text("precious")
    (tmp_path / ".locks").mkdir()
    (tmp_path / ".locks" / "models.lock").symlink_to(tmp_path / "precious.txt")
    with pytest.raises(UserError, match=r"models\.lock is a link.*remove it"), sole_writer(Path("models")):
        pass
    assert (tmp_path / "precious.txt").read_text() == "precious"


def test_a_file_in_the_place_of_the_folder_of_locks_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".locks").write_text("")
    with pytest.raises(UserError, match=r"cannot write \.locks"), sole_writer(Path("models")):
        pass
