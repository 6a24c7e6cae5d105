"""A folder is replaced whole or not at all."""

import pytest

from pipeline.storage.folder import replacing_folder


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
