"""A conversion on a Dask cluster leaves what one on this machine leaves."""

import pytest

from pipeline.config import Compute
from pipeline.images.conversion import convert_pictures
from tests.dask_cluster import running_cluster
from tests.images.pictures import digests, list_folder

HERE = Compute(backend="local", workers=1, scheduler=None)


@pytest.mark.parametrize("policy", ["equal", "matched"])
def test_files_and_tables_are_the_same(dataset, tmp_path, compose_config, monkeypatch, policy):
    settings = compose_config(f"convert={policy}").convert
    broken = dataset / "genuine" / "broken.jpg"
    broken.write_bytes((dataset / "genuine" / "g0.jpg").read_bytes()[:200])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    sources = list_folder(dataset.relative_to(tmp_path))  # relative: the workers live in another folder
    settings.max_rejected = 1.0
    with running_cluster(tmp_path / "elsewhere") as address:
        there = Compute(backend="dask", workers=None, scheduler=address)
        counts = convert_pictures(sources, [], tmp_path / "there", settings, there)
    assert (counts.converted, counts.rejected) == (10, 1)
    assert counts == convert_pictures(sources, [], tmp_path / "here", settings, HERE)
    assert digests(tmp_path / "there") == digests(tmp_path / "here")
