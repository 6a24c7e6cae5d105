"""The state of the process that training needs: precision, seeds, determinism."""

import keras
import tensorflow as tf

from pipeline.config import Config, Runtime
from pipeline.training.precision import choose_precision, describe_device


def training_seed(config: Config) -> int:
    """Give the seed of weights, dropout, batches and shuffled labels; `config.seed` deals the pictures."""
    return config.seed if config.train.seed is None else config.train.seed


def prepare_machine(runtime: Runtime, precision: str, seed: int) -> dict[str, str]:
    """Set precision and seeds of this process; to be called before a network is built.

    Keras draws initial weights and dropout from the global seeds that this sets, so two calls with one
    seed give two equal networks, in one process or in two.

    Args:
        runtime: `deterministic` makes TensorFlow refuse or replace what may differ from run to run.
        precision: `train.precision`.
        seed: of the training.

    Returns:
        `device` and `precision`, for the record.
    """
    for gpu in tf.config.list_physical_devices("GPU"):
        _share(gpu)
    if runtime.deterministic:
        tf.config.experimental.enable_op_determinism()
    keras.utils.clear_session()  # names of layers start again, as in a new process; forgets the policy too
    chosen = choose_precision(precision)
    keras.config.set_dtype_policy(chosen)
    keras.utils.set_random_seed(seed)
    return {"device": describe_device(), "precision": chosen}


def _share(gpu: tf.config.PhysicalDevice) -> None:
    """Take memory as it is needed: by default the first process takes all, and a second one fails."""
    if not tf.config.experimental.get_memory_growth(gpu):
        tf.config.experimental.set_memory_growth(gpu, True)
