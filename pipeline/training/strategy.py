"""On which devices of this machine a network is trained."""

import functools

import tensorflow as tf

from pipeline.errors import UserError
from pipeline.inputs.datasets import Feed


def choose_strategy(name: str) -> tf.distribute.Strategy:
    """Give TensorFlow's strategy for `runtime.strategy`; networks are built within its scope.

    Args:
        name: `default`: one device; `mirrored`: all graphics cards of this machine, or where it has none all
            its logical processors, of which there is one unless somebody divides it.
    """
    if name == "default":
        return tf.distribute.get_strategy()
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return _mirrored(tuple(device.name for device in devices))


@functools.cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    """One strategy a process: a second one would number its sums as the first did, and be refused by them."""
    return tf.distribute.MirroredStrategy(devices)


def check_batches(feed: Feed, batch_size: int, replicas: int) -> None:
    """Refuse batches that cannot be shared out to the replicas.

    Raises:
        UserError: a batch would give one replica more than another, or nothing.
    """
    if batch_size % replicas:
        raise UserError(
            f"train.batch_size is {batch_size}, and with runtime.strategy=mirrored it is shared out to "
            f"{replicas} devices; take a multiple of {replicas}, or runtime.strategy=default"
        )
    last = feed.images_per_epoch % batch_size
    if 0 < last < replicas:
        raise UserError(
            f"the last batch of an epoch has {last} of {batch_size} pictures, too few for {replicas} "
            "devices; change train.batch_size, set train.fake_fraction, or take runtime.strategy=default"
        )
