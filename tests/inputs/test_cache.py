import tempfile
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.images.files import Unreadable
from pipeline.inputs.cache import DecodedPictures, PictureCache
from pipeline.inputs.crops import files_of
from pipeline.inputs.load import load
from tests.inputs.drawn import draw_table, native, resized

SIZE = 16 * 64 * 64 * 3  # 192 KiB
ROOM_FOR_ONE = 0.0002  # GiB


def test_memory_is_handed_out_up_to_its_limit_and_then_the_disk():
    cache = PictureCache("auto", ROOM_FOR_ONE)
    first, second = cache.room_for(SIZE, 16), cache.room_for(SIZE, 16)
    assert type(first) is np.ndarray
    assert isinstance(second, np.memmap)
    assert first.shape == second.shape == (SIZE,)


def test_what_is_written_to_the_disk_cache_can_be_read_and_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept = PictureCache("disk", 1).room_for(SIZE, 16)
    kept[3] = 200
    assert (kept[3] == 200).all()
    assert not list(tmp_path.iterdir())


def test_none_keeps_nothing():
    assert PictureCache("none", 1).room_for(SIZE, 16) is None


def test_memory_asked_for_by_name_is_refused_beyond_its_limit():
    with pytest.raises(UserError, match=r"cache=memory: 16 decoded pictures.*raise runtime.cache_gib"):
        PictureCache("memory", 1e-6).room_for(SIZE, 16)


def test_disk_asked_for_by_name_is_refused_where_there_is_not_enough():
    with pytest.raises(UserError, match=r"cache=disk.*free some space"):
        PictureCache("disk", 1).room_for(2**50, 2**30)


def test_auto_keeps_nothing_where_neither_has_room():
    assert PictureCache("auto", ROOM_FOR_ONE).room_for(2**50, 2**30) is None


def test_an_empty_table_needs_no_room():
    assert PictureCache("disk", 1).room_for(0, 0) is None


SETTINGS = [resized(), native()]


def _decoded(table, kind, settings=SETTINGS[0]):
    return DecodedPictures(files_of(table), settings, PictureCache(kind, 1.0))


@pytest.mark.parametrize("settings", SETTINGS, ids=["resize", "native"])
@pytest.mark.parametrize("kind", ["memory", "disk", "none"])
def test_every_cache_gives_the_pixels_that_prediction_reads(tmp_path, kind, settings):
    table = draw_table(tmp_path, kind="jpg")
    pictures = _decoded(table, kind, settings)
    for _ in range(2):
        for row, path in enumerate(table["path"]):
            for found, wanted in zip(pictures[row], load(Path(path), settings), strict=True):
                assert np.array_equal(found, wanted)


@pytest.mark.parametrize(("kind", "still_there"), [("memory", True), ("disk", True), ("none", False)])
def test_a_kept_picture_is_not_read_again(tmp_path, kind, still_there):
    table = draw_table(tmp_path)
    pictures = _decoded(table, kind)
    pictures[0]
    Path(table["path"][0]).unlink()
    if still_there:
        assert pictures[0].pixels.shape == (*pictures.shape(0), 3)
    else:
        with pytest.raises(Unreadable):
            pictures[0]


def test_why_a_picture_could_not_be_read_is_kept(tmp_path):
    table = draw_table(tmp_path)
    Path(table["path"][2]).write_bytes(b"broken")
    pictures = _decoded(table, "memory")
    with pytest.raises(Unreadable):
        pictures[2]
    assert table["path"][2] in str(pictures.failure)


def test_a_picture_of_another_size_than_its_table_says_is_refused(tmp_path):
    table = draw_table(tmp_path)
    pictures = _decoded(table.assign(width="72"), "memory", native())
    with pytest.raises(UserError, match=r"000\.png has 64×48 .* says 72×48; build the tables anew"):
        pictures[0]
