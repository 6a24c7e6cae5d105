"""A network on the DCT coefficients of the 8 × 8 blocks of the JPEG grid, and on the quantisation table.

After Kwon et al., "Learning JPEG Compression Artifacts for Image Manipulation Detection and Localization"
(CAT-Net), IJCV 2022: the one-hot volume of quantised coefficients. Small, and with the table modulating the
features (Perez et al., AAAI 2018) instead of multiplying the coefficients.
"""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from pipeline.models import blocks
from pipeline.models.pretrained import Weights, with_weights

if TYPE_CHECKING:
    import keras

INPUTS = ("native",)

Frequencies = Annotated[int, Field(ge=1, le=64)]
FrequenciesOrNone = Annotated[int, Field(ge=0, le=64)]
Largest = Annotated[int, Field(ge=1, le=255)]


def build(
    *,
    frequencies: Frequencies,
    largest: Largest,
    absolute_frequencies: FrequenciesOrNone,
    absolute_largest: Largest,
    filters: blocks.Channels,
    depth: blocks.Depth,
    context: bool,
    share: blocks.Share,
    weights: Weights = None,
) -> "keras.Model":
    """Build it in the dtype policy that is set.

    Arguments are those of `coefficient_features` and `blocks.localising_model`; `weights` are those to begin
    with (`pretrained.with_weights`).
    """
    inputs = blocks.native_inputs(with_table=True)
    x = coefficient_features(inputs, filters, frequencies, largest, absolute_frequencies, absolute_largest)
    return with_weights(blocks.localising_model("dct", inputs, x, filters, depth, context, share), weights)


def coefficient_features(
    inputs: dict[str, Any],
    filters: int,
    frequencies: int,
    largest: int,
    absolute_frequencies: int,
    absolute_largest: int,
) -> Any:
    """Count coefficients by size, mix the counts, modulate them by the table, look at the neighbours.

    Args:
        inputs: `image` and `quantisation`, see `blocks.native_inputs`.
        filters: channels of the result.
        frequencies: how many of the 64 are seen by their quantised size, from the lowest on.
        largest: quantised size from which on all are one.
        absolute_frequencies: how many are seen by their size without the table too; 0 for none.
        absolute_largest: such size from which on all are one.

    Returns:
        (batch, height / 8, width / 8, filters).
    """
    from keras import layers

    from pipeline.models.layers import BlockDCT, CoefficientBins, TableModulation

    quantisation = inputs["quantisation"]
    coefficients = BlockDCT()(inputs["image"])
    x = CoefficientBins(frequencies, largest, "quantised")(coefficients, quantisation)
    if absolute_frequencies:
        absolute = CoefficientBins(absolute_frequencies, absolute_largest, "absolute")(coefficients)
        x = layers.Concatenate()([x, absolute])
    x = blocks.convolution(x, filters, 1, activate=False)
    x = layers.Activation("relu")(TableModulation(filters)(x, quantisation))
    return blocks.residual_block(x, filters)
