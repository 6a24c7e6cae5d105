"""For pictures that a network generated: neighbouring pixel relationships and half a ResNet.

Tan et al., "Rethinking the Up-Sampling Operations in CNN-based Generative Network for Generalizable Deepfake
Detection" (NPR), CVPR 2024: a ResNet (He et al., CVPR 2016) that ends after its second stage. Here with basic
blocks and fewer channels. It sees what upsampling leaves, so a picture that was resized later tells it
little, and it says nothing about where.
"""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from pipeline.models.blocks import Channels, convolution, native_inputs, picture_model, residual_block

if TYPE_CHECKING:
    import keras

INPUTS = ("native",)


def build(
    *,
    filters: Channels,
    depth: Annotated[int, Field(ge=1, le=16)],
) -> "keras.Model":
    """Build it with new weights, in the dtype policy that is set.

    Args:
        filters: channels of the first stage; the second has twice as many.
        depth: residual blocks of each of the two stages.

    Returns:
        a model from `image` (batch, height, width, 3), 0 to 255, even sides, to `logit` (batch,).
    """
    from keras import layers

    from pipeline.models.layers import NeighbouringPixels

    inputs = native_inputs(with_table=False)
    x = NeighbouringPixels()(inputs["image"])
    x = layers.Rescaling(1 / 57.5)(x)  # as for pictures normalised like ImageNet: 255 × 0.225
    x = convolution(x, filters, 3, stride=2)
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    for stage in range(2):
        for index in range(depth):
            stride = 2 if stage == 1 and index == 0 else 1
            x = residual_block(x, filters * (1 + stage), stride=stride)
    return picture_model("npr", inputs, layers.GlobalAveragePooling2D()(x))
