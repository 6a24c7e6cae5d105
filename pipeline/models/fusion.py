"""Coefficients, noise residuals and colours in one network, put together on the 8-pixel grid.

The coefficient branch is that of `dct` (Kwon et al., IJCV 2022). Noise residuals beside colours: Zhou et al.,
"Learning Rich Features for Image Manipulation Detection" (RGB-N), CVPR 2018.
"""

from typing import TYPE_CHECKING, Any

from pipeline.models.blocks import Channels, Depth, Share, convolution, localising_model, native_inputs
from pipeline.models.dct import Frequencies, FrequenciesOrNone, Largest, coefficient_features

if TYPE_CHECKING:
    import keras

INPUTS = ("native",)


def build(
    *,
    frequencies: Frequencies,
    largest: Largest,
    absolute_frequencies: FrequenciesOrNone,
    absolute_largest: Largest,
    filters: Channels,
    residual_filters: Channels,
    colour_filters: Channels,
    depth: Depth,
    context: bool,
    share: Share,
) -> "keras.Model":
    """Build it with new weights, in the dtype policy that is set.

    Arguments are those of `dct.build`, and channels of the branches of residuals and of colours.
    """
    from keras import layers

    inputs = native_inputs(with_table=True)
    branches = [
        coefficient_features(inputs, filters, frequencies, largest, absolute_frequencies, absolute_largest),
        _residual_features(inputs["image"], residual_filters),
        _colour_features(inputs["image"], colour_filters),
    ]
    x = convolution(layers.Concatenate()(branches), filters, 1)
    return localising_model("fusion", inputs, x, filters, depth, context, share)


def _residual_features(image: Any, filters: int) -> Any:
    """Wide strides: at full resolution a convolution costs more than all of the coefficient branch."""
    from pipeline.models.layers import Residuals

    x = convolution(Residuals(luma=True)(image), filters, 8, stride=4)
    return convolution(x, filters, 3, stride=2)


def _colour_features(image: Any, filters: int) -> Any:
    from keras import layers

    return convolution(layers.Rescaling(1 / 127.5, offset=-1)(image), filters, 8, stride=8)
