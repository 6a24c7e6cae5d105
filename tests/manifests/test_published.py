from pathlib import PurePosixPath

import pytest

from pipeline.config import Official
from pipeline.errors import UserError
from pipeline.manifests.published import read_published


def side(tmp_path, official, below):
    return read_published(official, tmp_path, "data.collections.c.official").side(PurePosixPath(below))


def test_none_is_none(tmp_path):
    assert read_published(None, tmp_path, "key") is None


@pytest.mark.parametrize("line", ["b.jpg", "b", "x/b.jpg", "x/b", "./x/b.jpg", "x\\b.jpg", "  b  "])
def test_a_list_holds_names_or_paths_with_or_without_endings(tmp_path, line):
    (tmp_path / "test.txt").write_text(f"\na.jpg\n{line}\n")
    official = Official(lists={"test": "test.txt"})
    assert side(tmp_path, official, "x/b.jpg") == "test"
    assert side(tmp_path, official, "x/c.jpg") == ""


@pytest.mark.parametrize("line", ["b.tif", "y/b", "b.jp", "x"])
def test_other_names_do_not_fit(tmp_path, line):
    (tmp_path / "test.txt").write_text(line)
    assert side(tmp_path, Official(lists={"test": "test.txt"}), "x/b.jpg") == ""


def test_a_name_with_a_dot_is_not_cut(tmp_path):
    (tmp_path / "test.txt").write_text("b.v2")
    official = Official(lists={"test": "test.txt"})
    assert side(tmp_path, official, "b.v2.jpg") == "test"
    assert side(tmp_path, official, "b.jpg") == ""


def test_folders_are_patterns_on_the_path(tmp_path):
    official = Official(folders={"train": "^tr/", "validation": "/val_", "test": "^te/"})
    found = [side(tmp_path, official, path) for path in ("tr/a.png", "x/val_a.png", "te/a.png", "a.png")]
    assert found == ["train", "validation", "test", ""]


def test_a_picture_on_two_sides_is_refused(tmp_path):
    (tmp_path / "test.txt").write_text("a")
    official = Official(folders={"train": "^tr/"}, lists={"test": "test.txt"})
    with pytest.raises(UserError, match=r"c\.official puts tr/a\.png into train and test"):
        side(tmp_path, official, "tr/a.png")


@pytest.mark.parametrize(
    ("official", "message"),
    [
        (
            Official(folders={"val": "x"}),
            r"official\.folders\.val: no such side; allowed are train, validation",
        ),
        (Official(folders={"test": "("}), r"official\.folders\.test is '\(', which is no regular expression"),
        (Official(lists={"test": "no.txt"}), r"official\.lists\.test is .*no\.txt: No such file"),
        (Official(lists={"test": "empty.txt"}), r"lists\.test is .*empty\.txt, which is empty"),
        (Official(lists={"test": "binary.txt"}), r"lists\.test is .*binary\.txt: it is no text in UTF-8"),
    ],
    ids=["no side", "broken", "missing", "empty", "binary"],
)
def test_mistakes_are_named_with_their_key(tmp_path, official, message):
    (tmp_path / "empty.txt").write_text("\n\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=message):
        read_published(official, tmp_path, "data.collections.c.official")
