"""From pixels and a quantisation table to features of DCT coefficients: the start of `dct` and `fusion`."""

from typing import Any

from pipeline.models.blocks import MOMENTUM, residual_block


def coefficient_features(
    image: Any,
    quantisation: Any,
    *,
    filters: int,
    frequencies: int,
    largest: int,
    absolute_frequencies: int,
    absolute_largest: int,
) -> Any:
    """Count coefficients by size, mix the counts, modulate them by the table, look at the neighbours.

    Args:
        image: (batch, height, width, 3), 0 to 255.
        quantisation: (batch, 8, 8).
        filters: channels of the answer.
        frequencies: whose quantised size is taken, from the lowest on.
        largest: quantised size from which on all are one.
        absolute_frequencies: whose size without the table is taken too; 0 for none.
        absolute_largest: such size from which on all are one.

    Returns:
        (batch, height / 8, width / 8, filters).
    """
    from keras import layers

    from pipeline.models.layers import BlockDCT, CoefficientBins, TableModulation

    coefficients = BlockDCT()(image)
    x = CoefficientBins(frequencies, largest, "quantised")(coefficients, quantisation)
    if absolute_frequencies:
        absolute = CoefficientBins(absolute_frequencies, absolute_largest, "absolute")(coefficients)
        x = layers.Concatenate()([x, absolute])
    x = layers.Conv2D(filters, 1, use_bias=False)(x)
    x = layers.BatchNormalization(momentum=MOMENTUM)(x)
    x = layers.Activation("relu")(TableModulation(filters)(x, quantisation))
    return residual_block(x, filters)
