import numpy as np

from pipeline.models.layers import TableModulation

FEATURES = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype(np.float32)


def test_it_is_a_factor_and_an_offset_for_each_channel_out_of_the_table():
    layer = TableModulation(6)
    tables = np.stack([np.full((8, 8), 3), np.zeros((8, 8))]).astype(np.float32)
    found = layer(FEATURES, tables).numpy()
    (kernel, bias), (kernel_2, bias_2) = layer.hidden.get_weights(), layer.effect.get_weights()
    effect = np.maximum(np.log(tables.reshape(2, 64) + 1) / 4 @ kernel + bias, 0) @ kernel_2 + bias_2
    expected = FEATURES * (1 + effect[:, None, None, :4]) + effect[:, None, None, 4:]
    assert np.allclose(found, expected, atol=1e-5)
    assert np.array_equal(found[1], FEATURES[1])  # no table, and its offsets start at zero


def test_its_two_dense_layers_are_learned():
    layer = TableModulation(6)
    layer(FEATURES, np.zeros((2, 8, 8), np.float32))
    assert [tuple(each.shape) for each in layer.trainable_weights] == [(64, 6), (6,), (6, 8), (8,)]
