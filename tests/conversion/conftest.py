"""Folders of small pictures, and a conversion of them."""

import dataclasses

import pytest

from pipeline.conversion import journal
from pipeline.conversion.conversion import convert_pictures
from tests.images.pictures import EQUAL, list_folder, make_dataset, on_cores


@pytest.fixture
def dataset(tmp_path):
    return make_dataset(tmp_path / "pictures")


@pytest.fixture
def output(tmp_path):
    return tmp_path / "converted"


@pytest.fixture
def convert(dataset, output):
    """Convert the dataset as it is now; returns the counts."""

    def converted(chosen=EQUAL, workers=1, rejected=(), **changes):
        sources = [dataclasses.replace(source, **changes) for source in list_folder(dataset)]
        return convert_pictures(sources, rejected, output, chosen, on_cores(workers))

    return converted


@pytest.fixture
def trusting(monkeypatch):
    """Files look as old as those that people have; the journal trusts no file of the last seconds."""
    monkeypatch.setattr(journal, "_UNSURE_NS", -(10**18))
