"""A network on noise residuals, fixed (SRM) and learned (Bayar), beside the colours.

Zhou et al., "Learning Rich Features for Image Manipulation Detection" (RGB-N), CVPR 2018; Bayar and Stamm,
"A Deep Learning Approach to Universal Image Manipulation Detection Using a New Convolutional Layer",
IH&MMSec 2016; all three inputs together as in Wu et al., "ManTra-Net", CVPR 2019.
"""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from pipeline.models import blocks

if TYPE_CHECKING:
    import keras

INPUTS = ("native",)


def build(
    *,
    bayar_filters: Annotated[int, Field(ge=1, le=64)],
    filters: blocks.Channels,
    depth: blocks.Depth,
    context: bool,
    share: blocks.Share,
) -> "keras.Model":
    """Build it with new weights, in the dtype policy that is set.

    Arguments are those of `blocks.strided_body` and `blocks.localising_model`, and how many residuals are
    learned beside nine fixed ones.
    """
    from keras import layers

    from pipeline.models.layers import BayarConvolution, FusedBatchNormalization, Residuals

    inputs = blocks.native_inputs(with_table=False)
    image = inputs["image"]
    colours = layers.Rescaling(1 / 127.5, offset=-1, dtype="float32")(image)
    learned = BayarConvolution(bayar_filters)(colours)
    # Far smaller than the colours; how small is being learned.
    learned = FusedBatchNormalization(momentum=blocks.MOMENTUM, dtype="float32")(learned)
    x = layers.Concatenate()([Residuals(luma=False)(image), learned, colours])
    x = blocks.strided_body(x, filters)
    return blocks.localising_model("srm", inputs, x, filters, depth, context, share)
