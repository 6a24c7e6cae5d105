"""What is to be screened: folders, lists and addresses, and what is said of what is none of them."""

import os
from pathlib import Path

import fsspec
import pandas as pd
import pytest

from pipeline.errors import UserError
from pipeline.screening.archive import (
    Listed,
    PassedOver,
    list_archive,
    name_of,
    open_binary,
    place_of,
    still_there,
)
from tests.images.pictures import PHOTO, encoded
from tests.screening.conftest import LINES, NO_UTF8, SCRIPT

PNG = encoded(PHOTO, "PNG")


def listed(source):
    return list(list_archive(str(source)))


def paths(source):
    return [each.path for each in listed(source) if isinstance(each, Listed)]


def test_a_folder_with_its_subfolders(archive):
    found = listed(archive)
    names = {os.path.relpath(each.path, archive): each for each in found}
    pictures = {name for name, each in names.items() if isinstance(each, Listed)}
    assert {SCRIPT, LINES, os.fsdecode(NO_UTF8), "deeper/3.jpg", "broken.jpg", "photo.cr2"} <= pictures
    assert len(pictures) == 16
    assert isinstance(names["notes.txt"], PassedOver)
    assert "raw file of a camera" in names["photo.cr2"].refused
    assert [each.path for each in found if isinstance(each, Listed) and each.refused] == [
        f"{archive}/photo.cr2"
    ]
    assert ".hidden.jpg" not in pictures


def test_a_text_with_a_path_a_line(archive, tmp_path):
    lines = [
        b"\xef\xbb\xbf" + bytes(archive / "copy.jpg"),
        b"",
        b"gone.jpg\r",
        bytes(archive) + b"/" + NO_UTF8,
    ]
    (tmp_path / "list.txt").write_bytes(b"\n".join(lines))
    assert paths(tmp_path / "list.txt") == [
        f"{archive}/copy.jpg", "gone.jpg", f"{archive}/{os.fsdecode(NO_UTF8)}",
    ]  # fmt: skip


def test_a_parquet_of_paths(archive, tmp_path):
    table = pd.DataFrame({"path": [f"{archive}/copy.jpg", None, "gone.jpg"], "owner": [1, 2, 3]})
    table.to_parquet(tmp_path / "list.parquet")
    assert paths(tmp_path / "list.parquet") == [f"{archive}/copy.jpg", "gone.jpg"]


LISTS = {
    "an empty one": (b"", None),
    "names nothing": (
        b"a.jpg\nb.jpg\n",
        "nothing that .* names is there, first a.jpg; expected a path a line",
    ),
    "zeros": (b"a.jpg\nb\0\0.jpg", "no list of paths"),
    "no line ends": (b"x" * 100_000, "line 1 is none"),
    "UTF-16": ("a.jpg\n".encode("utf-16"), "UTF-16; save the list in UTF-8"),
    "a picture": (PNG, r"one picture \(PNG\).*pipeline\.predict"),
    "a PDF": (b"%PDF-1.7\n", "it is a PDF"),
    "half a Parquet file": (b"PAR1" + bytes(50), "broken Parquet file"),
}


@pytest.mark.parametrize(("content", "says"), LISTS.values(), ids=LISTS)
def test_what_is_no_list_is_said(content, says, tmp_path):
    (tmp_path / "list").write_bytes(content)
    if says is None:
        assert listed(tmp_path / "list") == []
        return
    with pytest.raises(UserError, match=says):
        listed(tmp_path / "list")


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (pd.DataFrame({"file": ["a"], "id": [1]}), "no column `path`; it has file, id"),
        (pd.DataFrame({"path": [1, 2]}), "holds int64; expected texts"),
    ],
    ids=["without the column", "of numbers"],
)
def test_a_parquet_without_paths_is_said(table, says, tmp_path):
    table.to_parquet(tmp_path / "list.parquet")
    with pytest.raises(UserError, match=says):
        listed(tmp_path / "list.parquet")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("nowhere/at/all", "is not there"),
        ("memory://nowhere", "is not there; name a folder"),
        ("gs://bucket/scans", "need a plugin of fsspec"),
        ("nosuch://bucket", "expected a folder, a list or an address"),
    ],
)
def test_a_source_that_is_not_there_is_said(source, says):
    with pytest.raises(UserError, match=says):
        listed(source)
    assert not still_there(source)


def test_addresses(archive):
    memory = fsspec.filesystem("memory")
    for name in ("scans/b/1.png", "scans/a.png", "scans/.hidden.png", "scans/notes.txt"):
        memory.pipe(f"/{name}", PNG)
    assert paths("memory://scans") == ["memory:///scans/a.png", "memory:///scans/b/1.png"]
    assert listed("memory://scans")[1] == PassedOver("memory:///scans/notes.txt")
    with open_binary("memory:///scans/a.png") as file:
        assert file.read() == PNG
    memory.pipe("/list.txt", b"memory://scans/a.png\n")
    assert paths("memory://list.txt") == ["memory://scans/a.png"]
    assert still_there("memory://scans")
    assert len(paths(f"file://{archive}/deeper")) == 8


def test_the_same_folder_by_another_name_is_the_same_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert place_of("scans/") == place_of(str(tmp_path / "scans")) == str(Path("scans").absolute())
    assert (name_of("."), name_of("file:///")) == (tmp_path.name, "archive")


def test_a_pipe_is_no_picture_and_nobody_waits_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(OSError, match="no file"):
        open_binary(str(tmp_path / "pipe.jpg"))
