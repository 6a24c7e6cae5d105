"""Folders of small pictures for the tests of pipeline/conversion."""

import pytest

from tests.images.pictures import make_dataset


@pytest.fixture
def dataset(tmp_path):
    """Give a folder as `make_dataset` makes it."""
    return make_dataset(tmp_path / "pictures")
