"""A table of the owner's says which pictures belong together."""

import logging

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import UserError
from pipeline.manifests.groups import group_pictures
from pipeline.manifests.known_groups import read_known_groups


@pytest.fixture
def table(tmp_path):
    def written(text):
        (tmp_path / "groups.csv").write_text(text, encoding="utf-8")
        return str(tmp_path / "groups.csv")

    return written


def test_paths_are_those_of_the_tables(table, tmp_path):
    where = table(f"group,path,more\nburst 1,fake/a.jpg,x\nburst 1,{tmp_path}/genuine/b.jpg,\n,fake/c.jpg,\n")
    assert read_known_groups(where, tmp_path) == {"fake/a.jpg": "burst 1", "genuine/b.jpg": "burst 1"}
    assert read_known_groups(None, tmp_path) == {}


def test_a_missing_table_is_said_and_not_needed(tmp_path, caplog):
    with caplog.at_level(logging.INFO, "pipeline"):
        assert read_known_groups(str(tmp_path / "groups.csv"), tmp_path) == {}
    assert "groups.csv is not there" in caplog.text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,scene\na,1\n", "no column group"),
        ("", "cannot be read as CSV"),
        ("path,group\na.jpg,1\na.jpg,2\n", r"puts a\.jpg into 2 groups"),
    ],
)
def test_another_table_is_refused(table, tmp_path, text, words):
    with pytest.raises(UserError, match=words):
        read_known_groups(table(text), tmp_path)


def test_known_groups_join_what_nothing_else_does():
    files = pd.DataFrame({"source_ids": ["s:1", "s:2", "", ""], "known_group": ["k", "", "k", ""]})
    for column in ("source_sha256", "sha256", "pixel_sha256"):
        files[column] = list("abcd")
    assert group_pictures(files).tolist() == ["s:1", "s:2", "s:1", "bytes:d"]
    alone = group_pictures(files.drop(columns="known_group"))
    assert len(np.unique(alone)) == 4
