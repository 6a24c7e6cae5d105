"""Outlines of what is tampered with."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.forgery.patches import (
    Patch,
    chosen_outline,
    cut,
    fitted_light,
    free_outline,
    lasso_outline,
    paste,
    turned,
)


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


# Cutting and pasting: the mask says exactly what was painted over.
#

HOST = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


@given(
    top=st.integers(-15, 45), left=st.integers(-15, 55), tall=st.integers(1, 20), wide=st.integers(1, 20),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_outside_the_mask_the_host_is_untouched_bit_for_bit(top, left, tall, wide, seed):
    rng = np.random.default_rng(seed)
    alpha = rng.choice([0.0, 0.01, 0.5, 1.0], (tall, wide)).astype(np.float32)
    patch = Patch(rng.uniform(0, 255, (tall, wide, 3)).astype(np.float32), alpha)
    rows, columns = np.nonzero(alpha >= 0.5)
    if not (np.isin(rows + top, range(40)) & np.isin(columns + left, range(50))).any():
        with pytest.raises(ValueError, match="does not meet a host of 40 x 50"):
            paste(HOST, patch, top, left)
        return
    forged = paste(HOST, patch, top, left)
    assert forged.mask.any()
    assert np.array_equal(forged.pixels[~forged.mask], HOST[~forged.mask])


def test_where_alpha_is_1_the_patch_is_seen_as_it_is():
    outline = np.zeros((40, 50), bool)
    outline[5:15, 8:20] = True
    forged = paste(np.zeros_like(HOST), cut(HOST, outline, feather=0), 20, 30)
    assert np.array_equal(forged.pixels[20:30, 30:42], HOST[5:15, 8:20])
    assert forged.mask.sum() == outline.sum()


def test_a_soft_edge_fades_inwards_and_never_outwards():
    outline = np.zeros((40, 50), bool)
    outline[5:35, 8:40] = True
    patch = cut(HOST, outline, feather=2.0)
    assert patch.alpha.shape == (30, 32)
    assert patch.alpha[15, 16] == pytest.approx(1, abs=1e-4)
    assert patch.alpha[0].max() < 0.3
    assert (np.diff(patch.alpha[15, :8]) >= 0).all()


def test_turning_by_90_degrees_moves_pixels_and_changes_none():
    outline = np.ones((40, 50), bool)
    patch = turned(cut(HOST, outline, 0), angle=90, scale=1)
    assert patch.alpha.shape == (50, 40)
    assert np.abs(patch.pixels[2:-2, 2:-2] - np.rot90(HOST)[2:-2, 2:-2]).max() < 2


def test_mirroring_turns_left_into_right():
    patch = turned(cut(HOST, np.ones((40, 50), bool), 0), angle=0, scale=1, mirrored=True)
    assert np.array_equal(patch.pixels, HOST[:, ::-1].astype(np.float32))


@pytest.mark.parametrize("scale", [0.5, 1.7])
def test_scaling_scales_the_area(scale):
    outline = np.zeros((40, 50), bool)
    outline[4:34, 6:46] = True
    patch = turned(cut(HOST, outline, 0), angle=20, scale=scale)
    assert patch.alpha.sum() == pytest.approx(outline.sum() * scale**2, rel=0.12)


def test_fitting_the_light_moves_the_mean_towards_the_host():
    dark = Patch(np.full((10, 10, 3), 30, np.float32), np.ones((10, 10), np.float32))
    bright = np.full((40, 50, 3), 200, np.uint8)
    assert fitted_light(dark, bright, 5, 5, 0.5).pixels.mean() == pytest.approx(115)
    assert np.array_equal(fitted_light(dark, bright, 5, 5, 0.0).pixels, dark.pixels)
