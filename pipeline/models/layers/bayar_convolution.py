"""The layer `BayarConvolution` and its constraint."""
# ruff: noqa: D102  the class says what its build, call and get_config do

from typing import Any

import keras
import numpy as np
from keras import ops


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

    Reference: Bayar and Stamm, "A Deep Learning Approach to Universal Image Manipulation Detection Using
    a New Convolutional Layer", IH&MMSec 2016.
    """

    def __init__(self, filters: int, size: int = 5, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        if size < 3 or size % 2 == 0:
            raise ValueError(f"size: found {size}, expected an odd number of at least 3")
        self.filters, self.size = filters, size

    def build(self, input_shape: Any) -> None:
        constraint, start = PredictionError(), keras.initializers.GlorotUniform()

        def constrained(shape: Any, dtype: Any) -> Any:
            return constraint(start(shape, dtype))

        shape = (self.size, self.size, input_shape[-1], self.filters)
        self.kernel = self.add_weight(
            shape=shape, initializer=constrained, constraint=constraint, name="kernel"
        )

    def call(self, image: Any) -> Any:
        margin = [self.size // 2] * 2
        image = ops.pad(image, [[0, 0], margin, margin, [0, 0]], mode="reflect")
        return ops.conv(image, self.kernel, padding="valid")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": self.filters, "size": self.size}
