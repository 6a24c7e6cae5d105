"""The state of the process that training needs: precision, seeds, determinism, devices."""

import functools
import platform
from pathlib import Path

import keras
import tensorflow as tf

from pipeline.config import Runtime
from pipeline.errors import UserError
from pipeline.inputs.batches import Batches

AMPERE = (8, 0)  # first NVIDIA compute capability with bfloat16
_CPU_FLAGS = {"amx_bf16", "avx512_bf16"}
_CPU_FACTS = Path("/proc/cpuinfo")


def choose_precision(asked: str) -> str:
    """Return Keras's dtype policy for `train.precision`; `auto` is `mixed_bfloat16` where that is faster.

    bfloat16 has the range of float32, so unlike float16 it needs no scaling of the loss; weights,
    optimizer and the logit stay in float32.
    """
    if asked != "auto":
        return asked
    return "mixed_bfloat16" if has_fast_bfloat16() else "float32"


def has_fast_bfloat16() -> bool:
    """Return whether every GPU, or where there is none the processor, has bfloat16 in hardware."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
        return all(gpu.get("compute_capability", (0, 0)) >= AMPERE for gpu in details)
    return bool(_CPU_FLAGS & set(_cpu_fact("flags").split()))


def describe_device() -> str:
    """Return the name of what training runs on, as people know it."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
        return f"{len(gpus)} × {name}" if len(gpus) > 1 else str(name)
    return _cpu_fact("model name") or platform.processor() or platform.machine()


def _cpu_fact(name: str) -> str:
    """Return a value of the first processor in Linux's table; elsewhere nothing."""
    if not _CPU_FACTS.is_file():
        return ""
    lines = (line.partition(":") for line in _CPU_FACTS.read_text(encoding="utf-8").splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), "")


def prepare_machine(runtime: Runtime, precision: str, seed: int) -> dict[str, str]:
    """Set precision and seeds before a network is built; return `device` and `precision`, for the record.

    Keras draws initial weights and dropout from the global seeds that this sets, so two calls with one
    seed give two equal networks, in one process or in two. `runtime.deterministic` makes TensorFlow refuse
    or replace what may differ from run to run.
    """
    for gpu in tf.config.list_physical_devices("GPU"):
        # By default the first process takes all memory, and a second one fails.
        if not tf.config.experimental.get_memory_growth(gpu):
            tf.config.experimental.set_memory_growth(gpu, True)
    if runtime.deterministic:
        tf.config.experimental.enable_op_determinism()
    keras.utils.clear_session()  # names of layers start again, as in a new process; forgets the policy too
    chosen = choose_precision(precision)
    keras.config.set_dtype_policy(chosen)
    keras.utils.set_random_seed(seed)
    return {"device": describe_device(), "precision": chosen}


def choose_strategy(name: str) -> tf.distribute.Strategy:
    """Return TensorFlow's strategy for `runtime.strategy`; networks are built within its scope.

    `mirrored` takes all graphics cards of this machine, or where it has none all its logical processors, of
    which there is one unless somebody divides it.
    """
    if name == "default":
        return tf.distribute.get_strategy()
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return _mirrored(tuple(device.name for device in devices))


@functools.cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    """Return the one strategy of a process: a second would number its sums as the first, and be refused."""
    return tf.distribute.MirroredStrategy(devices)


def check_batches(batches: Batches, batch_size: int, replicas: int) -> None:
    """Raise UserError where a batch would give one replica more than another, or nothing."""
    if batch_size % replicas:
        raise UserError(
            f"train.batch_size is {batch_size}, and with runtime.strategy=mirrored it is shared out to "
            f"{replicas} devices; take a multiple of {replicas}, or runtime.strategy=default"
        )
    last = batches.images_per_epoch % batch_size
    if 0 < last < replicas:
        raise UserError(
            f"the last batch of an epoch has {last} of {batch_size} pictures, too few for {replicas} "
            "devices; change train.batch_size, set train.fake_fraction, or take runtime.strategy=default"
        )
