"""What a detector says of pictures unlike all that it was trained and calibrated on."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.detector.decision import CANNOT_TELL, FAKE, GENUINE, NETWORK
from pipeline.detector.known_kinds import KnownKinds
from tests.detector.builders import FIRST, numbers, two_tests

KNOWN = KnownKinds.of(numbers([0.0] * 3, width=[384, 600, 500], jpeg_quality=[75.0, 95.0, 90.0]))


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({}, ""),
        ({"width": 768}, ""),
        ({"width": 4000, "height": 3000}, "12 megapixels; this detector knows 0.098–0.15"),
        ({"width": 100, "height": 100}, "0.01 megapixels; this detector knows 0.098–0.15"),
        ({"jpeg_quality": 71.0}, ""),
        ({"jpeg_quality": 40.0}, "JPEG of quality 40; this detector knows 75 to 95"),
        ({"jpeg_quality": np.nan, "chroma": np.nan}, "it is no JPEG, and this detector knows JPEGs alone"),
        ({"chroma": 1.0}, "colours stored as 4:4:4; this detector knows 4:2:0"),
        ({"chroma": 0.0}, "colours stored as grey; this detector knows 4:2:0"),
    ],
)
def test_what_is_unlike_all_that_is_known_is_named(columns, reason):
    assert KNOWN.outside(numbers([0.0], **columns)) == [reason]


def test_of_a_picture_of_another_kind_the_network_is_not_asked_and_specialists_are():
    decision = replace(two_tests(), known=KNOWN)
    other = {"chroma": 1.0}
    judged = decision.judge(numbers([98.0, 98.0], **other, **{FIRST: [0.0, 98.0]}))
    assert judged["verdict"].tolist() == [CANNOT_TELL, FAKE]
    assert judged["reason"].iloc[0] == "colours stored as 4:4:4; this detector knows 4:2:0"
    assert judged[f"p_{NETWORK}"].isna().all()
    judged = decision.judge(numbers([0.0], **{FIRST: [0.0]}))
    assert judged["verdict"].tolist() == [GENUINE]


def test_a_detector_of_scans_knows_no_jpegs():
    scans = KnownKinds.of(numbers([0.0], jpeg_quality=np.nan, chroma=np.nan))
    assert scans.outside(numbers([0.0])) == ["it is a JPEG, and this detector knows none"]
    assert scans.words() == "0.098 megapixels, other formats"
    assert KNOWN.words() == "0.098–0.15 megapixels, JPEG of quality 75–95"


sizes = st.integers(1, 20_000)
kinds = st.tuples(sizes, sizes, st.one_of(st.just((np.nan, np.nan)), st.tuples(
    st.integers(1, 100).map(float), st.sampled_from([0.0, 0.25, 0.5, 1.0])
)))  # fmt: skip


@given(st.lists(kinds, min_size=1, max_size=8))
def test_each_picture_that_was_learnt_from_is_of_a_known_kind_also_after_a_file(found):
    width, height, saved = zip(*found, strict=True)
    quality, chroma = zip(*saved, strict=True)
    table = numbers(np.zeros(len(found)), width=width, height=height, jpeg_quality=quality, chroma=chroma)
    known = KnownKinds.of(table)
    again = KnownKinds.from_dict(json.loads(json.dumps(known.as_dict(), allow_nan=False)))
    assert again == known
    assert known.outside(table) == [""] * len(found)
