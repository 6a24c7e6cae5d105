"""Fakes made while training runs."""

import cv2
import numpy as np
import pytest

from pipeline.forgery.outlines import lasso_outline
from pipeline.forgery.retouch import local_blur, local_resampling
from pipeline.forgery.tamper import DEEDS, tamper


def crops(photographs, seed):
    host, donor = photographs[seed % 6].pixels, photographs[(seed + 1) % 6].pixels
    return host[:64, :80], donor[-64:, -72:]


@pytest.mark.parametrize("seed", range(60))
def test_outside_the_mask_the_fake_is_the_host_bit_for_bit(photographs, seed):
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
