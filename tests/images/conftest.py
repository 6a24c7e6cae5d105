"""Small pictures and folders of them for the tests of pipeline/images."""

import pytest

from tests.images.pictures import draw_photo, make_dataset


@pytest.fixture
def photo():
    """Give `draw_photo`."""
    return draw_photo


@pytest.fixture
def dataset(tmp_path):
    """Give a folder as `make_dataset` makes it."""
    return make_dataset(tmp_path / "pictures")
