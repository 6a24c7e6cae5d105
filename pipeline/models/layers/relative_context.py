"""The layer `RelativeContext`."""
# ruff: noqa: D102  the class says what its build, call and get_config do

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="fake_image_detection")
class RelativeContext(keras.layers.Layer):
    """Features beside their difference to the picture's mean, so that a cell is judged against the rest.

    What is usual in one camera's noise or one file's coefficients is odd in another's; tampering is what
    differs from the picture around it.

    Input shape: (batch, rows, columns, channels).
    Output shape: (batch, rows, columns, 2 × channels).
    """

    def call(self, features: Any) -> Any:
        mean = ops.mean(ops.cast(features, "float32"), axis=(1, 2), keepdims=True)
        return ops.concatenate([features, features - ops.cast(mean, features.dtype)], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], 2 * input_shape[-1])
