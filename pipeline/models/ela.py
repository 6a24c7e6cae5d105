"""A network on error levels: a baseline that is widely used and that says little about well-saved fakes.

Krawetz, "A Picture's Worth… Digital Image Analysis and Forensics", Black Hat USA 2007. With a fixed gain;
networks on ELA pictures usually scale each by its own largest error.
"""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from pipeline.models.blocks import dilated_body, localising_model, strided_body

if TYPE_CHECKING:
    import keras

INPUTS = ("native",)


def build(
    *,
    quality: Annotated[int, Field(ge=1, le=100)],
    gain: Annotated[float, Field(ge=0)],
    filters: Annotated[int, Field(ge=1, le=1024)],
    depth: Annotated[int, Field(ge=0, le=32)],
    share: Annotated[float, Field(ge=0, le=1)],
) -> "keras.Model":
    """Build it with new weights, in the dtype policy that is set.

    Args:
        quality: of the JPEG whose difference is taken.
        gain: factor on the difference of 8-bit values, which is then divided by 255.
        filters: channels on the 8-pixel grid; half and a quarter as many on the way there.
        depth: residual blocks with growing dilation.
        share: of the cells, the largest, whose mean is the picture's logit.

    Returns:
        a model from `image` (batch, height, width, 3), 0 to 255, on the JPEG grid, to `logit` (batch,) and
        `map` (batch, height / 8, width / 8).
    """
    import keras
    from keras import layers

    from pipeline.models.layers import ErrorLevels

    image = keras.Input((None, None, 3), name="image")
    x = layers.Rescaling(1 / 255)(ErrorLevels(quality, gain)(image))
    x = dilated_body(strided_body(x, filters), filters, depth, context=False)
    return localising_model("ela", {"image": image}, x, share)
