"""The layer `CoefficientBins`."""
# ruff: noqa: D102  the class says what its build, call and get_config do

from typing import Any, Literal

import keras
from keras import ops

from pipeline.images.jpeg import ZIGZAG


@keras.saving.register_keras_serializable(package="fake_image_detection")
class CoefficientBins(keras.layers.Layer):
    """Sizes of DCT coefficients, one-hot: CAT-Net's binary volume.

    What gives tampering away is not how large a coefficient is but which whole numbers occur how often,
    and a network finds that in counts, not in values. Bin 0 holds zeros, bin `largest` all that is at
    least as large; each coefficient is in exactly one.

    Computed in float32; the answer, zeros and ones, is given in the compute dtype.

    Args:
        n_frequencies: how many of the 64, from the lowest on.
        largest: the last bin.
        kind: `quantised`: of the whole number that the file holds, |round(coefficient / table)|, where
            the table is given and not zero, else of the rounded coefficient; `absolute`: of the rounded
            coefficient, whatever the table.

    Input shape: coefficients (batch, rows, columns, 64) in zigzag order and, for `quantised`, the
        quantisation table (batch, 8, 8), row by row, zeros where there is none.
    Output shape: (batch, rows, columns, n_frequencies × (largest + 1)).

    Reference: Kwon et al., "Learning JPEG Compression Artifacts for Image Manipulation Detection and
    Localization" (CAT-Net), IJCV 2022, after Yousfi and Fridrich, "An Intriguing Struggle of CNNs in JPEG
    Steganalysis and the OneHot Solution", IEEE SPL 2020.
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
        sizes = ops.minimum(ops.abs(ops.round(values)), float(self.largest))
        bins = ops.cast(sizes[..., None] == ops.arange(self.largest + 1, dtype="float32"), self.compute_dtype)
        batch, rows, columns, _ = ops.shape(sizes)
        return ops.reshape(bins, (batch, rows, columns, self.n_frequencies * (self.largest + 1)))

    def get_config(self) -> dict[str, Any]:
        own = {"n_frequencies": self.n_frequencies, "largest": self.largest, "kind": self.kind}
        return {**super().get_config(), **own}
