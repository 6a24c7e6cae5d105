"""The classic network: three convolutions with pooling and a dense layer, on the whole resized picture."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from pipeline.models.blocks import picture_model

if TYPE_CHECKING:
    import keras

INPUTS = ("resized",)


def build(
    height: int,
    width: int,
    *,
    filters: list[Annotated[int, Field(ge=1, le=4096)]],
    dense: Annotated[int, Field(ge=1, le=65536)],
    dropout: Annotated[float, Field(ge=0, lt=1)],
) -> "keras.Model":
    """Build it with new weights, in the dtype policy that is set.

    It is the network of the script that this project replaces, but for its end: the sigmoid is left to
    the loss, which is exact for large logits, and to whoever asks for a probability.

    Args:
        height: of the images, in pixels, as the width.
        width: likewise.
        filters: of each 3 × 3 convolution; each is followed by a 2 × 2 max pooling.
        dense: units of the layer before the answer.
        dropout: share of those units that is dropped in training, in [0, 1).

    Returns:
        a model from `image` (batch, height, width, 3) in [0, 1] to `logit` (batch,).
    """
    import keras
    from keras import layers

    x = image = keras.Input((height, width, 3), name="image")
    for count in filters:
        x = layers.Conv2D(count, 3, activation="relu")(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Dense(dense, activation="relu")(layers.Flatten()(x))
    return picture_model("cnn", {"image": image}, layers.Dropout(dropout)(x))
