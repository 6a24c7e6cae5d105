"""What DVC watches of the folders as handed in changes when a picture does, and nothing in them stops it."""

import os
import socket
from pathlib import Path

import pytest
import yaml

from pipeline import pictures
from pipeline.conversion import handed_in
from pipeline.conversion.handed_in import look_through
from pipeline.conversion.journal import Journal

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pictures/deep").mkdir(parents=True)
    for name in ("a.jpg", "b.jpg", "deep/c.jpg"):
        (tmp_path / "pictures" / name).write_text(name)
    return tmp_path / "pictures"


def look(folder):
    with Journal(folder.with_name("journal")) as journal:
        return look_through([str(folder)], journal)[str(folder)]


def renamed(folder):
    (folder / "a.jpg").rename(folder / "z.jpg")


def of_the_same_size_and_time(folder):
    times = (folder / "a.jpg").stat()
    (folder / "a.jpg").write_text("A.jpg")
    os.utime(folder / "a.jpg", ns=(times.st_atime_ns, times.st_mtime_ns))


CHANGES = {
    "changed": lambda folder: (folder / "deep/c.jpg").write_text("d"),
    "of the same size and time": of_the_same_size_and_time,
    "added": lambda folder: (folder / "deep/d.jpg").write_text("d"),
    "removed": lambda folder: (folder / "b.jpg").unlink(),
    "renamed": renamed,
    "exchanged": lambda folder: (
        (folder / "a.jpg").write_text("b.jpg") + (folder / "b.jpg").write_text("a.jpg")
    ),
}


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("change", CHANGES)
def test_any_change_of_a_picture_shows_and_its_opposite_too(folder, change, tmp_path):
    before = look(folder)
    assert before.files == 3
    CHANGES[change](folder)
    changed = look(folder)
    assert changed.sha256 != before.sha256
    (tmp_path / "journal").unlink()
    assert look(folder) == changed  # nothing is remembered wrongly


def test_a_folder_is_the_same_from_wherever_it_is_named(folder, monkeypatch):
    before = look(folder)
    monkeypatch.chdir(folder)
    for name in (".", "../pictures", str(folder)):
        with Journal(folder.with_name("another")) as journal:
            assert look_through([name], journal)[name] == before


@pytest.mark.usefixtures("trusting")
def test_a_copy_made_later_is_the_same_and_what_has_not_changed_is_not_opened(folder, tmp_path, monkeypatch):
    before = look(folder)
    os.utime(folder / "a.jpg", (1, 1))
    (tmp_path / "pictures").rename(tmp_path / "other")
    assert look(tmp_path / "other") == before
    monkeypatch.setattr(handed_in.hashlib, "file_digest", None)
    assert look(tmp_path / "other") == before


def test_what_cannot_be_opened_is_a_line_and_nobody_waits_for_it(folder, monkeypatch):
    monkeypatch.chdir(folder)  # the path of a socket has to be short
    seen = {look(folder).sha256}
    os.mkfifo("pipe.jpg")
    seen.add(look(folder).sha256)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.jpg")
    Path("gone.jpg").symlink_to("/media/usb/gone.jpg")
    Path("circle.jpg").symlink_to("circle.jpg")
    Path("endless.png").symlink_to("/dev/zero")
    Path(os.fsdecode(b"Caf\xe9.jpg")).write_text("x")
    Path("new\nline\r.jpg").write_text("x")
    found = look(folder)
    assert found.files == 10
    assert len({*seen, found.sha256}) == 3
    assert look(folder.with_name("nowhere")).files == 0
    assert look(folder / "a.jpg").files == 1


def test_each_folder_and_table_of_the_data_has_a_line_and_convert_depends_on_it(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    collection = {
        "genuine": "pictures",
        "fake": "fake",
        "masks": ["masks"],
        "official": {"lists": {"test": "t"}},
    }
    data = {"root": "pictures", "known_groups": "groups.csv", "collections": {"mine": collection}}
    Path("params.yaml").write_text(yaml.safe_dump({"data": data}))
    pictures.run()
    lines = pictures.PICTURES.read_text().splitlines()
    keys = ["what", "mine.genuine", "mine.fake", "mine.masks.0", "mine.test", "known_groups"]
    assert [line.split(",")[0] for line in lines] == keys
    assert lines[1].split(",")[1] == "3"
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert stages["pictures"]["always_changed"]
    assert str(pictures.PICTURES) in stages["convert"]["deps"]
    assert not any("${data" in each for each in stages["convert"]["deps"])  # DVC opens no picture itself
