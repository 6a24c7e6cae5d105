"""Splicing, copy-move and removal: exact masks, traces of their own, the same for the same seed."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.forgery.operations import (
    FREQUENCIES,
    SAMPLE,
    copy_move,
    removal,
    splice,
    tamper,
    tamper_at_random,
)
from pipeline.forgery.patches import Patch, cut, fitted_light, lasso_outline, paste, turned
from pipeline.forgery.retouching import local_blur, local_resampling
from pipeline.forgery.sample_pictures import Photograph, forge, free_outline
from pipeline.forgery.sample_plan import Fake

SEEDS = range(12)


def outline_of(photograph, seed, share=0.08):
    return free_outline(np.random.default_rng(seed), photograph.pixels.shape[:2], share)


def forgeries(photographs, seed):
    host, donor = photographs[seed % 6], photographs[(seed + 1) % 6]
    rng = np.random.default_rng
    return {
        operation: tamper(
            rng(seed),
            operation,
            host.pixels,
            donor.pixels,
            outline_of(donor if operation == "splice" else host, seed),
        )
        for operation in FREQUENCIES
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_outside_the_mask_the_fake_is_the_host_bit_for_bit(photographs, seed):
    host = photographs[seed % 6].pixels
    for operation, forged in forgeries(photographs, seed).items():
        assert np.array_equal(forged.pixels[~forged.mask], host[~forged.mask]), operation
        assert (forged.pixels[forged.mask] != host[forged.mask]).any(axis=1).mean() > 0.5, operation


def test_the_same_seed_gives_the_same_fake_and_another_one_another(photographs):
    first, again, other = (forgeries(photographs, seed)["splice"].pixels for seed in (2, 2, 8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_host_itself_is_not_written_to(photographs):
    before = photographs[1].pixels.copy()
    forgeries(photographs, 1)
    assert np.array_equal(photographs[1].pixels, before)


def test_the_spliced_share_stays_within_its_limits(photographs):
    shares = [forgeries(photographs, seed)["splice"].mask.mean() for seed in SEEDS]
    assert min(shares) > 0.5 * SAMPLE.shares[0]
    assert max(shares) < 1.5 * SAMPLE.shares[1]


def test_a_donor_may_be_much_larger_than_its_host(photographs):
    donor = np.tile(photographs[0].pixels, (4, 4, 1))
    outline = np.ones(donor.shape[:2], bool)
    forged = splice(np.random.default_rng(0), photographs[1].pixels, donor, outline)
    assert 0 < forged.mask.mean() < 0.6


def test_a_copy_move_shows_what_was_copied_a_second_time(photographs):
    picture = photographs[4].pixels
    outline = np.zeros(picture.shape[:2], bool)
    outline[10:25, 10:30] = True
    for seed in range(40):
        forged = copy_move(np.random.default_rng(seed), picture, outline)
        if not forged.resampled and not forged.feathered:
            break
    rows, columns = np.nonzero(forged.mask)
    copy = forged.pixels[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert np.array_equal(copy, picture[10:25, 10:30])


def test_removal_takes_a_bright_disc_off_a_textured_ground():
    rng = np.random.default_rng(0)
    ground = rng.normal(100, 8, (80, 100, 3)).clip(0, 255).astype(np.uint8)
    rows, columns = np.mgrid[:80, :100]
    disc = np.hypot(rows - 40, columns - 50) < 9
    picture = ground.copy()
    picture[disc] = 250
    forged = removal(picture, disc)
    inside = forged.pixels[disc].astype(float)
    assert inside.mean() == pytest.approx(100, abs=6)
    assert inside.std() == pytest.approx(8, abs=3)  # grain, not a smear
    assert (forged.mask | ~disc).all()


def test_removal_finds_a_way_where_no_place_is_free(photographs):
    picture = photographs[0].pixels
    nearly_all = np.ones(picture.shape[:2], bool)
    nearly_all[:6] = False
    forged = removal(picture, nearly_all)
    assert np.array_equal(forged.pixels[~forged.mask], picture[~forged.mask])


def test_removal_at_the_border_and_of_everything_does_not_fail(photographs):
    picture = photographs[2].pixels
    corner = np.zeros(picture.shape[:2], bool)
    corner[:12, :12] = True
    assert removal(picture, corner).mask[:12, :12].all()
    assert removal(picture, np.ones_like(corner)).mask.all()


# Fakes made while training runs.


def crops(photographs, seed):
    host, donor = photographs[seed % 6].pixels, photographs[(seed + 1) % 6].pixels
    return host[:64, :80], donor[-64:, -72:]


@pytest.mark.parametrize("seed", range(60))
def test_a_twin_is_its_host_outside_the_mask_bit_for_bit(photographs, seed):
    host, donor = crops(photographs, seed)
    forged = tamper_at_random(np.random.default_rng(seed), host, donor)
    assert forged.pixels.shape == host.shape
    assert np.array_equal(forged.pixels[~forged.mask], host[~forged.mask])
    assert 0 < forged.mask.mean() < 0.9


def test_the_same_seed_gives_the_same_fake(photographs):
    host, donor = crops(photographs, 3)
    first, again, other = (
        tamper_at_random(np.random.default_rng(seed), host, donor).pixels for seed in (5, 5, 6)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_operations_are_those_of_the_field():
    assert sum(FREQUENCIES.values()) == pytest.approx(1)
    assert set(FREQUENCIES) == {"splice", "copy_move", "local_blur", "local_resampling", "removal"}


def test_blur_takes_detail_away_and_only_there(photographs):
    picture, _ = crops(photographs, 0)
    outline = lasso_outline(np.random.default_rng(1), picture.shape[:2], 0.2)
    forged = local_blur(np.random.default_rng(2), picture, outline)
    before, after = (cv2.Laplacian(each, cv2.CV_32F)[forged.mask].std() for each in (picture, forged.pixels))
    assert after < before
    assert not (forged.mask & ~outline).any()


def test_resampling_in_place_changes_most_of_what_it_covers(photographs):
    picture, _ = crops(photographs, 1)
    outline = lasso_outline(np.random.default_rng(3), picture.shape[:2], 0.2)
    forged = local_resampling(np.random.default_rng(4), picture, outline)
    assert (forged.pixels[forged.mask] != picture[forged.mask]).any(axis=1).mean() > 0.5
    assert not (forged.mask & ~outline).any()


# Outlines of what is tampered with.


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


@pytest.mark.parametrize(("draw", "count"), [(free_outline, 40), (lasso_outline, 200)], ids=["free", "lasso"])
def test_an_outline_takes_about_the_share_asked_for(draw, count):
    shares = [draw(np.random.default_rng(seed), (112, 128), 0.1).mean() for seed in range(count)]
    assert np.mean(shares) == pytest.approx(0.1, rel=0.2 if draw is free_outline else 0.3)


def test_a_thing_of_fitting_size_is_mostly_preferred():
    small, fitting = np.zeros((2, 60, 60), bool)
    small[:2, :2], fitting[10:25, 10:40] = True, True
    pixels = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
    host = Photograph(pixels, (small, fitting))
    fakes = [Fake(number, "local_blur", None, None, "png", "") for number in range(50)]
    inside = [not (forge(fake, host, host, seed=0).mask & ~fitting).any() for fake in fakes]
    assert 30 < sum(inside) < 50


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


# Cutting and pasting: the mask says exactly what was painted over.

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
