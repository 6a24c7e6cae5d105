"""Layers that take the scene away and leave noise: fixed and learned residuals, neighbouring pixels."""

# ruff: noqa: D102  the class says what its build, call and get_config do
from typing import Any

import keras
import numpy as np
from keras import ops

from pipeline.models.layers.jpeg_layers import LUMA

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

    They take the scene away and leave noise, interpolation and compression. The border is mirrored, so that
    it is no edge. In float32 unless another dtype is given: they are small differences of large numbers.

    Args:
        luma: of the luminance (three maps) instead of each of R, G, B (nine: the three of R first).

    Input shape: (batch, height, width, 3), 0 to 255, at least 3 × 3.
    Output shape: (batch, height, width, 3 or 9), -1 to 1.

    Reference: Fridrich and Kodovsky, "Rich Models for Steganalysis of Digital Images" (SRM), IEEE TIFS
    2012; the choice of three is that of Zhou et al. (RGB-N, see `srm`).
    """

    def __init__(self, luma: bool, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.luma = luma
        channels = 1 if luma else 3
        self._kernel = np.einsum("kyx,cd->yxcdk", KERNELS, np.eye(channels)).reshape(5, 5, channels, -1)

    def call(self, image: Any) -> Any:
        if self.luma:
            image = ops.matmul(image, ops.convert_to_tensor(LUMA, self.compute_dtype))
        image = ops.pad(image, [[0, 0], [2, 2], [2, 2], [0, 0]], mode="reflect")
        residuals = ops.conv(image, ops.convert_to_tensor(self._kernel, self.compute_dtype), padding="valid")
        return ops.clip(residuals, -LIMIT, LIMIT) / LIMIT

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "luma": self.luma}


class PredictionError(keras.constraints.Constraint):
    """Keeps each kernel a prediction of the middle pixel by its neighbours, minus that pixel.

    The weights around the middle add up to 1, the middle is -1. What is missing of 1 is spread over the
    neighbours evenly; dividing by the sum, as the paper does, blows up where the sum is near zero.
    """

    def __call__(self, kernel: Any) -> Any:
        """Mend a kernel (rows, columns, channels, filters) with odd rows and columns."""
        rows, columns, _, _ = kernel.shape
        middle = np.zeros((rows, columns, 1, 1), np.float32)
        middle[rows // 2, columns // 2] = 1
        around = kernel * (1 - middle)
        missing = 1 - ops.sum(around, axis=(0, 1), keepdims=True)
        return (around + missing / (rows * columns - 1)) * (1 - middle) - middle


@keras.saving.register_keras_serializable(package="fake_image_detection")
class BayarConvolution(keras.layers.Layer):
    """A convolution that learns residuals: no constant part of a picture passes it.

    The constraint holds from the first weights on and after each update of an optimizer. The border is
    mirrored. In float32 unless another dtype is given: residuals are small differences of large numbers.

    Args:
        filters: how many.
        size: rows and columns of the kernel, odd.

    Input shape: (batch, height, width, channels), at least `size` / 2 high and wide.
    Output shape: (batch, height, width, filters).

    Reference: Bayar and Stamm, IH&MMSec 2016, see `srm`.
    """

    def __init__(self, filters: int, size: int = 5, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        if size < 3 or size % 2 == 0:
            raise ValueError(f"size: found {size}, expected an odd number of at least 3")
        self.filters, self.size = filters, size

    def build(self, input_shape: Any) -> None:
        constraint, start = PredictionError(), keras.initializers.GlorotUniform()
        self.kernel = self.add_weight(
            shape=(self.size, self.size, input_shape[-1], self.filters),
            initializer=lambda shape, dtype: constraint(start(shape, dtype)),
            constraint=constraint,
            name="kernel",
        )

    def call(self, image: Any) -> Any:
        margin = [self.size // 2] * 2
        image = ops.pad(image, [[0, 0], margin, margin, [0, 0]], mode="reflect")
        return ops.conv(image, self.kernel, padding="valid")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": self.filters, "size": self.size}


@keras.saving.register_keras_serializable(package="fake_image_detection")
class NeighbouringPixels(keras.layers.Layer):
    """Neighbouring pixel relationships (NPR): what is lost by halving and doubling a picture.

    Each pixel minus the upper left one of its 2 × 2, times 2/3: three quarters of the result are
    differences, one quarter is zero. The upsampling at the end of a generator leaves its mark in them.
    In float32 unless another dtype is given. For the paper see `npr`.

    Input shape: (batch, height, width, channels), even sides.
    Output shape: the same.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})

    def call(self, image: Any) -> Any:
        halved = image[:, ::2, ::2]
        return (image - ops.repeat(ops.repeat(halved, 2, axis=1), 2, axis=2)) * (2 / 3)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape
