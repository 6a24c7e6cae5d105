"""A network on the DCT coefficients of the 8 × 8 blocks of the JPEG grid, and on the quantisation table.

After Kwon et al., "Learning JPEG Compression Artifacts for Image Manipulation Detection and Localization"
(CAT-Net), IJCV 2022: the one-hot volume of quantised coefficients. Small, and with the table modulating the
features (Perez et al., AAAI 2018) instead of multiplying the coefficients.
"""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from pipeline.models.blocks import MOMENTUM, dilated_body, localising_model, residual_block

# From pixels and a quantisation table to features of DCT coefficients: the start of `dct` and `fusion`.
#


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


if TYPE_CHECKING:
    import keras

INPUTS = ("native",)


def build(
    *,
    frequencies: Annotated[int, Field(ge=1, le=64)],
    largest: Annotated[int, Field(ge=1, le=255)],
    absolute_frequencies: Annotated[int, Field(ge=0, le=64)],
    absolute_largest: Annotated[int, Field(ge=1, le=255)],
    filters: Annotated[int, Field(ge=1, le=1024)],
    depth: Annotated[int, Field(ge=0, le=32)],
    context: bool,
    share: Annotated[float, Field(ge=0, le=1)],
) -> "keras.Model":
    """Build it with new weights, in the dtype policy that is set.

    Args:
        frequencies: of the 64, whose quantised size is seen.
        largest: quantised size from which on all are one.
        absolute_frequencies: whose size without the table is seen too; 0 for none.
        absolute_largest: such size from which on all are one.
        filters: channels throughout.
        depth: residual blocks with growing dilation.
        context: compare each cell with the picture's mean.
        share: of the cells, the largest, whose mean is the picture's logit.

    Returns:
        a model from `image` (batch, height, width, 3), 0 to 255, on the JPEG grid, and `quantisation`
        (batch, 8, 8) to `logit` (batch,) and `map` (batch, height / 8, width / 8).
    """
    import keras

    inputs = {
        "image": keras.Input((None, None, 3), name="image"),
        "quantisation": keras.Input((8, 8), name="quantisation"),
    }
    x = coefficient_features(
        inputs["image"],
        inputs["quantisation"],
        filters=filters,
        frequencies=frequencies,
        largest=largest,
        absolute_frequencies=absolute_frequencies,
        absolute_largest=absolute_largest,
    )
    return localising_model("dct", inputs, dilated_body(x, filters, depth, context), share)
