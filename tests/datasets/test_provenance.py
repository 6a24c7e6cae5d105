import hashlib

import pytest

from pipeline.datasets.provenance import check_learnt_from
from pipeline.errors import UserError


@pytest.fixture
def tables(tmp_path):
    """A training table on disk, and what a record says of it."""
    (tmp_path / "train.csv").write_bytes(b"path\na.jpg\n")
    return {"train": {"path": "train.csv", "sha256": hashlib.sha256(b"path\na.jpg\n").hexdigest()}}


def test_the_tables_that_a_detector_was_trained_with_pass(tmp_path, tables):
    check_learnt_from(tmp_path, tables)


@pytest.mark.parametrize("content", [b"path\nb.jpg\n", None], ids=["changed", "gone"])
def test_tables_that_were_split_anew_since_are_refused(tmp_path, tables, content):
    path = tmp_path / "train.csv"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(UserError, match=r"was not trained with .*train\.csv as it is now.*make repro"):
        check_learnt_from(tmp_path, tables)
