"""p-values: of genuine pictures as rarely small as they say; what is known of too few is no bound."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from pipeline.detector.conformal import (
    FEWEST,
    LOSSLESS,
    QUALITIES,
    SIZES,
    Reference,
    conformal_p_values,
    needed_pictures,
    strata_of,
)
from pipeline.evidence import copy_move
from pipeline.images.files import find_pictures
from pipeline.images.read import read
from tests.detector.builders import numbers, reference

LEVELS = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.9])

# Statistics of all kinds: few values that tie, as counts do; and any others that a float can hold.
# No two so near that their distance is no usual number: no test answers so.
statistic = st.integers(0, 5).map(float) | st.floats(-1e6, 1e6).map(lambda value: round(value, 6))
genuine = st.lists(statistic, min_size=1, max_size=30)
smallest = st.sampled_from([0.5, 0.1, 0.02, 0.001])


def exchangeable(draw, n=999, times=2000, smallest=0.01):
    """p-values of pictures each of which was drawn like the genuine ones that it is compared with."""
    drawn = draw((times, n + 1))
    return np.array([conformal_p_values(row[:1], row[1:], smallest)[0] for row in drawn])


def test_of_genuine_pictures_they_are_uniform():
    p = exchangeable(np.random.default_rng(5).standard_normal)
    assert kstest(p, "uniform").pvalue > 0.05


DRAWS = {
    "continuous": lambda random, shape: random.standard_normal(shape),
    "heavy tail": lambda random, shape: random.standard_cauchy(shape),
    "counts": lambda random, shape: random.poisson(0.7, shape).astype(float),
    "nearly always nothing": lambda random, shape: random.random(shape) * (random.random(shape) < 0.03),
    "never anything": lambda random, shape: np.zeros(shape),  # noqa: ARG005
}


@pytest.mark.parametrize("kind", DRAWS)
@pytest.mark.parametrize("n", [99, 400])
def test_genuine_pictures_have_small_ones_no_more_often_than_they_say(kind, n):
    random = np.random.default_rng(n)
    p = exchangeable(lambda shape: DRAWS[kind](random, shape), n=n)
    share = (p[:, None] <= LEVELS).mean(axis=0)
    assert (share <= LEVELS + 3 * np.sqrt(LEVELS / len(p))).all()


@given(st.lists(statistic, min_size=1, max_size=8), genuine, smallest)
def test_they_fall_as_the_statistic_grows_and_stay_above_0(statistics, genuine, smallest):
    p = conformal_p_values(np.sort(statistics), np.array(genuine), smallest)
    assert (np.diff(p) <= 1e-12).all()
    assert (p > 0).all()
    assert (p <= 1).all()


@given(st.lists(statistic, min_size=1, max_size=8), genuine)
def test_with_enough_pictures_none_is_below_the_conformal_one(statistics, genuine):
    genuine, enough = np.array(genuine), 1 / (len(genuine) + 1)
    p = conformal_p_values(np.array(statistics), genuine, enough)
    as_large = (genuine >= np.array(statistics)[:, None]).sum(axis=1)
    assert (p >= (1 + as_large) / (len(genuine) + 1) - 1e-12).all()


@given(genuine)
def test_at_a_genuine_statistic_it_is_the_conformal_one(genuine):
    genuine = np.array(genuine)
    as_large = (genuine >= genuine[:, None]).sum(axis=1)
    wanted = (1 + as_large) / (len(genuine) + 1)
    enough = 1 / (len(genuine) + 1)
    assert conformal_p_values(genuine, genuine, enough) == pytest.approx(wanted)


def test_what_most_genuine_pictures_have_is_no_sign_of_anything():
    mostly_nothing = np.array([0.0] * 95 + [3.0, 4.0, 5.0, 6.0, 7.0])
    p = conformal_p_values(np.array([0.0, -1.0, 3.0, np.nan]), mostly_nothing, 0.01)
    assert p[:3] == pytest.approx([1, 1, 6 / 101])
    assert np.isnan(p[3])


def test_of_too_few_pictures_a_far_outlier_still_falls_below_the_rate_asked_for():
    few = np.arange(9.0)
    near, far, absurd = conformal_p_values(np.array([8.5, 60.0, 1e9]), few, 0.001)
    assert 0.001 < near < 0.2
    assert 0 < absurd < far < 0.001


def test_of_enough_pictures_no_outlier_is_rarer_than_their_number_says():
    p = conformal_p_values(np.array([1e9]), np.arange(999.0), 0.001)
    assert p[0] == pytest.approx(1 / 1000)


# Kinds of pictures.


def test_each_edge_of_a_kind_belongs_to_the_one_above_it():
    table = numbers(np.zeros(8)).assign(
        width=[499, 500, 3999, 4000, 1, 10_000, 500, 500],
        height=1000,
        jpeg_quality=[1, 74, 75, 89, 90, 100, np.nan, 60],
    )
    found = strata_of(table)
    sizes, (low, middle, high) = list(SIZES), QUALITIES
    assert list(found["size"]) == [sizes[place] for place in (0, 1, 1, 2, 0, 2, 1, 1)]
    assert list(found["quality"]) == [low, low, middle, middle, high, high, LOSSLESS, low]
    assert strata_of(table.set_axis(list("abcdefgh"))).index.tolist() == list("abcdefgh")


def mixed(*parts):
    """A reference of several kinds: (statistics, columns) each."""
    return Reference(pd.concat([reference(values, **columns).table for values, columns in parts]))


SMALL, LARGE = {"width": 400, "height": 300}, {"width": 4000, "height": 3000}
FINE, COARSE, NEVER = {"jpeg_quality": 95.0}, {"jpeg_quality": 50.0}, {"jpeg_quality": np.nan}


def p_of(reference, statistic, smallest=0.02, **columns):
    table = numbers([statistic], **columns)
    return reference.p_values(np.array([statistic]), strata_of(table), smallest)[0]


def test_a_picture_is_compared_with_its_own_kind_then_its_size_then_all():
    known = mixed(
        (np.zeros(60), SMALL | FINE),
        (np.full(20, 9.0), SMALL | COARSE),
        (np.full(10, 9.0), LARGE | FINE),
        (np.full(10, 9.0), LARGE | COARSE),
    )
    assert p_of(known, 5.0, **SMALL | FINE) == pytest.approx(1 / 61, abs=0.02)  # 60 of its kind are enough
    own, sized, everything = (p_of(known, 9.0, rate, **SMALL | FINE) for rate in (0.02, 0.015, 0.01))
    assert own == pytest.approx(1 / 61, abs=0.001)  # nothing like it among its kind
    assert sized == pytest.approx(21 / 81)
    assert everything == pytest.approx(41 / 101)
    assert p_of(known, 9.0, **LARGE | FINE) == pytest.approx(41 / 101)  # 20 of its size are not enough
    assert p_of(known, 9.0, **SMALL | COARSE) == pytest.approx(21 / 81)


def test_of_kinds_without_genuine_pictures_nothing_is_said():
    known = mixed((np.arange(200.0), SMALL | FINE), (np.arange(FEWEST), LARGE | FINE))
    assert np.isnan(p_of(known, 500.0, **SMALL | COARSE))
    assert np.isnan(p_of(known, 500.0, **SMALL | NEVER))
    assert np.isnan(p_of(known, 500.0, width=1000, height=1000, **FINE))
    assert p_of(known, 500.0, **LARGE | FINE) < 0.05
    assert np.isnan(p_of(mixed((np.arange(FEWEST - 1.0), SMALL | FINE)), 500.0, **SMALL | FINE))


def test_where_the_test_does_not_apply_there_is_none_and_such_pictures_are_no_reference():
    known = reference([np.nan, *range(50), np.nan])
    assert len(known) == 50
    assert np.isnan(p_of(known, np.nan))
    assert len(reference([])) == 0
    assert np.isnan(p_of(reference([]), 1.0))


def test_a_reference_is_the_same_from_a_file():
    known = mixed((np.linspace(0, 1, 30), SMALL | FINE), ([0.1 + 0.2] * 8, LARGE | NEVER))
    again = Reference.from_dict(json.loads(json.dumps(known.as_dict())))
    assert again.as_dict() == known.as_dict()
    assert len(again) == 38
    for kind in (SMALL | FINE, LARGE | NEVER):
        assert p_of(again, 0.3, **kind) == p_of(known, 0.3, **kind)


@pytest.mark.parametrize(
    "values",
    [
        [1], 3, {"tiny": {LOSSLESS: [1.0]}}, {next(iter(SIZES)): [1.0]},
        {next(iter(SIZES)): {LOSSLESS: ["x"]}}, {next(iter(SIZES)): {LOSSLESS: [float("nan")]}},
        {next(iter(SIZES)): {LOSSLESS: 3}}, {next(iter(SIZES)): {LOSSLESS: [None]}},
    ],
)  # fmt: skip
def test_what_is_no_reference_is_refused(values):
    with pytest.raises((ValueError, TypeError, AttributeError)):
        Reference.from_dict(values)


@pytest.mark.parametrize(
    ("rate", "tests", "needed"), [(0.02, 1, 49), (0.02, 4, 199), (0.01, 3, 299), (0.5, 1, 1)]
)
def test_so_many_pictures_allow_the_rate_and_one_less_does_not(rate, tests, needed):
    assert needed_pictures(rate, tests) == needed
    assert 1 / (needed + 1) <= rate / tests < 1 / needed


def test_real_genuine_pictures_are_called_fake_no_more_often_than_asked_for(real_pictures):
    """One half of the photographs of a collection against the other, many times."""
    paths, _ = find_pictures(real_pictures / "open/camera/genuine/cid22", for_tables=False)
    found = np.array([copy_move.examine(read(path)).statistic for path in paths[:40]])
    found, random = found[np.isfinite(found)], np.random.default_rng(0)
    assert len(found) >= 30
    shares = []
    for _ in range(400):
        first, second = np.array_split(random.permutation(found), 2)
        shares.append(
            (conformal_p_values(first, second, 1 / (len(second) + 1))[:, None] <= LEVELS).mean(axis=0)
        )
    assert (np.mean(shares, axis=0) <= LEVELS + 0.01).all()
