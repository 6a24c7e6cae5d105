"""The layer `NeighbouringPixels`."""
# ruff: noqa: D102  the class says what its build, call and get_config do

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="fake_image_detection")
class NeighbouringPixels(keras.layers.Layer):
    """Neighbouring pixel relationships (NPR): what is lost by halving and doubling a picture.

    Each pixel minus the upper left one of its 2 × 2 cell, times 2/3: three quarters of the result are
    differences, one quarter is zero. The upsampling at the end of a generator leaves its mark in them.
    In float32 unless another dtype is given.

    Input shape: (batch, height, width, channels), even sides.
    Output shape: the same.

    Reference: Tan et al., "Rethinking the Up-Sampling Operations in CNN-based Generative Network for
    Generalizable Deepfake Detection", CVPR 2024.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})

    def call(self, image: Any) -> Any:
        halved = image[:, ::2, ::2]
        return (image - ops.repeat(ops.repeat(halved, 2, axis=1), 2, axis=2)) * (2 / 3)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape
