"""Coefficients, noise residuals and colours in one network, put together on the 8-pixel grid.

The coefficient branch is that of `dct` (Kwon et al., IJCV 2022). Noise residuals beside colours: Zhou et al.,
"Learning Rich Features for Image Manipulation Detection" (RGB-N), CVPR 2018.
"""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from pipeline.models.blocks import convolution, dilated_body, localising_model
from pipeline.models.dct import coefficient_features

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
    residual_filters: Annotated[int, Field(ge=1, le=1024)],
    colour_filters: Annotated[int, Field(ge=1, le=1024)],
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
        filters: channels of the coefficient branch and of the body.
        residual_filters: channels of the residual branch.
        colour_filters: channels of the colour branch.
        depth: residual blocks with growing dilation.
        context: compare each cell with the picture's mean.
        share: of the cells, the largest, whose mean is the picture's logit.

    Returns:
        a model from `image` (batch, height, width, 3), 0 to 255, on the JPEG grid, and `quantisation`
        (batch, 8, 8) to `logit` (batch,) and `map` (batch, height / 8, width / 8).
    """
    import keras
    from keras import layers

    inputs = {
        "image": keras.Input((None, None, 3), name="image"),
        "quantisation": keras.Input((8, 8), name="quantisation"),
    }
    coefficients = coefficient_features(
        inputs["image"],
        inputs["quantisation"],
        filters=filters,
        frequencies=frequencies,
        largest=largest,
        absolute_frequencies=absolute_frequencies,
        absolute_largest=absolute_largest,
    )
    branches = [
        coefficients,
        _residual_features(inputs["image"], residual_filters),
        _colour_features(inputs["image"], colour_filters),
    ]
    x = convolution(layers.Concatenate()(branches), filters, 1)
    return localising_model("fusion", inputs, dilated_body(x, filters, depth, context), share)


def _residual_features(image: Any, filters: int) -> Any:
    """Wide strides: at full resolution a convolution costs more than all of the coefficient branch."""
    from pipeline.models.layers import Residuals

    x = convolution(Residuals(luma=True)(image), filters, 8, stride=4)
    return convolution(x, filters, 3, stride=2)


def _colour_features(image: Any, filters: int) -> Any:
    from keras import layers

    return convolution(layers.Rescaling(1 / 127.5, offset=-1)(image), filters, 8, stride=8)
