"""Splicing, copy-move and removal: exact masks, traces of their own, the same for the same seed."""

import numpy as np
import pytest

from pipeline.forgery.copy_move import copy_move
from pipeline.forgery.outlines import free_outline
from pipeline.forgery.removal import removal
from pipeline.forgery.splice import SHARES, splice

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
