"""Outlines of what is tampered with."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.forgery.outlines import chosen_outline, free_outline, lasso_outline


@given(
    seed=st.integers(0, 999),
    height=st.integers(16, 80),
    width=st.integers(16, 80),
    share=st.floats(0.001, 0.5),
)
def test_a_free_outline_is_one_piece_without_holes(seed, height, width, share):
    mask = free_outline(np.random.default_rng(seed), (height, width), share)
    assert mask.shape == (height, width)
    assert mask.any()
    assert cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] == 2
    assert (
        cv2.connectedComponents(np.pad(~mask, 1, constant_values=True).astype(np.uint8), connectivity=4)[0]
        == 2
    )


def test_a_free_outline_takes_about_the_share_asked_for():
    shares = [free_outline(np.random.default_rng(seed), (90, 120), 0.1).mean() for seed in range(40)]
    assert np.mean(shares) == pytest.approx(0.1, rel=0.2)


def test_a_thing_of_fitting_size_is_mostly_preferred():
    small, fitting = np.zeros((2, 60, 60), bool)
    small[:2, :2], fitting[10:25, 10:40] = True, True
    taken = [
        np.array_equal(
            chosen_outline(np.random.default_rng(seed), (60, 60), [small, fitting], (0.05, 0.2)), fitting
        )
        for seed in range(50)
    ]
    assert 30 < sum(taken) < 50


@given(
    seed=st.integers(0, 999),
    height=st.integers(8, 80),
    width=st.integers(8, 80),
    share=st.floats(0.001, 0.5),
)
def test_a_lasso_outline_is_never_empty_and_of_the_pictures_size(seed, height, width, share):
    mask = lasso_outline(np.random.default_rng(seed), (height, width), share)
    assert mask.shape == (height, width)
    assert mask.dtype == bool
    assert mask.any()


def test_a_lasso_outline_takes_about_the_share_asked_for():
    shares = [lasso_outline(np.random.default_rng(seed), (128, 128), 0.1).mean() for seed in range(200)]
    assert np.mean(shares) == pytest.approx(0.1, rel=0.3)
