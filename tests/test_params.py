"""An edit in conf/ is never silently ignored."""

import shutil

import pytest

from pipeline import params
from pipeline.errors import UserError
from tests.conftest import ROOT


@pytest.fixture
def conf(tmp_path):
    return shutil.copytree(ROOT / "conf", tmp_path / "conf")


def test_the_committed_snapshot_is_in_step_with_conf():
    params.check(ROOT / "conf", ROOT / "params.yaml")


def test_an_edit_in_conf_is_found_and_named(conf, tmp_path):
    snapshot = tmp_path / "params.yaml"
    params.write(conf, snapshot)
    params.check(conf, snapshot)
    (conf / "config.yaml").write_text((conf / "config.yaml").read_text().replace("seed: 20", "seed: 21"))
    with pytest.raises(UserError, match=r"(?s)make params.*seed: 20 in params.yaml, 21 in conf/"):
        params.check(conf, snapshot)


def test_an_experiment_of_dvc_differs_on_purpose(conf, tmp_path, monkeypatch):
    snapshot = tmp_path / "params.yaml"
    params.write(conf, snapshot)
    snapshot.write_text(snapshot.read_text().replace("seed: 20", "seed: 21"))
    monkeypatch.setenv("DVC_EXP_NAME", "merry-otter")
    params.check(conf, snapshot)


def test_a_mistake_in_conf_does_not_reach_the_snapshot(conf, tmp_path):
    snapshot = tmp_path / "params.yaml"
    params.write(conf, snapshot)
    before = snapshot.read_bytes()
    train = conf / "train" / "default.yaml"
    train.write_text(train.read_text().replace("learning_rate: 0.002", "learning_rate: -1"))
    with pytest.raises(UserError, match="expected a number above 0"):
        params.write(conf, snapshot)
    assert snapshot.read_bytes() == before


def test_a_mistyped_argument_of_the_model_is_refused(conf, tmp_path):
    model = conf / "model" / "dct.yaml"
    model.write_text(model.read_text().replace("filters:", "filtres:"))
    with pytest.raises(UserError, match="filtres"):
        params.write(conf, tmp_path / "params.yaml")


def test_a_missing_snapshot_says_how_to_make_it(conf, tmp_path):
    with pytest.raises(UserError, match="make params"):
        params.check(conf, tmp_path / "params.yaml")


def test_a_missing_folder_is_named_before_dvc_meets_it(conf, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train = conf / "config.yaml"
    train.write_text(train.read_text().replace("data: sample", "data: folders"))
    params.write(conf, tmp_path / "params.yaml")
    with pytest.raises(UserError, match=r"data\.root is data/raw/folders, and there is no such folder"):
        params.check(conf, tmp_path / "params.yaml")
