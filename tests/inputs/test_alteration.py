import numpy as np
import pytest

from pipeline.images.savings import Jpeg
from pipeline.inputs.alteration import Alteration, draw_alteration
from tests.inputs.drawn import augment, blotches

ALL = [draw_alteration(np.random.default_rng(seed), augment()) for seed in range(600)]


def test_it_stays_within_the_configured_limits_and_uses_them():
    scales = np.array([each.scale for each in ALL])
    blurs = np.array([each.blur for each in ALL])
    qualities = np.array([each.save.quality for each in ALL if each.save])
    assert 0.7 <= scales.min() < 0.72
    assert 1.37 < scales.max() <= 1.4
    assert 2.9 < blurs.max() <= 3.0
    assert qualities.min() < 33
    assert qualities.max() > 97
    assert 0.25 < np.mean([each.save is None for each in ALL]) < 0.35


def test_a_window_of_the_source_size_gives_a_picture_of_the_wanted_size_at_least():
    for alteration in ALL:
        height, width = alteration.source_size((64, 96))
        made = alteration.apply(blotches(0, height, width)).pixels
        assert made.shape[0] >= 64 - 8
        assert made.shape[1] >= 96 - 8
        assert all(side % 8 == 0 for side in made.shape[:2])


@pytest.mark.parametrize("side", [8, 12, 15, 16])
@pytest.mark.parametrize("scale", [0.6, 0.83, 1.4])
def test_masks_of_very_small_pictures_follow_them_too(side, scale):
    alteration = Alteration(scale=scale)
    followed = alteration.follow(np.ones((side, 128), bool))
    assert followed.shape == alteration.apply(blotches(0, side, 128)).pixels.shape[:2]
    assert followed.all()


def test_a_mask_follows_its_picture():
    alteration = Alteration(scale=0.75)
    mask = np.zeros((64, 96), bool)
    mask[:32] = True
    followed = alteration.follow(mask)
    assert followed.shape == alteration.apply(blotches(0, 64, 96)).pixels.shape[:2]
    assert abs(followed.mean() - 0.5) < 0.02


def test_nothing_asked_for_changes_nothing():
    assert np.array_equal(Alteration().apply(blotches(1)).pixels, blotches(1))
    assert not np.array_equal(Alteration(save=Jpeg(50, "4:2:0")).apply(blotches(1)).pixels, blotches(1))
