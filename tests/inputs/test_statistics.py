import numpy as np
import pytest
from PIL import Image

from pipeline.errors import UserError
from pipeline.images.histograms import N_FEATURES, history_features
from pipeline.images.read import read_rgb
from pipeline.inputs.statistics import measure_pictures
from tests.images.pictures import draw_photo, on_cores


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """More pictures than are measured in this process, of different sizes."""
    folder = tmp_path_factory.mktemp("pictures")
    paths = [folder / f"{number}.png" for number in range(104)]
    for number, path in enumerate(paths):
        Image.fromarray(draw_photo(16 + number % 9, 24, seed=number)).save(path)
    return paths


def test_pictures_are_measured_in_their_order_here_and_in_processes(paths):
    expected = np.stack([history_features(read_rgb(path)) for path in paths])
    assert np.array_equal(measure_pictures(paths[:40], on_cores(2)), expected[:40])
    assert np.array_equal(measure_pictures(paths, on_cores(2)), expected)


def test_no_picture_has_no_features():
    assert measure_pictures([], on_cores(1)).shape == (0, N_FEATURES)


def test_relative_paths_start_where_this_process_stands(paths, monkeypatch):
    monkeypatch.chdir(paths[0].parent)
    found = measure_pictures([path.relative_to(path.parent) for path in paths[:2]], on_cores(1))
    assert np.array_equal(found, measure_pictures(paths[:2], on_cores(1)))


@pytest.mark.parametrize("count", [3, 104])
def test_a_picture_that_cannot_be_read_is_named(paths, tmp_path, count):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(paths[0].read_bytes()[:50])
    with pytest.raises(UserError, match=r"broken\.jpg cannot be read"):
        measure_pictures([*paths[: count - 1], broken], on_cores(2))
