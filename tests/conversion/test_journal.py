"""The journal remembers what was done, whatever cut it off, and notices whatever has changed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.conversion import journal
from pipeline.conversion.journal import Journal, journal_path, settled_stamp, stamp
from pipeline.errors import UserError

KNOWN = {"é 日.jpg": ["a", 1, None, [2, 3]], "b.jpg": []}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / ".out.journal"


def write(path, known, kind="picture"):
    with Journal(path) as memory:
        memory.write(kind, known)


def read(path, kind="picture"):
    with Journal(path) as memory:
        return memory.read(kind)


def test_what_was_written_is_read_back_kind_by_kind(path):
    write(path, KNOWN)
    write(path, {"b.jpg": 4}, "file")
    assert read(path) == KNOWN
    assert read(path, "file") == {"b.jpg": 4}
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_of_several_values_the_last_counts_and_what_is_not_kept_goes(path):
    write(path, KNOWN)
    with Journal(path) as memory:
        memory.write("picture", {"b.jpg": "new", "c.jpg": 3})
        memory.keep("picture", {"b.jpg", "unknown"})
        assert memory.read("picture") == {"b.jpg": "new"}
    assert read(path) == {"b.jpg": "new"}


def test_a_killed_process_leaves_what_it_had_written(path):
    script = (
        "import os, signal, sys; from pathlib import Path; from pipeline.conversion.journal import Journal\n"
        "memory = Journal(Path(sys.argv[1]))\n"
        "for i in range(50): memory.write('picture', {f'{i}': 'x' * 1000})\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script, path], check=False)
    assert len(read(path)) == 50
    write(path, {"more": 1})
    assert len(read(path)) == 51


def test_a_journal_cut_off_anywhere_is_begun_anew_and_can_go_on(path):
    write(path, {f"{i}": "x" * 500 for i in range(30)})
    whole = path.read_bytes()
    for cut in range(0, len(whole), 1000):
        path.write_bytes(whole[:cut])
        with Journal(path) as memory:
            assert memory.read("picture") == {}
            memory.write("picture", {"c": 1})
        assert read(path) == {"c": 1}


@pytest.mark.parametrize(
    "content",
    ["", '["a.jpg","",{}]\n' * 100, "\0\0", "[" * 10_000],
    ids=["empty", "text", "zeros", "brackets"],
)
def test_a_file_of_anything_else_is_replaced(path, content):
    path.parent.mkdir()
    path.write_text(content)
    assert read(path) == {}
    write(path, KNOWN)
    assert read(path) == KNOWN


def test_another_version_is_begun_anew(path, monkeypatch):
    write(path, KNOWN)
    monkeypatch.setattr(journal, "_VERSION", 2)
    assert read(path) == {}


def test_the_journal_lies_beside_its_folder():
    assert journal_path(Path("data/converted")) == Path("data/.converted.journal")


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write"):
        Journal(tmp_path / "file" / "journal")


def test_a_journal_that_another_process_writes_is_said(path, monkeypatch):
    monkeypatch.setattr(journal, "_PATIENCE_SECONDS", 0.1)
    with Journal(path) as memory:
        memory.write("picture", KNOWN)
        with pytest.raises(UserError, match=r"cannot write .*locked"):
            write(path, KNOWN)


@pytest.fixture
def old_file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    return path


def test_a_file_that_was_let_alone_is_unchanged(old_file, monkeypatch):
    monkeypatch.setattr(journal, "_UNSURE_NS", -(10**12))
    assert settled_stamp(old_file, None) == stamp(old_file, None) != stamp(old_file)


def test_a_file_of_the_same_size_and_time_with_other_bytes_has_changed(old_file):
    before = stamp(old_file)
    status = old_file.stat()
    old_file.write_bytes(b"xyz")
    os.utime(old_file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert stamp(old_file) != before


def test_a_file_written_just_before_it_was_looked_at_is_looked_at_again(old_file):
    assert settled_stamp(old_file, None) == ""


def test_files_that_are_not_there_have_no_stamp(tmp_path):
    assert stamp(tmp_path / "none", None) == "-;-"
