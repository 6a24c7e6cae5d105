"""Every picture of a folder is found, whatever its name, and every other file is named with its reason."""

import os
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.images.files import find_pictures
from pipeline.predict import expand
from pipeline.surroundings import printable
from tests.images.pictures import PHOTO, encoded


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_upper_case_nested_unicode_and_spaces_are_found_in_order(tmp_path):
    names = ["B.JPG", "a b/ç ü/日本.TIFF", "a/é.Png", "z.bmp", "a.webp", "x.jpeg", "y.tif"]
    wanted = sorted((touch(tmp_path / name) for name in names), key=lambda path: path.parts)
    assert find_pictures(tmp_path) == (wanted, [])


def test_what_is_no_picture_is_returned_with_its_reason(tmp_path):
    touch(tmp_path / "notes.txt")
    touch(tmp_path / "sub" / "README")
    pictures, rejected = find_pictures(tmp_path)
    assert pictures == []
    assert [file.path for file in rejected] == [f"{tmp_path}/notes.txt", f"{tmp_path}/sub/README"]
    assert "the ending .txt" in rejected[0].reason
    assert ".jpg" in rejected[0].reason
    assert "no ending, and does not begin as a picture" in rejected[1].reason


def test_hidden_files_and_folders_are_passed_over_and_an_empty_folder_holds_nothing(tmp_path):
    assert find_pictures(tmp_path) == ([], [])
    for name in (".DS_Store", "._a.jpg", ".cache/a.jpg"):
        touch(tmp_path / name)
    assert find_pictures(tmp_path) == ([], [])


@pytest.mark.parametrize("name", ["missing", "file.jpg"])
def test_a_folder_that_is_not_there_is_said(tmp_path, name):
    touch(tmp_path / "file.jpg")
    with pytest.raises(UserError, match=f"{name} cannot be listed"):
        find_pictures(tmp_path / name)


def test_linked_folders_are_followed_once_and_never_in_circles(tmp_path):
    picture = touch(tmp_path / "in" / "a.jpg")
    elsewhere = touch(tmp_path / "elsewhere" / "b.jpg")
    for name, target in (("link", elsewhere.parent), ("same", elsewhere.parent), ("circle", picture.parent)):
        (tmp_path / "in" / name).symlink_to(target)
    assert find_pictures(tmp_path / "in") == ([picture, tmp_path / "in" / "link" / "b.jpg"], [])


def test_a_link_to_nothing_is_rejected(tmp_path):
    (tmp_path / "a.jpg").symlink_to(tmp_path / "gone.jpg")
    _, (rejected,) = find_pictures(tmp_path)
    assert "link to a file that does not exist" in rejected.reason


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_a_name_that_is_not_utf8_is_rejected_in_a_writable_form(tmp_path):
    try:
        os.close(os.open(os.fsencode(tmp_path) + b"/caf\xe9.jpg", os.O_CREAT | os.O_WRONLY))
    except OSError:
        pytest.skip("this file system takes Unicode names alone")
    _, (rejected,) = find_pictures(tmp_path)
    assert rejected.path.endswith("caf\\xe9.jpg")
    assert "UTF-8" in rejected.reason
    (picture,), others = find_pictures(tmp_path, for_tables=False)  # as predict, which writes none
    assert (picture.suffix, others) == (".jpg", [])
    assert [each.original for each in expand(str(tmp_path))] == [picture]
    assert printable(picture.name) == "caf\\xe9.jpg"


def test_a_folder_with_a_picture_ending_is_looked_into(tmp_path):
    picture = touch(tmp_path / "holiday.jpg" / "a.png")
    assert find_pictures(tmp_path) == ([picture], [])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP", "WEBP", "GIF", "AVIF", "JPEG2000"])
def test_a_file_without_an_ending_is_taken_by_its_content(tmp_path, kind):
    (tmp_path / "IMG_0001").write_bytes(encoded(PHOTO, kind))
    assert find_pictures(tmp_path) == ([tmp_path / "IMG_0001"], [])


def test_a_picture_with_another_ending_is_not_taken_and_the_reason_says_what_to_do(tmp_path):
    (tmp_path / "a.jpg_large").write_bytes(encoded(PHOTO, "JPEG"))
    (tmp_path / "b.dng").write_bytes(encoded(PHOTO, "TIFF"))
    pictures, rejected = find_pictures(tmp_path)
    assert pictures == []
    assert "the ending .jpg_large, though it begins as a JPEG" in rejected[0].reason
    assert "let its name end in .jpg" in rejected[0].reason
    assert "though it begins as a TIFF" in rejected[1].reason


@pytest.mark.parametrize("name", ["Thumbs.db", "desktop.ini", "list.txt", "BMW", "GIFTS", "RIFFS"])
def test_what_windows_and_people_leave_behind_is_no_picture(tmp_path, name):
    (tmp_path / name).write_bytes(name.encode() * 9)
    pictures, (rejected,) = find_pictures(tmp_path)
    assert pictures == []
    assert "pictures end in" in rejected.reason


def test_links_that_lead_to_themselves_are_rejected(tmp_path):
    for name, target in ("aa", "bc", "cb"):
        (tmp_path / f"{name}.jpg").symlink_to(tmp_path / f"{target}.jpg")
    pictures, rejected = find_pictures(tmp_path)
    assert pictures == []
    assert [file.path for file in rejected] == [f"{tmp_path}/{name}.jpg" for name in "abc"]
    assert all("too many levels" in file.reason.lower() for file in rejected)


def test_a_picture_that_is_linked_is_taken_under_the_name_of_the_link(tmp_path):
    picture = touch(tmp_path / "elsewhere" / "a.png")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "b.png").symlink_to(picture)
    assert find_pictures(tmp_path / "in") == ([tmp_path / "in" / "b.png"], [])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    os.mkfifo(tmp_path / "b")
    _, rejected = find_pictures(tmp_path)
    assert [file.reason for file in rejected] == ["it is not a file"] * 2


def test_names_as_long_as_they_can_be_are_found(tmp_path):
    picture = touch(tmp_path / ("ü" * 120 + "." * 10 + ".tif"))
    deep = touch(tmp_path.joinpath(*["d" * 200] * 8) / "a.jpg")
    assert find_pictures(tmp_path)[0] == sorted([picture, deep], key=lambda path: path.parts)


def test_a_folder_that_nobody_may_write_to_is_read(tmp_path):
    picture = touch(tmp_path / "in" / "a.jpg")
    picture.chmod(0o444)
    picture.parent.chmod(0o555)
    try:
        assert find_pictures(tmp_path) == ([picture], [])
    finally:
        picture.parent.chmod(0o755)


def test_what_should_have_been_a_picture_counts_as_lost(tmp_path):
    (tmp_path / "a.jpg_old").write_bytes(encoded(PHOTO, "JPEG"))
    (tmp_path / "raw.nef").write_bytes(encoded(PHOTO, "TIFF"))
    (tmp_path / "layers.psd").write_bytes(b"8BPS\0\1")
    (tmp_path / "picture").write_bytes(b"P6\n60 40\n255\n")
    for ending in ("jpg", "nef", "CR3", "psd"):
        (tmp_path / f"kept.{ending}").write_bytes(encoded(PHOTO, "JPEG" if ending == "jpg" else "TIFF"))
    (tmp_path / "page.pdf").write_bytes(b"%PDF-1.7")
    (tmp_path / "film.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    (tmp_path / "notes.txt").write_text("cropped by hand")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    for name in (b"m\xfcll.jpg", b"m\xfcll.txt"):
        (tmp_path / os.fsdecode(name)).write_bytes(b"latin-1")
    _, rejected = find_pictures(tmp_path)
    lost = sorted(file.path.rsplit("/", 1)[1] for file in rejected if file.lost)
    assert lost == ["a.jpg_old", "gone.jpg", "layers.psd", "loop.jpg", "m\\xfcll.jpg", "picture", "raw.nef"]
    assert len(rejected) == 14
    reasons = {file.path.rsplit("/", 1)[1]: file.reason for file in rejected}
    assert "a PDF" in reasons["page.pdf"]
    assert "a video" in reasons["film.mp4"]
    assert "a file of Photoshop" in reasons["layers.psd"]
    assert "the raw file of a camera" in reasons["raw.nef"]


def test_a_folder_that_cannot_be_listed_costs_what_is_in_it(tmp_path, monkeypatch):
    touch(tmp_path / "a.jpg")
    touch(tmp_path / "locked/b.jpg")
    real = os.scandir

    def scandir(path):
        if path.name == "locked":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    pictures, (locked,) = find_pictures(tmp_path)
    assert [path.name for path in pictures] == ["a.jpg"]
    assert locked.path == (tmp_path / "locked").as_posix()
    assert locked.reason.startswith("the folder cannot be listed: Permission denied")
    assert locked.lost


@pytest.mark.parametrize(
    "name", [".hidden.jpg", "a.mpo", "a.jps", "a.insp", "a.jpg~", "a.JPG_original", "a.svg"]
)
def test_a_picture_that_is_hidden_is_said_and_one_of_another_ending_lost(tmp_path, name):
    (tmp_path / name).write_bytes(b"\xff\xd8\xff\xe0 a JPEG" if "jpg" in name.lower() else b"?")
    for other in ("._x.jpg", ".DS_Store", ".git"):
        (tmp_path / other).write_bytes(b"x")
    pictures, (rejected,) = find_pictures(tmp_path)
    assert pictures == []
    assert (Path(rejected.path).name, rejected.lost) == (name, name != ".hidden.jpg")
