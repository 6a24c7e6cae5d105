"""Layers at the end of a localising network: context, a logit for each block, the picture's logit."""

# ruff: noqa: D102  the class says what its build, call and get_config do
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="fake_image_detection")
class TopKMean(keras.layers.Layer):
    """A picture's logit out of its blocks' logits: the mean of the largest ones, scaled and shifted.

    Tampering is often small: the mean over all blocks misses it, the largest alone is noise. The mean is over
    max(`fewest`, floor(`share` × blocks)) blocks, all of them where there are fewer; `scale` (1 at first) and
    `offset` (0) are learned. Height and width may differ from picture to picture, so a large one can be
    scored from a map that was put together of tiles. In float32 unless another dtype is given.

    Args:
        share: of the blocks, 0 to 1.
        fewest: blocks.

    Input shape: (batch, rows, columns).
    Output shape: (batch,).
    """

    def __init__(self, share: float, fewest: int = 8, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        if not 0 <= share <= 1 or fewest < 1:
            raise ValueError(f"found share={share} and fewest={fewest}, expected 0 to 1 and at least 1 block")
        self.share, self.fewest = share, fewest

    def build(self, input_shape: Any) -> None:  # noqa: ARG002
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")
        self.offset = self.add_weight(shape=(), initializer="zeros", name="offset")

    def call(self, blocks: Any) -> Any:
        batch, rows, columns = ops.shape(blocks)
        n_blocks = rows * columns
        falling = -ops.sort(-ops.reshape(blocks, (batch, n_blocks)), axis=1)
        # 1e-4: a product that is a whole number must not fall below it by rounding.
        wanted = ops.floor(self.share * ops.cast(n_blocks, "float32") + 1e-4)
        wanted = ops.minimum(ops.maximum(wanted, float(self.fewest)), ops.cast(n_blocks, "float32"))
        chosen = ops.cast(ops.arange(n_blocks, dtype="float32") < wanted, falling.dtype)
        mean = ops.sum(falling * chosen, axis=1) / ops.cast(wanted, falling.dtype)
        return self.scale * mean + self.offset

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[:1]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "share": self.share, "fewest": self.fewest}


@keras.saving.register_keras_serializable(package="fake_image_detection")
class CellLogits(keras.layers.Layer):
    """One logit a block: a weighted sum of its features and an offset.

    In float32 unless another dtype is given: bfloat16 keeps 8 bits, too few for a logit.

    Input shape: (batch, rows, columns, channels).
    Output shape: (batch, rows, columns).
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(shape=(input_shape[-1], 1), initializer="glorot_uniform", name="kernel")
        self.bias = self.add_weight(shape=(), initializer="zeros", name="bias")

    def call(self, features: Any) -> Any:
        return ops.squeeze(ops.matmul(features, self.kernel), axis=-1) + self.bias

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[:-1]


@keras.saving.register_keras_serializable(package="fake_image_detection")
class RelativeContext(keras.layers.Layer):
    """Features beside their difference to the picture's mean, so that a block is judged against the rest.

    What is usual in one camera's noise or one file's coefficients is odd in another's; tampering is what
    differs from the picture around it.

    Input shape: (batch, rows, columns, channels).
    Output shape: (batch, rows, columns, 2 × channels).
    """

    def call(self, features: Any) -> Any:
        mean = ops.mean(ops.cast(features, "float32"), axis=(1, 2), keepdims=True)
        return ops.concatenate([features, features - ops.cast(mean, features.dtype)], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], 2 * input_shape[-1])
