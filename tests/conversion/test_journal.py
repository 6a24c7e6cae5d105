"""The journal remembers what was done, whatever cut it off, and notices whatever has changed."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.conversion.journal import (
    Entry,
    JournalWriter,
    Measured,
    is_unchanged,
    journal_path,
    now_ns,
    read_journal,
    stamp_of,
    write_journal,
)
from pipeline.errors import UserError

HOUR_NS = 3_600_000_000_000


def entry(
    target: str = "set/fake/a.jpg", phash: str = "0", stamps: tuple = (None,) * 4, recorded_ns: int = 0
) -> Entry:
    measured = Measured("TIFF", 3, 2, 100, "s", "t", "", "p", phash, "0", None)
    return Entry(target, "", "raw(copied)", measured, "", stamps, recorded_ns)


def test_what_was_appended_is_read_back(tmp_path):
    path = tmp_path / ".out.journal"
    first, second = entry("é 日.jpg", stamps=(stamp_of(tmp_path), None, None, None)), entry("b.jpg")
    with closing(JournalWriter(path)) as writer:
        writer.append([first])
        writer.append([second])
    assert read_journal(path) == {"é 日.jpg": first, "b.jpg": second}


def test_of_several_entries_the_last_counts(tmp_path):
    path = tmp_path / "journal"
    for phash in ("0", "1"):
        with closing(JournalWriter(path)) as writer:
            writer.append([entry(phash=phash)])
    assert read_journal(path) == {entry().target: entry(phash="1")}


def test_a_journal_cut_off_anywhere_keeps_its_whole_lines_and_can_go_on(tmp_path):
    path = tmp_path / "journal"
    write_journal(path, [entry("a"), entry("b")])
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        with closing(JournalWriter(path)) as writer:
            writer.append([entry("c")])
        found = read_journal(path)
        assert found.keys() - {"a", "b"} == {"c"}
        assert all(each == entry(name) for name, each in found.items())


@pytest.mark.parametrize("line", ["[]", "{}", "null", '["a"]', "\0\0", "[1,2,3,4,5,6,7]", "[" * 10_000])
def test_a_line_of_anything_else_is_passed_over(tmp_path, line):
    path = tmp_path / "journal"
    path.write_text(line + "\n")
    assert read_journal(path) == {}


def test_no_journal_means_that_nothing_was_done(tmp_path):
    assert read_journal(tmp_path / "none") == {}


def test_the_journal_lies_beside_its_folder():
    assert journal_path(Path("data/converted")) == Path("data/.converted.journal")


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write"):
        JournalWriter(tmp_path / "file" / "journal")


@pytest.fixture
def old_file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    return path


def test_a_file_that_was_let_alone_is_unchanged(old_file):
    stamps = (stamp_of(old_file), stamp_of(old_file), None, None)
    made = entry(stamps=stamps, recorded_ns=now_ns() + HOUR_NS)
    assert is_unchanged(made, (stamp_of(old_file), stamp_of(old_file), None, None))


def test_a_file_of_the_same_size_and_time_with_other_bytes_has_changed(old_file):
    before = stamp_of(old_file)
    status = old_file.stat()
    old_file.write_bytes(b"xyz")
    os.utime(old_file, ns=(status.st_atime_ns, status.st_mtime_ns))
    made = entry(stamps=(before, before, None, None), recorded_ns=now_ns() + HOUR_NS)
    assert not is_unchanged(made, (stamp_of(old_file), before, None, None))


def test_a_file_written_just_before_it_was_looked_at_is_looked_at_again(old_file):
    stamps = (stamp_of(old_file), stamp_of(old_file), None, None)
    assert not is_unchanged(entry(stamps=stamps, recorded_ns=now_ns()), stamps)


def test_files_that_are_not_there_are_never_unchanged():
    assert not is_unchanged(entry(recorded_ns=now_ns()), (None, None, None, None))
