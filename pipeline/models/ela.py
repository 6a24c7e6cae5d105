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

    Args:
        quality: of the JPEG whose difference is taken.
        gain: factor on the difference of 8-bit values, which is then divided by 255.
        filters: channels on the 8-pixel grid; half and a quarter as many on the way there.
        depth: of `blocks.localising_model`, as `share`.
        share: likewise.
    """
    from keras import layers

    from pipeline.models.layers import ErrorLevels

    inputs = native_inputs(with_table=False)
    x = layers.Rescaling(1 / 255)(ErrorLevels(quality, gain)(inputs["image"]))
    return localising_model("ela", inputs, strided_body(x, filters), filters, depth, False, share)
