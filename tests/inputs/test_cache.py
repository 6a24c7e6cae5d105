import tempfile

import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.inputs.cache import PictureCache

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
