"""The layer `TableModulation`."""
# ruff: noqa: D102  the class says what its build, call and get_config do

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="fake_image_detection")
class TableModulation(keras.layers.Layer):
    """Features scaled and shifted by what the file's quantisation table is (FiLM).

    How often a size of a coefficient is to be expected depends on the quality the file was saved at. Two
    dense layers turn log(table + 1) into a factor and an offset for each channel:
    features × (1 + factor) + offset. A table of zeros (no JPEG) is one more table to them.

    Args:
        units: of the first dense layer.

    Input shape: features (batch, rows, columns, channels) and the quantisation table (batch, 8, 8).
    Output shape: that of the features.

    Reference: Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer", AAAI 2018.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, features_shape: Any, quantisation_shape: Any) -> None:
        self.channels = features_shape[-1]
        self.hidden = keras.layers.Dense(self.units, "relu", dtype=self.dtype_policy, name="hidden")
        self.effect = keras.layers.Dense(2 * self.channels, dtype=self.dtype_policy, name="effect")
        self.hidden.build((quantisation_shape[0], 64))
        self.effect.build((quantisation_shape[0], self.units))

    def call(self, features: Any, quantisation: Any) -> Any:
        table = ops.log1p(ops.reshape(quantisation, (-1, 64))) / 4  # 8-bit entries: 0 to 1.4
        effect = ops.reshape(self.effect(self.hidden(table)), (-1, 1, 1, 2 * self.channels))
        return features * (1 + effect[..., : self.channels]) + effect[..., self.channels :]

    def compute_output_shape(self, features_shape: Any, quantisation_shape: Any) -> Any:  # noqa: ARG002
        return features_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}
