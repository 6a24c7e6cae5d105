"""Batch normalisation in one operation instead of a dozen, while a network is trained."""

# ruff: noqa: D102  the class says what its call does
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="fake_image_detection")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras's batch normalisation of the last axis, as it is but for the way its training is computed.

    Keras casts to float32, takes mean and variance, subtracts, divides, scales and shifts, each an operation
    that goes through memory, and as many on the way back: of a training step of the default network a third.
    TensorFlow has one operation for it that also takes bfloat16. Outside of training nothing differs, so an
    exported network has the operators it had.

    Input shape: (batch, rows, columns, channels).
    Output shape: the same.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not (training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, self.gamma, self.beta, epsilon=self.epsilon, is_training=True
        )
        # It gives the variance as of a sample, and Keras keeps that of the pixels at hand.
        count = ops.cast(ops.size(inputs) / ops.shape(inputs)[-1], "float32")
        for moving, found in (
            (self.moving_mean, mean),
            (self.moving_variance, variance * (count - 1) / count),
        ):
            moving.assign(moving * self.momentum + found * (1 - self.momentum))
        return outputs
