"""What brushes do: only where it was selected, and what each is for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.forgery.operations import BY_HAND, tamper_at_random
from pipeline.forgery.patches import lasso_outline, wand_outline
from pipeline.forgery.retouching import RETOUCHING, fill, local_noise, recolouring

SHAPE = (64, 80)


@pytest.fixture(scope="module")
def outline():
    return lasso_outline(np.random.default_rng(3), SHAPE, 0.15)


def _picture(photographs, number=0):
    return photographs[number].pixels[: SHAPE[0], : SHAPE[1]]


@pytest.mark.parametrize("name", RETOUCHING)
def test_nothing_changes_but_what_is_selected(photographs, outline, name):
    picture = _picture(photographs)
    forged = RETOUCHING[name](np.random.default_rng(1), picture, outline)
    assert np.array_equal(forged.pixels[~outline], picture[~outline])
    assert not (forged.mask & ~outline).any()
    assert (forged.pixels[forged.mask] != picture[forged.mask]).any(axis=1).mean() > 0.4


def test_sliders_change_the_light_by_as_much_as_is_seen(photographs, outline):
    picture = _picture(photographs)
    changes = []
    for seed in range(20):
        forged = recolouring(np.random.default_rng(seed), picture, outline)
        changes.append(abs(float(forged.pixels[outline].mean()) - float(picture[outline].mean())))
    assert np.median(changes) > 5


def test_grain_leaves_the_mean_alone_and_adds_variance(outline):
    picture = np.full((*SHAPE, 3), 120, np.uint8)
    forged = local_noise(np.random.default_rng(2), picture, outline)
    inside = forged.pixels[forged.mask].astype(float)
    assert abs(inside.mean() - 120) < 1
    assert inside.std() > 1


def test_a_fill_takes_a_thing_away(outline):
    picture = np.full((*SHAPE, 3), 90, np.uint8)
    picture[outline] = 250
    wider = np.zeros(SHAPE, bool)
    wider |= outline
    for rows, columns in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        wider |= np.roll(outline, (rows, columns), (0, 1))
    forged = fill(np.random.default_rng(4), picture, wider)
    assert abs(float(forged.pixels[outline].mean()) - 90) < 10


def test_a_magic_wand_follows_a_thing():
    picture = np.random.default_rng(0).integers(80, 100, (96, 96, 3)).astype(np.uint8)
    thing = np.zeros((96, 96), bool)
    thing[20:76, 30:70] = True
    picture[thing] += 120
    overlaps, purity = [], []
    for seed in range(30):
        outline = wand_outline(np.random.default_rng(seed), picture, thing.mean())
        assert outline.any()
        overlap = (outline & thing).sum() / (outline | thing).sum()
        overlaps.append(max(overlap, (outline & ~thing).sum() / (outline | ~thing).sum()))
        inside = (outline & thing).sum() / outline.sum()
        purity.append(max(inside, 1 - inside))  # of the thing, or of what is around it
    assert np.median(purity) > 0.85
    assert np.median(overlaps) > 0.4


@given(
    seed=st.integers(0, 999),
    height=st.integers(16, 80),
    width=st.integers(16, 80),
    share=st.floats(0.02, 0.5),
    flat=st.booleans(),
)
def test_a_selection_is_never_empty_and_of_the_pictures_size(seed, height, width, share, flat):
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    outline = wand_outline(np.random.default_rng(seed), picture * (not flat), share)
    assert outline.shape == (height, width)
    assert outline.any()


@given(seed=st.integers(0, 9_999))
def test_tampering_by_hand_keeps_the_host_outside_the_mask(photographs, seed):
    host, donor = _picture(photographs, seed % 6), photographs[(seed + 1) % 6].pixels
    forged = tamper_at_random(np.random.default_rng(seed), host, donor, by_hand=True)
    assert np.array_equal(forged.pixels[~forged.mask], host[~forged.mask])
    assert forged.mask.any()


def test_by_hand_has_every_operation():
    assert sum(BY_HAND.values()) == pytest.approx(1)
    assert set(RETOUCHING) < set(BY_HAND)
