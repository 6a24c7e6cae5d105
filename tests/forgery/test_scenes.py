"""Scenes."""

import numpy as np
import pytest

from pipeline.forgery.scenes.families import FAMILIES

IDS = [family.draw.__name__ for family in FAMILIES]


@pytest.mark.parametrize("shape", [(32, 32), (64, 96), (97, 61)])
@pytest.mark.parametrize("family", FAMILIES, ids=IDS)
def test_every_family_fills_every_shape_with_light(family, shape):
    for seed in range(4):
        scene = family.draw(np.random.default_rng(seed), shape)
        assert scene.radiance.shape == (*shape, 3)
        assert scene.radiance.dtype == np.float32
        assert np.isfinite(scene.radiance).all()
        assert scene.radiance.min() >= 0
        assert scene.radiance.std() > 0.01
        assert all(thing.shape == shape and thing.dtype == bool for thing in scene.objects)


@pytest.mark.parametrize("family", FAMILIES, ids=IDS)
def test_things_in_a_scene_do_not_overlap(family):
    for seed in range(4):
        things = family.draw(np.random.default_rng(seed), (64, 96)).objects
        assert sum((thing.astype(int) for thing in things), np.zeros((64, 96), int)).max() <= 1


@pytest.mark.parametrize("family", FAMILIES, ids=IDS)
def test_a_scene_is_the_same_for_the_same_seed_only(family):
    first, again, other = (family.draw(np.random.default_rng(seed), (48, 64)).radiance for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("family", FAMILIES, ids=IDS)
def test_scenes_are_textured_like_photographs_and_not_like_noise(family):
    """Neighbouring pixels of photographs correlate by about 0.9 and more, those of noise by 0."""
    found = []
    for seed in range(4):
        grey = np.log(family.draw(np.random.default_rng(seed), (128, 192)).radiance.mean(axis=2) + 0.02)
        found.append(np.corrcoef(grey[:, 1:].ravel(), grey[:, :-1].ravel())[0, 1])
    assert 0.5 < np.mean(found) < 0.999
