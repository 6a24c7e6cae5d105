"""The layer `Residuals`."""
# ruff: noqa: D102  the class says what its build, call and get_config do

from typing import Any

import keras
import numpy as np
from keras import ops

from pipeline.models.layers.jpeg_basis import LUMA

LIMIT = 3.0  # grey levels; larger residuals are edges, which tell of the scene and not of its noise

# (kernel, row, column), each adding up to zero.
# fmt: off
KERNELS = np.stack([
    np.array([[ 0,  0,   0,  0,  0],
              [ 0, -1,   2, -1,  0],
              [ 0,  2,  -4,  2,  0],
              [ 0, -1,   2, -1,  0],
              [ 0,  0,   0,  0,  0]]) / 4,
    np.array([[-1,  2,  -2,  2, -1],
              [ 2, -6,   8, -6,  2],
              [-2,  8, -12,  8, -2],
              [ 2, -6,   8, -6,  2],
              [-1,  2,  -2,  2, -1]]) / 12,
    np.array([[ 0,  0,   0,  0,  0],
              [ 0,  0,   0,  0,  0],
              [ 0,  1,  -2,  1,  0],
              [ 0,  0,   0,  0,  0],
              [ 0,  0,   0,  0,  0]]) / 2,
])
# fmt: on


@keras.saving.register_keras_serializable(package="fake_image_detection")
class Residuals(keras.layers.Layer):
    """Noise residuals: three fixed high-pass filters, cut off at ±3 grey levels and divided by 3.

    They take the scene away and leave noise, interpolation and compression. The border is mirrored, so
    that it is no edge. In float32 unless another dtype is given: they are small differences of large
    numbers.

    Args:
        luma: of the luminance (three maps) instead of each of R, G, B (nine: the three of R first).

    Input shape: (batch, height, width, 3), 0 to 255, at least 3 × 3.
    Output shape: (batch, height, width, 3 or 9), -1 to 1.

    Reference: Fridrich and Kodovsky, "Rich Models for Steganalysis of Digital Images" (SRM), IEEE TIFS
    2012; the choice of three is that of Zhou et al., "Learning Rich Features for Image Manipulation
    Detection" (RGB-N), CVPR 2018.
    """

    def __init__(self, luma: bool, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.luma = luma
        channels = 1 if luma else 3
        kernel = np.einsum("kyx,cd->yxcdk", KERNELS, np.eye(channels))
        self._kernel = kernel.reshape(5, 5, channels, -1)

    def call(self, image: Any) -> Any:
        if self.luma:
            image = ops.matmul(image, ops.convert_to_tensor(LUMA, self.compute_dtype))
        image = ops.pad(image, [[0, 0], [2, 2], [2, 2], [0, 0]], mode="reflect")
        found = ops.conv(image, ops.convert_to_tensor(self._kernel, self.compute_dtype), padding="valid")
        return ops.clip(found, -LIMIT, LIMIT) / LIMIT

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "luma": self.luma}
