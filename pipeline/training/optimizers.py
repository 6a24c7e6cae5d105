"""How weights follow their gradients."""

import keras

from pipeline.config import Train
from pipeline.training.schedules import Rate


def make_optimizer(network: keras.Model, settings: Train, rate: Rate) -> keras.optimizers.Optimizer:
    """Make the optimizer of a network, with its state; within the scope of the network's strategy.

    Weight decay (adamw) takes kernels only, as is usual: a bias, the scale and shift of a normalisation and
    the scale and offset of a head have one axis or none and are left alone.

    Args:
        network: whose weights are to be trained.
        settings: `optimizer` and what it needs.
        rate: the learning rate.
    """
    replicas = network.distribute_strategy.num_replicas_in_sync
    # Keras clips what each replica found before it adds them up; an equal share each keeps the sum below.
    clip_norm = None if settings.clip_norm is None else settings.clip_norm / replicas
    optimizer: keras.optimizers.Optimizer
    if settings.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(
            rate, weight_decay=settings.weight_decay, global_clipnorm=clip_norm
        )
        optimizer.exclude_from_weight_decay(
            var_list=[each for each in network.trainable_variables if len(each.shape) < 2]
        )
    elif settings.optimizer == "adam":
        optimizer = keras.optimizers.Adam(rate, global_clipnorm=clip_norm)
    else:
        optimizer = keras.optimizers.SGD(rate, momentum=settings.momentum, global_clipnorm=clip_norm)
    optimizer.build(network.trainable_variables)
    return optimizer
