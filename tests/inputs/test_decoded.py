from pathlib import Path

import numpy as np
import pytest

from pipeline.images.read import Unreadable
from pipeline.inputs.cache import PictureCache
from pipeline.inputs.decoded import DecodedPictures
from pipeline.inputs.resize import load
from tests.inputs.drawn import draw_table, preprocess


def _decoded(table, kind):
    return DecodedPictures([Path(each) for each in table["path"]], preprocess(), PictureCache(kind, 1.0))


@pytest.mark.parametrize("kind", ["memory", "disk", "none"])
def test_every_cache_gives_the_pixels_that_prediction_reads(tmp_path, kind):
    table = draw_table(tmp_path)
    pictures = _decoded(table, kind)
    for _ in range(2):
        for row, path in enumerate(table["path"]):
            assert np.array_equal(pictures[row], load(Path(path), preprocess()))


@pytest.mark.parametrize(("kind", "still_there"), [("memory", True), ("disk", True), ("none", False)])
def test_a_kept_picture_is_not_read_again(tmp_path, kind, still_there):
    table = draw_table(tmp_path)
    pictures = _decoded(table, kind)
    pictures[0]
    Path(table["path"][0]).unlink()
    if still_there:
        assert pictures[0].shape == pictures.shape
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
