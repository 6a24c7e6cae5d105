"""Whether a machine computes in bfloat16 faster than in float32, found out by asking it."""

import platform
from pathlib import Path

import tensorflow as tf

AMPERE = (8, 0)  # first NVIDIA compute capability with bfloat16
_CPU_FLAGS = {"amx_bf16", "avx512_bf16"}
_CPU_FACTS = Path("/proc/cpuinfo")


def choose_precision(asked: str) -> str:
    """Give the name of Keras's dtype policy for `train.precision`.

    bfloat16 has the range of float32, so unlike float16 it needs no scaling of the loss; weights,
    optimizer and the logit stay in float32.

    Args:
        asked: `float32`, `mixed_bfloat16`, or `auto`: mixed where it is faster.

    Returns:
        `float32` or `mixed_bfloat16`.
    """
    if asked != "auto":
        return asked
    return "mixed_bfloat16" if has_fast_bfloat16() else "float32"


def has_fast_bfloat16() -> bool:
    """Whether every GPU, or where there is none the processor, has bfloat16 in hardware."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
        return all(each.get("compute_capability", (0, 0)) >= AMPERE for each in details)
    return bool(_CPU_FLAGS & _cpu_flags())


def describe_device() -> str:
    """Name what training runs on, as people know it."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
        return f"{len(gpus)} × {name}" if len(gpus) > 1 else str(name)
    return _cpu_fact("model name") or platform.processor() or platform.machine()


def _cpu_flags() -> set[str]:
    return set(_cpu_fact("flags").split())


def _cpu_fact(name: str) -> str:
    """A value of the first processor in Linux's table; elsewhere nothing."""
    if not _CPU_FACTS.is_file():
        return ""
    lines = (line.partition(":") for line in _CPU_FACTS.read_text(encoding="utf-8").splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), "")
