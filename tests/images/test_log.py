"""What libraries say of a picture arrives in the log of the stage, from wherever the picture was read."""

import logging

import pytest
from PIL import Image

from pipeline.config import Compute
from pipeline.images import parallel
from pipeline.images.conversion import convert_pictures
from tests.images.pictures import EQUAL, list_folder


@pytest.mark.parametrize("workers", [1, 2])
def test_a_broken_profile_is_said_once(dataset, photo, tmp_path, monkeypatch, caplog, workers):
    Image.fromarray(photo()).save(dataset / "fake" / "profile.jpg", icc_profile=b"no profile at all")
    monkeypatch.setattr(parallel, "_ALONE_PICTURES", 0)
    monkeypatch.setattr(parallel, "_CHUNK_PICTURES", 2)
    compute = Compute(backend="local", workers=workers, scheduler=None)
    with caplog.at_level(logging.INFO, "pipeline"):
        convert_pictures(list_folder(dataset), [], tmp_path / "converted", EQUAL, compute)
    said = [record.getMessage() for record in caplog.records if record.name == "pipeline.images"]
    assert len(said) == 1
    assert "ICC profile" in said[0]
