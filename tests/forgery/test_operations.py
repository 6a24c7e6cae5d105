"""Splicing, copy-move and removal: exact masks, traces of their own, the same for the same seed."""

import cv2
import numpy as np
import pytest

from pipeline.forgery.operations import (
    DEEDS,
    SHARES,
    copy_move,
    local_blur,
    local_resampling,
    removal,
    splice,
    tamper,
)
from pipeline.forgery.patches import free_outline, lasso_outline

SEEDS = range(12)


def outline_of(photograph, seed, share=0.08):
    return free_outline(np.random.default_rng(seed), photograph.pixels.shape[:2], share)


def forgeries(photographs, seed):
    host, donor = photographs[seed % 6], photographs[(seed + 1) % 6]
    rng = np.random.default_rng
    return {
        "splice": splice(rng(seed), host.pixels, donor.pixels, outline_of(donor, seed)),
        "copy_move": copy_move(rng(seed), host.pixels, outline_of(host, seed)),
        "removal": removal(host.pixels, outline_of(host, seed)),
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_outside_the_mask_the_fake_is_the_host_bit_for_bit(photographs, seed):
    host = photographs[seed % 6].pixels
    for deed, forged in forgeries(photographs, seed).items():
        assert np.array_equal(forged.pixels[~forged.mask], host[~forged.mask]), deed
        assert (forged.pixels[forged.mask] != host[forged.mask]).any(axis=1).mean() > 0.5, deed


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
    assert min(shares) > 0.5 * SHARES[0]
    assert max(shares) < 1.5 * SHARES[1]


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
#


def crops(photographs, seed):
    host, donor = photographs[seed % 6].pixels, photographs[(seed + 1) % 6].pixels
    return host[:64, :80], donor[-64:, -72:]


@pytest.mark.parametrize("seed", range(60))
def test_a_twin_is_its_host_outside_the_mask_bit_for_bit(photographs, seed):
    host, donor = crops(photographs, seed)
    forged = tamper(np.random.default_rng(seed), host, donor)
    assert forged.pixels.shape == host.shape
    assert np.array_equal(forged.pixels[~forged.mask], host[~forged.mask])
    assert 0 < forged.mask.mean() < 0.9


def test_the_same_seed_gives_the_same_fake(photographs):
    host, donor = crops(photographs, 3)
    first, again, other = (tamper(np.random.default_rng(seed), host, donor).pixels for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_deeds_are_those_of_the_field():
    assert sum(DEEDS.values()) == pytest.approx(1)
    assert set(DEEDS) == {"splice", "copy_move", "local_blur", "local_resampling", "removal"}


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
