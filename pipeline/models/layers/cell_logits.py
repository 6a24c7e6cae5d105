"""The layer `CellLogits`."""
# ruff: noqa: D102  the class says what its build, call and get_config do

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="fake_image_detection")
class CellLogits(keras.layers.Layer):
    """One logit a cell: a weighted sum of its features and an offset.

    In float32 unless another dtype is given: bfloat16 keeps 8 bits, too few for a logit.

    Input shape: (batch, rows, columns, channels).
    Output shape: (batch, rows, columns).
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(shape=(input_shape[-1], 1), initializer="glorot_uniform", name="kernel")
        self.bias = self.add_weight(shape=(), initializer="zeros", name="bias")

    def call(self, features: Any) -> Any:
        return ops.squeeze(ops.matmul(features, self.kernel), axis=-1) + self.bias

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[:-1]
