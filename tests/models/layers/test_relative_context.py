import numpy as np
import pytest

from pipeline.models.layers import RelativeContext


def test_each_cell_is_beside_its_difference_to_its_own_pictures_mean():
    features = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype(np.float32)
    found = RelativeContext()(features).numpy()
    assert np.array_equal(found[..., :4], features)
    assert np.allclose(found[..., 4:], features - features.mean(axis=(1, 2), keepdims=True), atol=1e-6)


@pytest.mark.usefixtures("mixed_policy")
def test_the_mean_of_many_cells_is_right_in_mixed_precision():
    features = np.ones((1, 64, 64, 1), np.float32)
    assert not np.asarray(RelativeContext()(features), np.float32)[..., 1].any()
