"""The journal remembers what was done, whatever cut it off, and notices whatever has changed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from pipeline import storage
from pipeline.conversion import journal
from pipeline.conversion.journal import Journal, journal_path, settled_stamp, stamp
from pipeline.errors import UserError
from pipeline.images.mask import read_mask
from tests.images.pictures import EQUAL, digests, draw_photo, read_rows, settings

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


def test_what_was_written_is_read_back_kind_by_kind_and_the_last_value_counts(path, monkeypatch):
    write(path, KNOWN)
    write(path, {"b.jpg": 4}, "file")
    assert read(path) == KNOWN
    assert read(path, "file") == {"b.jpg": 4}
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    with Journal(path) as memory:
        memory.write("picture", {"b.jpg": "new", "c.jpg": 3})
        memory.keep("picture", {"b.jpg", "unknown"})
        assert memory.read("picture") == {"b.jpg": "new"}
    assert read(path) == {"b.jpg": "new"}
    monkeypatch.setattr(journal, "_VERSION", journal._VERSION + 1)
    assert read(path) == {}  # another version is begun anew


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


def test_the_journal_lies_beside_its_folder_and_must_be_writable_and_free(path, tmp_path, monkeypatch):
    assert journal_path(Path("data/converted")) == Path("data/.converted.journal")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write"):
        Journal(tmp_path / "file" / "journal")
    monkeypatch.setattr(storage, "_PATIENCE_SECONDS", 0.1)
    with Journal(path) as memory:
        memory.write("picture", KNOWN)
        with pytest.raises(UserError, match=r"cannot write .*locked"):
            write(path, KNOWN)


def test_stamps_tell_changed_files_and_settled_ones_those_that_may_change_yet(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert settled_stamp(path, None) == ""  # written just before
    monkeypatch.setattr(journal, "_UNSURE_NS", -(10**12))
    assert settled_stamp(path, None) == stamp(path, None) != stamp(path)
    before, status = stamp(path), path.stat()
    path.write_bytes(b"xyz")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert stamp(path) != before
    assert stamp(tmp_path / "none", None) == "-;-"


# What a second conversion of the same folder does.


def times(folder):
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".csv"]
    return {path: path.stat().st_mtime_ns for path in files}


@pytest.mark.parametrize("trusted", [True, False])
def test_nothing_is_done_again_when_nothing_has_changed(request, convert, output, trusted):
    if trusted:
        request.getfixturevalue("trusting")
    convert()
    before, tables = times(output), digests(output)
    counts = convert()
    assert counts.unchanged == 10
    assert times(output) == before
    assert digests(output) == tables
    journal_path(output).unlink()
    convert()
    assert times(output) == before


@pytest.mark.usefixtures("trusting")
def test_only_the_picture_or_mask_that_changed_is_converted_again(convert, dataset, output):
    convert()
    before = times(output)
    Image.fromarray(draw_photo(seed=77)).save(dataset / "fake/f2.tif")
    counts = convert()
    assert (counts.converted, counts.unchanged) == (10, 9)
    after = times(output)
    assert {path.name for path in after if after[path] != before[path]} == {"f2.jpg"}
    rows = read_rows(output).set_index("path")
    assert rows.loc["set/fake/f2.jpg", "source_sha256"] == digests(dataset)["fake/f2.tif"]

    mask = Image.new("L", (60, 40))
    mask.paste(255, (5, 5, 20, 30))
    mask.save(dataset / "masks/f0.png")
    convert()
    with_mask = times(output)
    assert {path.name for path in with_mask if with_mask[path] != after[path]} == {"f0.png"}
    assert read_mask(output / "set/masks/f0.png").sum() == 15 * 25

    (dataset / "masks/f0.png").unlink()
    convert()
    assert not (output / "set/masks/f0.png").exists()
    assert read_rows(output).set_index("path").loc["set/fake/f0.jpg", "mask_path"] == ""


def test_a_picture_taken_away_goes_and_so_does_its_empty_folder(convert, dataset, output):
    (dataset / "fake/deep").mkdir()
    Image.fromarray(draw_photo(seed=5)).save(dataset / "fake/deep/x.png")
    convert()
    assert (output / "set/fake/deep/x.jpg").exists()
    shutil.rmtree(dataset / "fake/deep")
    assert convert().removed == 1
    assert not (output / "set/fake/deep").exists()
    assert len(read_rows(output)) == 10


@pytest.mark.parametrize(
    ("policy", "changed"),
    [("equal", {"quality": 80}), ("equal", {"subsampling": "4:2:0"}), ("raw", {}), ("tif_only", {})],
    ids=["quality", "subsampling", "raw", "tif_only"],
)
@pytest.mark.usefixtures("trusting")
def test_changed_settings_leave_what_one_clean_run_leaves(convert, output, policy, changed):
    convert(settings(policy, **changed))
    clean = digests(output)
    shutil.rmtree(output)
    journal_path(output).unlink()
    convert(EQUAL)
    convert(settings(policy, **changed))
    assert digests(output) == clean
    if policy == "tif_only":  # another quality leaves copied files alone
        assert convert(settings("tif_only", quality=80)).unchanged == 8


@pytest.mark.parametrize("damage", ["delete", "change", "swap"])
@pytest.mark.usefixtures("trusting")
def test_a_converted_file_or_a_table_that_was_damaged_is_made_again(convert, output, damage):
    convert()
    clean = digests(output)
    target = output / "set/fake/f1.jpg"
    if damage == "delete":
        target.unlink()
    elif damage == "change":
        status, content = target.stat(), bytearray(target.read_bytes())
        content[-5] ^= 1
        target.write_bytes(content)
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    else:
        shutil.copy2(output / "set/fake/f2.jpg", target)
    convert()
    assert digests(output) == clean
    (output / "files.csv").write_text("path,width\n\x00,oops\n")
    journal_path(output).unlink()
    convert()
    assert digests(output) == clean
