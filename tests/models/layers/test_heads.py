import keras
import numpy as np
import pytest

from pipeline.models.layers import CellLogits, RelativeContext, TopKMean

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


def test_each_cell_is_beside_its_difference_to_its_own_pictures_mean():
    features = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype(np.float32)
    found = RelativeContext()(features).numpy()
    assert np.array_equal(found[..., :4], features)
    assert np.allclose(found[..., 4:], features - features.mean(axis=(1, 2), keepdims=True), atol=1e-6)


@pytest.mark.usefixtures("mixed_policy")
def test_the_mean_of_many_cells_is_right_in_mixed_precision():
    features = np.ones((1, 64, 64, 1), np.float32)
    assert not np.asarray(RelativeContext()(features), np.float32)[..., 1].any()


GENERATOR = np.random.default_rng(0)


def _expected(cells, share, fewest):
    count = min(max(fewest, int(share * cells[0].size + 1e-9)), cells[0].size)
    return np.sort(cells.reshape(len(cells), -1), axis=1)[:, -count:].mean(axis=1)


@pytest.mark.parametrize("shape", [(8, 8), (10, 50), (3, 2), (37, 41), (1, 1)])
@pytest.mark.parametrize("share", [0, 0.02, 0.29, 1])
def test_it_is_the_mean_of_the_largest_cells_for_any_height_and_width(shape, share):
    inputs = keras.Input((None, None))
    network = keras.Model(inputs, TopKMean(share, fewest=8)(inputs))
    cells = GENERATOR.normal(size=(3, *shape)).astype(np.float32)
    found = network.predict_on_batch(cells)  # as a graph
    assert np.allclose(found, _expected(cells, share, 8), atol=1e-5)
    assert np.allclose(network(cells), found, atol=1e-6)


def test_scale_and_offset_are_learned_and_change_nothing_at_first():
    layer = TopKMean(1.0)
    cells = np.ones((2, 4, 4), np.float32)
    assert np.allclose(layer(cells), 1)
    layer.scale.assign(3.0)
    layer.offset.assign(-1.0)
    assert np.allclose(layer(cells), 2)
    assert [each.name for each in layer.trainable_weights] == ["scale", "offset"]


@pytest.mark.parametrize("arguments", [(-0.1, 8), (1.1, 8), (0.5, 0)])
def test_what_makes_no_sense_is_refused(arguments):
    with pytest.raises(ValueError, match="expected"):
        TopKMean(*arguments)
