import numpy as np
import pytest

from pipeline.models.layers import CellLogits

FEATURES = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype(np.float32)


def test_each_cell_has_one_number_out_of_its_own_features():
    layer = CellLogits()
    layer.build(FEATURES.shape)
    layer.bias.assign(0.5)
    found = layer(FEATURES).numpy()
    assert np.allclose(found, (FEATURES @ layer.kernel.numpy())[..., 0] + 0.5, atol=1e-6)
    assert found.shape == (2, 3, 5)


@pytest.mark.usefixtures("mixed_policy")
def test_it_stays_in_float32_in_mixed_precision():
    assert CellLogits()(FEATURES).dtype == "float32"
