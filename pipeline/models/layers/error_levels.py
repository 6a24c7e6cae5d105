"""The layer `ErrorLevels`."""
# ruff: noqa: D102  the class says what its build, call and get_config do

from typing import Any

import keras
import numpy as np
from keras import ops

from pipeline.images.jpeg import libjpeg_tables
from pipeline.models.layers.jpeg_basis import BLOCK, CENTRE, YCBCR, cosine_basis


@keras.saving.register_keras_serializable(package="fake_image_detection")
class ErrorLevels(keras.layers.Layer):
    """Error level analysis (ELA): the difference to the same picture saved once more as a JPEG.

    The save is computed, not made: YCbCr at full resolution (4:4:4), 8 × 8 DCT, libjpeg's tables of the
    quality, and back, rounding to whole numbers where libjpeg does (but not between the two passes of its
    transform, so a few coefficients fall to the other side). The gain is fixed; scaling each
    picture by its own largest error, as many scripts do, makes pictures incomparable.
    In float32 unless another dtype is given.

    Args:
        quality: of libjpeg, 1 to 100.
        gain: factor on the absolute difference.

    Input shape: (batch, height, width, 3), 0 to 255; sides are multiples of 8.
    Output shape: the same, 0 to 255 × gain.

    Reference: Krawetz, "A Picture's Worth… Digital Image Analysis and Forensics", Black Hat USA 2007.
    """

    def __init__(self, quality: int, gain: float, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        if not 1 <= quality <= 100:
            raise ValueError(f"quality: found {quality}, expected 1 to 100")
        self.quality, self.gain = quality, gain
        luminance, chrominance = libjpeg_tables(quality)
        self._tables = np.array([luminance, chrominance, chrominance], np.float32).T  # (64, 3)

    def call(self, image: Any) -> Any:
        return ops.abs(image - self._saved(image)) * self.gain

    def _saved(self, image: Any) -> Any:
        """What a decoder makes of the picture after it was saved."""
        to_ycbcr, basis, tables = map(self._constant, (YCBCR, cosine_basis(), self._tables))
        batch, height, width, _ = ops.shape(image)
        rows, columns = height // BLOCK, width // BLOCK
        # Luminance is centred here for the DCT; chrominance is in what the matrix gives.
        ycbcr = ops.round(ops.matmul(image, to_ycbcr)) - self._constant([CENTRE, 0, 0])
        blocks = ops.reshape(ycbcr, (batch, rows, BLOCK, columns, BLOCK, 3))
        blocks = ops.reshape(ops.transpose(blocks, (0, 1, 3, 2, 4, 5)), (batch, rows, columns, 64, 3))
        # libjpeg's transform gives eighths, and its division rounds halves away from zero.
        coefficients = ops.round(ops.einsum("brcpk,pf->brcfk", blocks, basis) * 8) / 8
        quantised = ops.sign(coefficients) * ops.floor(ops.abs(coefficients) / tables + 0.5)
        blocks = ops.einsum("brcfk,pf->brcpk", quantised * tables, basis)
        blocks = ops.clip(ops.round(blocks), -CENTRE, CENTRE - 1)
        blocks = ops.reshape(blocks, (batch, rows, columns, BLOCK, BLOCK, 3))
        ycbcr = ops.reshape(ops.transpose(blocks, (0, 1, 3, 2, 4, 5)), (batch, height, width, 3))
        ycbcr = ycbcr + self._constant([CENTRE, 0, 0])
        return ops.clip(ops.round(ops.matmul(ycbcr, self._constant(np.linalg.inv(YCBCR)))), 0, 255)

    def _constant(self, values: Any) -> Any:
        return ops.convert_to_tensor(np.asarray(values, np.float32), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "quality": self.quality, "gain": self.gain}
