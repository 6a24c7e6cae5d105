"""Verdicts: what is said of a picture, why, and where nothing is."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.detector.decision import (
    CANNOT_TELL,
    DEFINITE,
    FAKE,
    GENUINE,
    NETWORK,
    NO_TRACE,
    UNSURE,
    Decision,
    called_fake,
    probability,
)
from pipeline.errors import UserError
from pipeline.evidence.panel import SPECIALISTS
from tests.detector.builders import BY_NETWORK, FIRST, numbers, reference, tried, two_tests


def said(decision, network, **columns):
    """The verdict on one picture, and its reason."""
    row = decision.judge(numbers([network], **columns)).iloc[0]
    return row["verdict"], row["reason"]


def verdicts(decision, network, **columns):
    return decision.judge(numbers(network, **columns))["verdict"].tolist()


def test_a_verdict_goes_by_how_many_genuine_pictures_look_as_suspicious():
    # Of 99 genuine pictures 1, 2, 9 and 10 are at least so suspicious; with the picture itself 2 to 11 %.
    assert verdicts(BY_NETWORK, [98, 97, 90, 89, 0]) == [FAKE, UNSURE, UNSURE, GENUINE, GENUINE]
    judged = BY_NETWORK.judge(numbers([98.0, 90.0, 0.0]))
    assert judged["p_value"].tolist() == pytest.approx([0.02, 0.1, 1.0])
    assert judged["called"].tolist() == [FAKE, GENUINE, GENUINE]


def test_the_reason_names_the_test_and_the_share():
    assert said(BY_NETWORK, 98.0)[1] == "network: 2.00% of genuine pictures look as suspicious"
    assert said(BY_NETWORK, 90.0)[1] == "network: 10% of genuine pictures look as suspicious"
    more = {NETWORK: reference(np.arange(99.0)), FIRST: reference(np.arange(300.0))}
    verdict, reason = said(two_tests(tests=more), 3.0, **{FIRST: 400.0})
    assert verdict == FAKE
    assert reason.startswith(f"{FIRST}: ")
    assert reason.endswith("of genuine pictures look as suspicious")


def test_without_a_band_no_verdict_is_unsure():
    bare = replace(BY_NETWORK, unsure=BY_NETWORK.false_alarms)
    assert verdicts(bare, [98, 97, 90]) == [FAKE, GENUINE, GENUINE]


@pytest.mark.parametrize(
    ("found", "verdict", "reason"),
    [
        ([True] * 6 + [False] * 6, GENUINE, "of our own tampering in such pictures 50% is found"),
        ([True] * 5 + [False] * 7, NO_TRACE, "of our own tampering in such pictures 42% is found"),
        ([True] * 2 + [False] * 10, NO_TRACE, "of our own tampering in such pictures 17% is found"),
        ([True] + [False] * 11, CANNOT_TELL, "leaves no trace in pictures of this kind"),
        ([], NO_TRACE, "what would be found in pictures of this kind was not tried"),
    ],
)
def test_silence_means_as_much_as_what_was_tried_was_found(found, verdict, reason):
    got, why = said(replace(BY_NETWORK, tampered=tried(found)), 0.0)
    assert got == verdict
    assert reason in why
    assert said(replace(BY_NETWORK, tampered=tried(found)), 98.0)[0] == FAKE  # a find needs none of it


def test_what_was_found_in_pictures_of_the_same_kind_counts_then_of_the_size_then_in_all():
    large = {"width": 4000, "height": 3000}
    known = {NETWORK: reference(np.arange(300.0), width=([384] * 150 + [4000] * 150), height=3000)}

    def with_tried(*parts):
        return replace(BY_NETWORK, tests=known, tampered=pd.concat([tried(f, **c) for f, c in parts]))

    here, coarse = ([True] * 20, {"height": 3000}), ([False] * 12, large | {"jpeg_quality": 50.0})
    assert said(with_tried(here, coarse), 0.0, **large)[0] == CANNOT_TELL  # of the size
    own = ([True] * 10, large)
    assert said(with_tried(here, coarse, own), 0.0, **large)[0] == GENUINE
    few = ([False] * 3, large)
    assert said(with_tried(here, few), 0.0, **large)[1].startswith(
        "of our own tampering in such pictures 87%"
    )


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"width": 63, "height": 900}, "63 × 900 pixels are too few"),
        ({"height": 8}, "384 × 8 pixels are too few"),
        ({"detail": 0.01}, "nearly all of it is flat"),
        ({"width": 4000, "height": 3000}, "no genuine pictures of this size and quality"),
        ({"jpeg_quality": np.nan}, "no genuine pictures of this size and quality"),
    ],
)
def test_where_nothing_can_be_said_it_says_why(columns, reason):
    for network in (0.0, 98.0, 1e6):
        verdict, why = said(BY_NETWORK, network, **columns)
        assert verdict == CANNOT_TELL
        assert reason in why


def test_only_verdicts_that_say_something_are_definite():
    assert {FAKE, GENUINE, NO_TRACE} == set(DEFINITE)
    assert not {UNSURE, CANNOT_TELL} & set(DEFINITE)


# Several tests.


def test_each_test_that_applies_costs_the_others_as_much():
    of_network = numbers([98.0])
    both = numbers([98.0], **{FIRST: 0.0})
    decision = two_tests()
    assert decision.judge(of_network)["p_value"].tolist() == pytest.approx([0.02])
    assert decision.judge(both)["p_value"].tolist() == pytest.approx([0.04])
    assert decision.judge(numbers([0.0], **{FIRST: 0.0}))["p_value"].tolist() == [1.0]
    columns = [f"p_{name}" for name in (NETWORK, FIRST)]
    assert decision.judge(both)[columns].to_numpy().ravel() == pytest.approx([0.02, 1.0])
    assert np.isnan(decision.judge(of_network)[f"p_{FIRST}"]).all()


def test_genuine_pictures_are_called_fake_as_rarely_as_asked_for_by_any_number_of_tests():
    random = np.random.default_rng(2)
    names = [NETWORK, *SPECIALISTS]
    shares = []
    for _ in range(30):
        common = random.normal(size=(1500, 1))  # what is odd to one test is odd to others
        drawn = pd.DataFrame(common + random.normal(size=(1500, len(names))), columns=names)
        tests = {name: reference(drawn[name][:1000]) for name in names}
        fresh = numbers(
            drawn[NETWORK][1000:], **{name: drawn[name][1000:].to_numpy() for name in SPECIALISTS}
        )
        suspicion = replace(BY_NETWORK, tests=tests).suspicion(fresh)
        shares.append((suspicion >= -np.log10(BY_NETWORK.false_alarms)).mean())
    assert 0.002 < np.mean(shares) <= 0.02 + 3 * np.std(shares) / np.sqrt(len(shares))


@given(st.lists(st.floats(-50, 500), min_size=2, max_size=12), st.floats(0.02, 50), st.floats(-9, 9))
def test_a_more_suspicious_picture_is_no_less_probably_fake(logits, temperature, offset):
    decision = replace(BY_NETWORK, temperature=temperature, offset=offset)
    judged = decision.judge(numbers(np.sort(logits)))
    assert (np.diff(judged["probability_fake"]) >= 0).all()
    assert (np.diff(judged["p_value"]) <= 0).all()
    assert judged["probability_fake"].between(0, 1).all()
    assert judged["probability_fake"].to_numpy() == pytest.approx(probability(judged["logit"]))


@given(st.floats(-50, 500), st.floats(0.05, 100), st.floats(-50, 50), st.sampled_from([0.001, 0.02, 0.3]))
def test_a_picture_is_called_fake_where_few_enough_genuine_ones_look_so(logit, temperature, offset, rate):
    decision = replace(
        BY_NETWORK, false_alarms=rate, unsure=max(rate, 0.1), temperature=temperature, offset=offset
    )
    judged = decision.judge(numbers([logit])).iloc[0]
    if abs(judged["p_value"] - rate) > 1e-9:
        assert (judged["called"] == FAKE) == (judged["p_value"] < rate)
        assert (judged["verdict"] == FAKE) == (judged["p_value"] < rate)


def test_the_threshold_itself_is_called_fake():
    assert called_fake([0.2, 0.5, 0.7], 0.5).tolist() == [False, True, True]
    at_rate = BY_NETWORK.judge(numbers([98.0]))["probability_fake"].iloc[0]
    assert at_rate == pytest.approx(BY_NETWORK.threshold)
    assert 0 < BY_NETWORK.threshold < 1


def test_suspicions_are_divided_by_the_temperature_and_moved_by_the_offset():
    suspicion = BY_NETWORK.suspicion(numbers([98.0, 89.0]))
    assert suspicion == pytest.approx(-np.log10([0.02, 0.11]))
    assert BY_NETWORK.logits(suspicion) == pytest.approx(suspicion / 0.5 - 2)
    assert BY_NETWORK.probabilities([1.0]) == pytest.approx(probability([0.0]))


def test_of_no_pictures_nothing_is_said():
    judged = BY_NETWORK.judge(numbers([]))
    assert len(judged) == 0
    assert {"p_value", "logit", "probability_fake", "called", "verdict", "reason"} <= set(judged)


def test_rows_keep_their_names():
    judged = BY_NETWORK.judge(numbers([98.0, 0.0]).set_axis(["a", "b"]))
    assert judged["verdict"].to_dict() == {"a": FAKE, "b": GENUINE}


@pytest.mark.parametrize("no_number", [np.nan, np.inf, -np.inf])
def test_an_answer_that_is_no_number_is_refused(no_number):
    with pytest.raises(UserError, match="NaN or infinity for 1 of 2 pictures: its training came apart"):
        BY_NETWORK.judge(numbers([1.0, no_number]))


def test_specialists_alone_judge_where_no_network_was_asked():
    table = numbers([0.0, 0.0], **{FIRST: [0.0, 98.0]}).drop(columns=NETWORK)
    judged = two_tests().judge(table)
    assert judged["called"].tolist() == [GENUINE, FAKE]
    assert f"p_{NETWORK}" not in judged


# What a rate takes, and the file.


def test_too_few_genuine_pictures_are_counted_with_the_number_needed():
    assert BY_NETWORK.shortage() == {}
    assert two_tests().shortage() == {}  # 99 each
    few = two_tests(false_alarms=0.01)
    assert few.shortage() == {NETWORK: (99, 199), FIRST: (99, 199)}
    one = two_tests(tests={NETWORK: reference(np.arange(99.0)), FIRST: reference(np.arange(30.0))})
    assert one.shortage() == {FIRST: (30, 99)}


def test_from_the_statistic_that_a_test_alone_would_call_fake_few_genuine_pictures_are():
    for rate in (0.01, 0.02, 0.1):
        at = replace(BY_NETWORK, false_alarms=rate, unsure=0.5).statistic_at(NETWORK)
        assert (np.arange(99.0) >= at).mean() <= rate + 1 / 99


def test_a_file_holds_all_of_it():
    decision = two_tests()
    content = json.loads(json.dumps(decision.as_dict(), allow_nan=False))
    again = Decision.from_dict(content)
    assert again.as_dict() == decision.as_dict()
    assert content["threshold"] == decision.threshold
    pictures = numbers([0.0, 50.0, 98.0, 200.0], **{FIRST: [3.0, np.nan, 90.0, 0.0]})
    pd.testing.assert_frame_equal(again.judge(pictures), decision.judge(pictures))
    nothing_tried = replace(decision, tampered=tried([]))
    again = Decision.from_dict(json.loads(json.dumps(nothing_tried.as_dict())))
    assert again.judge(pictures)["verdict"].iloc[0] == NO_TRACE


def test_a_share_that_is_all_but_zero_is_not_called_zero():
    rarely = replace(BY_NETWORK, false_alarms=1e-4)
    assert said(rarely, 5_000.0)[1] == "network: less than 0.01% of genuine pictures look as suspicious"
