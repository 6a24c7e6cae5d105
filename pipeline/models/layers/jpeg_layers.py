"""Layers that see what JPEG does: block DCT, binned coefficients, the quantisation table, error levels.

References: ITU-T T.81 (JPEG), A.3.3 (the transform); ITU-T T.871 (JFIF), 7 (the colours, BT.601).
"""

# ruff: noqa: D102  the class says what its build, call and get_config do
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from pipeline.images.jpeg import ZIGZAG, dct_basis, libjpeg_tables

BLOCK = 8  # pixels on a side
_HALF_ENOUGH = 1e-6  # below a half, from which on a number counts as one
# The same for the size of a coefficient, of which float32 is no surer. In a picture without colours every
# eighth coefficient of four frequencies is a half, which Keras and ONNX Runtime each rounded their own way:
# logits differed by up to 0.03.
_HALF_BIN = 1e-3
CENTRE = 128.0  # subtracted from 8-bit luminance before the transform, added to chrominance

# From RGB, one row a colour, to Y, Cb, Cr; centred chrominance.
YCBCR = np.array(
    [[0.299, -0.168735892, 0.5], [0.587, -0.331264108, -0.418687589], [0.114, 0.5, -0.081312411]]
)
LUMA = YCBCR[:, :1]

# The orthonormal two-dimensional DCT of 8 × 8 blocks as one orthogonal matrix: (64 pixels, 64 frequencies),
# each counted row by row; a row of frequencies is one vertical frequency.
BASIS = np.kron(dct_basis(), dct_basis()).T


@keras.saving.register_keras_serializable(package="fake_image_detection")
class BlockDCT(keras.layers.Layer):
    """Block DCT coefficients of the luminance, as JPEG computes them before it quantises.

    A picture that was saved as JPEG, decoded and not moved off its grid has coefficients near whole
    multiples of its quantisation table; where something was pasted in, they are not.

    RGB to luminance (BT.601), minus 128; the orthonormal DCT of each block.

    In float64, and no part of it depends on the order in which a library adds: what follows counts whole
    numbers, and of 100,000 coefficients of a picture a few lie so near a half that float32 decides by its
    last digit; Keras, ONNX Runtime and a graphics card each decided their own way, and logits differed by
    1e-3. Thousandths of the luminance are whole numbers, exact in float32 and in TF32, which NVIDIA GPUs
    multiply in. The result is float32 unless another dtype is given: bfloat16 would round the larger
    coefficients to multiples of 8.

    Input shape: (batch, height, width, 3), 0 to 255, beginning on the JPEG grid; sides are multiples of 8.
    Output shape: (batch, height / 8, width / 8, 64), frequencies in the zigzag order of JPEG files.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        # Of thousandths, which eight pixels side by side are made in: one product of 24 × 8 takes a third of
        # the time of eight products of 3 × 1.
        self._thousandths = np.kron(np.eye(BLOCK), np.round(1000 * LUMA))
        self._basis = BASIS[:, ZIGZAG] / 1000
        self._centre = CENTRE * BASIS[:, ZIGZAG].sum(axis=0)

    def call(self, image: Any) -> Any:
        batch, height, width, _ = ops.shape(image)
        rows, columns = height // BLOCK, width // BLOCK
        thousandths = ops.convert_to_tensor(self._thousandths, "float32")
        luma = ops.matmul(ops.cast(ops.reshape(image, (-1, 3 * BLOCK)), "float32"), thousandths)
        blocks = ops.reshape(luma, (batch, rows, BLOCK, columns, BLOCK))
        blocks = ops.reshape(ops.transpose(blocks, (0, 1, 3, 2, 4)), (-1, BLOCK * BLOCK))
        coefficients = ops.matmul(ops.cast(blocks, "float64"), ops.convert_to_tensor(self._basis, "float64"))
        coefficients = coefficients - ops.convert_to_tensor(self._centre, "float64")
        coefficients = ops.reshape(coefficients, (batch, rows, columns, BLOCK * BLOCK))
        return ops.cast(coefficients, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, height, width, _ = input_shape
        rows, columns = (None if side is None else side // BLOCK for side in (height, width))
        return (batch, rows, columns, BLOCK * BLOCK)


@keras.saving.register_keras_serializable(package="fake_image_detection")
class CoefficientBins(keras.layers.Layer):
    """Sizes of DCT coefficients, one-hot: CAT-Net's binary volume.

    What gives tampering away is not how large a coefficient is but which whole numbers occur how often,
    and a network finds that in counts, not in values. Bin 0 holds zeros, bin `largest` all that is at
    least as large; each coefficient is in exactly one.

    Computed in float32; zeros and ones come in the compute dtype.

    Args:
        n_frequencies: how many of the 64, from the lowest on.
        largest: the last bin.
        kind: `quantised`: of the whole number that the file holds, |round(coefficient / table)|, where
            the table is given and not zero, else of the rounded coefficient; `absolute`: of the rounded
            coefficient, whatever the table.

    Input shape: coefficients (batch, rows, columns, 64) in zigzag order and, for `quantised`, the
        quantisation table (batch, 8, 8), row by row, zeros where there is none.
    Output shape: (batch, rows, columns, n_frequencies × (largest + 1)).

    Reference: Kwon et al. (CAT-Net, see `dct`), after Yousfi and Fridrich, "An Intriguing Struggle of CNNs in
    JPEG Steganalysis and the OneHot Solution", IEEE SPL 2020.
    """

    def __init__(
        self, n_frequencies: int, largest: int, kind: Literal["quantised", "absolute"], **kwargs: Any
    ) -> None:
        super().__init__(autocast=False, **kwargs)  # coefficients lose their last bits in bfloat16
        if kind not in ("quantised", "absolute"):
            raise ValueError(f"kind: found {kind!r}, expected quantised or absolute")
        if not 1 <= n_frequencies <= 64 or largest < 1:
            raise ValueError(
                f"found n_frequencies={n_frequencies} and largest={largest}, expected 1 to 64 and at least 1"
            )
        self.n_frequencies, self.largest, self.kind = n_frequencies, largest, kind

    def call(self, coefficients: Any, quantisation: Any = None) -> Any:
        values = ops.cast(coefficients[..., : self.n_frequencies], "float32")
        if self.kind == "quantised":
            table = ops.reshape(ops.cast(quantisation, "float32"), (-1, 1, 1, 64))
            steps = ops.take(table, ZIGZAG[: self.n_frequencies], axis=3)
            values = values / ops.where(steps > 0, steps, 1.0)
        sizes = ops.minimum(ops.floor(ops.abs(values) + (0.5 + _HALF_BIN)), float(self.largest))
        each = ops.eye(self.largest + 1, dtype=self.compute_dtype)
        bins = ops.take(each, ops.cast(sizes, "int32"), axis=0)
        batch, rows, columns, _ = ops.shape(sizes)
        return ops.reshape(bins, (batch, rows, columns, self.n_frequencies * (self.largest + 1)))

    def get_config(self) -> dict[str, Any]:
        own = {"n_frequencies": self.n_frequencies, "largest": self.largest, "kind": self.kind}
        return {**super().get_config(), **own}


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
        table = ops.log(1 + ops.reshape(quantisation, (-1, 64))) / 4  # 8-bit entries: 0 to 1.4
        effect = ops.reshape(self.effect(self.hidden(table)), (-1, 1, 1, 2 * self.channels))
        return features * (1 + effect[..., : self.channels]) + effect[..., self.channels :]

    def compute_output_shape(self, features_shape: Any, quantisation_shape: Any) -> Any:  # noqa: ARG002
        return features_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package="fake_image_detection")
class ErrorLevels(keras.layers.Layer):
    """Error level analysis (ELA): the difference to the same picture saved once more as a JPEG.

    The save is computed, not made: YCbCr at full resolution (4:4:4), 8 × 8 DCT, libjpeg's tables of the
    quality, and back, rounding to whole numbers where libjpeg does (but not between the two passes of its
    transform, so a few coefficients fall to the other side). The gain is fixed; scaling each
    picture by its own largest error, as many scripts do, makes pictures incomparable.
    What is rounded is computed in float64, and halves go up: in float32 the order in which a library adds
    decides where a half goes, and one level of error is much. The result is float32 unless another dtype is
    given. For the paper see `ela`.

    Args:
        quality: of libjpeg, 1 to 100.
        gain: factor on the absolute difference.

    Input shape: (batch, height, width, 3), 0 to 255; sides are multiples of 8.
    Output shape: the same, 0 to 255 × gain.
    """

    def __init__(self, quality: int, gain: float, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        if not 1 <= quality <= 100:
            raise ValueError(f"quality: found {quality}, expected 1 to 100")
        self.quality, self.gain = quality, gain
        luminance, chrominance = libjpeg_tables(quality)
        self._tables = np.array([luminance, chrominance, chrominance], np.float32).T  # (64, 3)

    def call(self, image: Any) -> Any:
        saved = ops.cast(self._saved(ops.cast(image, "float64")), self.compute_dtype)
        return ops.abs(image - saved) * self.gain

    def _saved(self, image: Any) -> Any:
        """What a decoder makes of the picture after it was saved."""
        to_ycbcr, basis, tables = map(self._constant, (YCBCR, BASIS, self._tables))
        batch, height, width, _ = ops.shape(image)
        rows, columns = height // BLOCK, width // BLOCK
        # Luminance is centred here for the DCT; chrominance is in what the matrix gives.
        ycbcr = _rounded(ops.matmul(image, to_ycbcr)) - self._constant([CENTRE, 0, 0])
        blocks = ops.reshape(ycbcr, (batch, rows, BLOCK, columns, BLOCK, 3))
        blocks = ops.reshape(ops.transpose(blocks, (0, 1, 3, 2, 4, 5)), (batch, rows, columns, 64, 3))
        # libjpeg's transform gives eighths, and its division rounds halves away from zero.
        coefficients = _rounded(ops.einsum("brcpk,pf->brcfk", blocks, basis) * 8) / 8
        quantised = ops.sign(coefficients) * ops.floor(ops.abs(coefficients) / tables + 0.5)
        blocks = ops.einsum("brcfk,pf->brcpk", quantised * tables, basis)
        blocks = ops.clip(_rounded(blocks), -CENTRE, CENTRE - 1)
        blocks = ops.reshape(blocks, (batch, rows, columns, BLOCK, BLOCK, 3))
        ycbcr = ops.reshape(ops.transpose(blocks, (0, 1, 3, 2, 4, 5)), (batch, height, width, 3))
        ycbcr = ycbcr + self._constant([CENTRE, 0, 0])
        return ops.clip(_rounded(ops.matmul(ycbcr, self._constant(np.linalg.inv(YCBCR)))), 0, 255)

    def _constant(self, values: Any) -> Any:
        return ops.convert_to_tensor(np.asarray(values, np.float64), "float64")

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "quality": self.quality, "gain": self.gain}


def _rounded(values: Any) -> Any:
    """Round to whole numbers, halves up, as libjpeg does with its fixed-point numbers."""
    return ops.floor(values + (0.5 + _HALF_ENOUGH))
