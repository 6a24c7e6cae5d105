"""What the networks are put together of: convolutions with normalisation, and the answer at the end."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

# Of the running means of batch normalisation: over a hundred batches, for runs of some hundreds and more.
MOMENTUM = 0.99


def convolution(
    x: Any, filters: int, size: int, *, stride: int = 1, dilation: int = 1, activate: bool = True
) -> Any:
    """Convolve, normalise by batch and, unless told otherwise, set what is below zero to zero.

    Args:
        x: (batch, rows, columns, channels).
        filters: channels of the answer.
        size: of the square kernel.
        stride: one cell of the answer to so many of `x`.
        dilation: distance between the places of the kernel.
        activate: with ReLU.

    Returns:
        (batch, rows / stride, columns / stride, filters).
    """
    from keras import layers

    x = layers.Conv2D(filters, size, strides=stride, dilation_rate=dilation, padding="same", use_bias=False)(
        x
    )
    x = layers.BatchNormalization(momentum=MOMENTUM)(x)
    return layers.Activation("relu")(x) if activate else x


def residual_block(x: Any, filters: int, *, stride: int = 1, dilation: int = 1) -> Any:
    """Add what two 3 × 3 convolutions find to `x` (He et al., CVPR 2016).

    Args:
        x: (batch, rows, columns, channels); where channels or stride differ it is projected.
        filters: channels of the answer.
        stride: of the first convolution.
        dilation: of both.

    Returns:
        (batch, rows / stride, columns / stride, filters).
    """
    from keras import layers

    found = convolution(x, filters, 3, stride=stride, dilation=dilation)
    found = convolution(found, filters, 3, dilation=dilation, activate=False)
    if x.shape[-1] != filters or stride > 1:
        x = convolution(x, filters, 1, stride=stride, activate=False)
    return layers.Activation("relu")(layers.Add()([x, found]))


def strided_body(x: Any, filters: int) -> Any:
    """From pixels to the 8-pixel grid in three steps of stride 2.

    Args:
        x: (batch, height, width, channels).
        filters: channels of the answer; half and a quarter as many on the way.

    Returns:
        (batch, height / 8, width / 8, filters).
    """
    x = convolution(x, max(1, filters // 4), 5, stride=2)
    x = convolution(x, max(1, filters // 2), 3, stride=2)
    return convolution(x, filters, 3, stride=2)


def dilated_body(x: Any, filters: int, depth: int, context: bool) -> Any:
    """Look around each cell, and at the whole picture.

    Args:
        x: (batch, rows, columns, channels).
        filters: channels of the answer.
        depth: residual blocks, with dilations 2, 1, 4, 2, 1, 4, …
        context: then compare each cell with the picture's mean.

    Returns:
        (batch, rows, columns, filters).
    """
    from pipeline.models.layers import RelativeContext

    for place in range(depth):
        x = residual_block(x, filters, dilation=(2, 1, 4)[place % 3])
    return convolution(RelativeContext()(x), filters, 1) if context else x


def localising_model(name: str, inputs: dict[str, Any], features: Any, share: float) -> "keras.Model":
    """Finish a network: a logit for each cell, and the picture's logit from the largest of them.

    Args:
        name: of the network.
        inputs: the Keras inputs by their names.
        features: (batch, height / 8, width / 8, channels).
        share: of the cells, whose mean is the picture's logit.

    Returns:
        a model from a dictionary of `inputs` to {"logit": (batch,), "map": (batch, height / 8, width / 8)},
        with the layers "map" and "logit".
    """
    import keras

    from pipeline.models.layers import CellLogits, TopKMean

    cells = CellLogits(name="map")(features)
    return keras.Model(inputs, {"logit": TopKMean(share, name="logit")(cells), "map": cells}, name=name)


def picture_model(name: str, inputs: dict[str, Any], features: Any) -> "keras.Model":
    """Finish a network that does not localise: one logit from a picture's features.

    Args:
        name: of the network.
        inputs: the Keras inputs by their names.
        features: (batch, channels).

    Returns:
        a model from a dictionary of `inputs` to {"logit": (batch,)}.
    """
    import keras
    from keras import layers

    x = layers.Dense(1, dtype="float32")(features)  # bfloat16 keeps 8 bits: too few for a logit
    return keras.Model(inputs, {"logit": layers.Reshape((), dtype="float32", name="logit")(x)}, name=name)
