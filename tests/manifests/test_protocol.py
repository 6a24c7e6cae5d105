import pandas as pd
import pytest

from pipeline.config import Collection, Data
from pipeline.errors import UserError
from pipeline.manifests.protocol import NO_JPEG, NO_SOURCE, leave_out
from tests.manifests.casia2 import NAMES, casia2_names

COLLECTIONS = {
    "here": Collection(genuine="g", fake="f", role="train"),
    "far": Collection(genuine="g", fake="f", role="test"),
    "casia2": Collection(genuine="g", fake="f", role="train"),
}


def reasons(table, *protocol):
    data = Data(
        name="d",
        root="",
        genuine="",
        fake="",
        masks="",
        protocol=list(protocol),
        known_groups=None,
        collections=COLLECTIONS,
    )
    return leave_out(table, data).tolist()


def pictures(*rows):
    """Make rows of files.csv from (collection, label, source ids, format)."""
    return pd.DataFrame(rows, columns=["collection", "label", "source_ids", "source_format"])


TABLE = pictures(
    ("here", "fake", "s:1|s:2", "JPEG"),
    ("here", "fake", "s:3", "TIFF"),
    ("here", "genuine", "s:1", "JPEG"),
    ("here", "genuine", "s:2", "PNG"),
    ("here", "genuine", "s:3", "JPEG"),
    ("here", "genuine", "s:4", "JPEG"),
    ("far", "genuine", "", "JPEG"),
)


def test_no_protocol_uses_all():
    assert reasons(TABLE) == [""] * len(TABLE)


def test_jpeg_only_leaves_out_the_other_formats():
    assert reasons(TABLE, "jpeg_only") == ["", NO_JPEG, "", NO_JPEG, "", "", ""]


def test_source_matched_leaves_out_genuine_pictures_that_no_fake_was_made_from():
    assert reasons(TABLE, "source_matched") == ["", "", "", "", "", NO_SOURCE, NO_SOURCE]


def test_both_leave_out_the_sources_of_fakes_that_are_left_out():
    expected = ["", NO_JPEG, "", NO_JPEG, NO_SOURCE, NO_SOURCE, NO_SOURCE]
    assert reasons(TABLE, "source_matched", "jpeg_only") == expected
    assert reasons(TABLE, "jpeg_only", "source_matched") == expected


def test_a_protocol_that_leaves_no_class_says_why():
    without_names = TABLE.assign(source_ids="")
    with pytest.raises(UserError, match=r"data\.protocol is source_matched.* 4 genuine .*naming\.source"):
        reasons(without_names, "source_matched")
    with pytest.raises(UserError, match=r"data\.protocol is jpeg_only.* 2 fake .* no JPEG"):
        fake = TABLE["label"] == "fake"
        reasons(TABLE.assign(source_format=TABLE["source_format"].mask(fake, "PNG")), "jpeg_only")


@pytest.mark.skipif(not NAMES.is_dir(), reason="needs ../shared/data/casia2-names")
def test_three_quarters_of_the_genuine_pictures_of_casia2_feed_no_fake():
    assert reasons(casia2_names(), "source_matched").count(NO_SOURCE) == 5537
    assert reasons(casia2_names(), "jpeg_only").count(NO_JPEG) == 3059 + 54
