"""A network on error levels: a baseline that is widely used and that says little about well-saved fakes.

Krawetz, "A Picture's Worth… Digital Image Analysis and Forensics", Black Hat USA 2007. With a fixed gain;
networks on ELA pictures usually scale each by its own largest error.
"""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from pipeline.models.blocks import Channels, Depth, Share, localising_model, native_inputs, strided_body

if TYPE_CHECKING:
    import keras

INPUTS = ("native",)


def build(
    *,
    quality: Annotated[int, Field(ge=1, le=100)],
    gain: Annotated[float, Field(ge=0)],
    filters: Channels,
    depth: Depth,
    share: Share,
) -> "keras.Model":
    """Build it with new weights, in the dtype policy that is set.

    Arguments are those of `ErrorLevels`, whose answer is divided by 255, of `blocks.strided_body` and
    `blocks.localising_model`.
    """
    from keras import layers

    from pipeline.models.layers import ErrorLevels

    inputs = native_inputs(with_table=False)
    x = layers.Rescaling(1 / 255)(ErrorLevels(quality, gain)(inputs["image"]))
    return localising_model("ela", inputs, strided_body(x, filters), filters, depth, False, share)
