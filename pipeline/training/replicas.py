"""Brings replicas to one state, where a strategy lets them drift."""

import keras
import numpy as np


class EqualReplicas(keras.callbacks.Callback):
    """After each epoch gives all replicas the same state; must stand before what reads it.

    Weights are equal by themselves. Means and variances of a batch normalisation are not: each replica
    keeps those of its own parts of the batches. All take their average, which is also what a checkpoint
    can hold. Without several replicas there is nothing to do.
    """

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Average what is no trained weight and differs."""
        strategy = self.model.distribute_strategy
        if strategy.num_replicas_in_sync == 1:
            return
        with strategy.scope():
            for variable in self.model.non_trainable_variables:
                values = [each.numpy() for each in strategy.experimental_local_results(variable.value)]
                if any(not np.array_equal(values[0], value) for value in values[1:]):
                    variable.assign(np.mean(values, axis=0))
