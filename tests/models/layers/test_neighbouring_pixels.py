import numpy as np

from pipeline.models.layers import NeighbouringPixels

SMALL = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 3)).astype(np.float32)


def test_a_picture_that_was_doubled_by_its_nearest_pixels_has_none():
    doubled = SMALL.repeat(2, axis=1).repeat(2, axis=2)
    assert not np.asarray(NeighbouringPixels()(doubled)).any()


def test_it_is_two_thirds_of_the_difference_to_the_first_pixel_of_each_cell():
    found = NeighbouringPixels()(SMALL).numpy()
    assert np.allclose(found[0, 1, 3], (SMALL[0, 1, 3] - SMALL[0, 0, 2]) * 2 / 3)
    assert not found[:, ::2, ::2].any()
