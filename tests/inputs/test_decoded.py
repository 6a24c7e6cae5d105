from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.images.read import Unreadable
from pipeline.inputs.cache import PictureCache
from pipeline.inputs.decoded import DecodedPictures
from pipeline.inputs.load import load
from pipeline.inputs.views import files_of
from tests.inputs.drawn import draw_table, native, preprocess

SETTINGS = [preprocess(), native()]


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
