"""What the networks are put together of: convolutions with normalisation, and the answer at the end."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

if TYPE_CHECKING:
    import keras

# Arguments of several `build` functions.
Channels = Annotated[int, Field(ge=1, le=1024)]
Depth = Annotated[int, Field(ge=0, le=32)]  # residual blocks, with dilations 2, 1, 4, 2, 1, 4, …
Share = Annotated[float, Field(ge=0, le=1)]  # of the blocks, the largest, whose mean is the picture's logit

# Of the running means of batch normalisation: over a hundred batches, for runs of some hundreds and more.
MOMENTUM = 0.99


def convolution(
    x: Any, filters: int, size: int, *, stride: int = 1, dilation: int = 1, activate: bool = True
) -> Any:
    """Convolve with a square kernel, normalise by batch and, where it is to `activate`, apply ReLU.

    From `x` (batch, rows, columns, channels) to (batch, rows / stride, columns / stride, filters).
    """
    from keras import layers

    from pipeline.models.layers import FusedBatchNormalization

    convolve = layers.Conv2D(
        filters, size, strides=stride, dilation_rate=dilation, padding="same", use_bias=False
    )
    x = FusedBatchNormalization(momentum=MOMENTUM)(convolve(x))
    return layers.Activation("relu")(x) if activate else x


def residual_block(x: Any, filters: int, *, stride: int = 1, dilation: int = 1) -> Any:
    """Add what two 3 × 3 convolutions give, the first with the stride, to `x` (He et al., CVPR 2016).

    Shapes are those of `convolution`; `x` is projected where channels or stride differ.
    """
    from keras import layers

    change = convolution(x, filters, 3, stride=stride, dilation=dilation)
    change = convolution(change, filters, 3, dilation=dilation, activate=False)
    if x.shape[-1] != filters or stride > 1:
        x = convolution(x, filters, 1, stride=stride, activate=False)
    return layers.Activation("relu")(layers.Add()([x, change]))


def strided_body(x: Any, filters: int) -> Any:
    """Reduce pixels (batch, height, width, channels) to blocks (batch, height / 8, width / 8, filters).

    In three steps of stride 2, with a quarter and half as many channels on the way.
    """
    x = convolution(x, max(1, filters // 4), 5, stride=2)
    x = convolution(x, max(1, filters // 2), 3, stride=2)
    return convolution(x, filters, 3, stride=2)


def native_inputs(*, with_table: bool) -> dict[str, Any]:
    """Return the Keras inputs of a network for pictures of any size on the JPEG grid.

    `image` (batch, height, width, 3), 0 to 255, and `with_table` the file's luminance quantisation table,
    `quantisation` (batch, 8, 8), zeros where there is none.
    """
    import keras

    inputs = {"image": keras.Input((None, None, 3), name="image")}
    return inputs | ({"quantisation": keras.Input((8, 8), name="quantisation")} if with_table else {})


def localising_model(
    name: str, inputs: dict[str, Any], x: Any, filters: int, depth: int, context: bool, share: float
) -> "keras.Model":
    """Finish a network that localises: look around each block, score it, and the picture by its blocks.

    Args:
        name: of the network.
        inputs: see `native_inputs`.
        x: features (batch, height / 8, width / 8, channels).
        filters: channels of the residual blocks.
        depth: how many of them.
        context: compare each block with the picture's mean behind them.
        share: of the blocks, the largest, whose mean is the picture's logit.

    Returns:
        a model from `inputs` to the layers "logit" (batch,) and "map" (batch, height / 8, width / 8).
    """
    import keras

    from pipeline.models.layers import CellLogits, RelativeContext, TopKMean

    for index in range(depth):
        x = residual_block(x, filters, dilation=(2, 1, 4)[index % 3])
    if context:
        x = convolution(RelativeContext()(x), filters, 1)
    blocks = CellLogits(name="map")(x)
    return keras.Model(inputs, {"logit": TopKMean(share, name="logit")(blocks), "map": blocks}, name=name)


def picture_model(name: str, inputs: dict[str, Any], features: Any) -> "keras.Model":
    """Finish a network that does not localise: from `inputs` to {"logit": (batch,)}.

    `features` are (batch, channels) of each picture.
    """
    import keras
    from keras import layers

    x = layers.Dense(1, dtype="float32")(features)  # bfloat16 keeps 8 bits: too few for a logit
    return keras.Model(inputs, {"logit": layers.Reshape((), dtype="float32", name="logit")(x)}, name=name)
