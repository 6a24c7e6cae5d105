"""The layer `BlockDCT`."""
# ruff: noqa: D102  the class says what its build, call and get_config do

from typing import Any

import keras
import numpy as np
from keras import ops

from pipeline.images.jpeg import ZIGZAG
from pipeline.models.layers.jpeg_basis import BLOCK, CENTRE, LUMA, cosine_basis


@keras.saving.register_keras_serializable(package="fake_image_detection")
class BlockDCT(keras.layers.Layer):
    """Block DCT coefficients of the luminance, as JPEG computes them before it quantises.

    A picture that was saved as JPEG, decoded and not moved off its grid has coefficients near whole
    multiples of its quantisation table; where something was pasted in, they are not.

    1. RGB to luminance (BT.601), minus 128;
    2. the orthonormal 8 × 8 DCT of each block, as one convolution of stride 8.

    In float32 unless another dtype is given: bfloat16 would round the larger coefficients to multiples
    of 8. On NVIDIA GPUs TensorFlow computes float32 convolutions in TF32 by default, which moves a
    coefficient by a few hundredths.

    Input shape: (batch, height, width, 3), 0 to 255, beginning on the JPEG grid; sides are multiples of 8.
    Output shape: (batch, height / 8, width / 8, 64), frequencies in the zigzag order of JPEG files.

    Reference: ITU-T T.81; Kwon et al., "Learning JPEG Compression Artifacts for Image Manipulation
    Detection and Localization" (CAT-Net), IJCV 2022.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        basis = cosine_basis()[:, ZIGZAG].reshape(BLOCK, BLOCK, 1, -1)
        self._kernel = basis.astype(np.float32)

    def call(self, image: Any) -> Any:
        luma = ops.matmul(image, ops.convert_to_tensor(LUMA, self.compute_dtype)) - CENTRE
        kernel = ops.convert_to_tensor(self._kernel, self.compute_dtype)
        return ops.conv(luma, kernel, strides=BLOCK, padding="valid")
