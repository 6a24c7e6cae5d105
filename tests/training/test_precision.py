import pytest
import tensorflow as tf

from pipeline.training import precision
from pipeline.training.precision import choose_precision, describe_device, has_fast_bfloat16

NO_GPU = not tf.config.list_physical_devices("GPU")


@pytest.mark.parametrize("asked", ["float32", "mixed_bfloat16"])
def test_what_is_asked_for_by_name_is_taken(asked):
    assert choose_precision(asked) == asked


@pytest.mark.skipif(not NO_GPU, reason="the GPU decides where there is one")
@pytest.mark.parametrize(
    ("flags", "chosen"),
    [
        ("fpu avx2 avx512f", "float32"),
        ("fpu avx512_bf16", "mixed_bfloat16"),
        ("amx_bf16 amx_tile", "mixed_bfloat16"),
    ],
)
def test_auto_takes_bfloat16_where_the_processor_has_it(tmp_path, monkeypatch, flags, chosen):
    facts = tmp_path / "cpuinfo"
    facts.write_text(f"processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: {flags}\n")
    monkeypatch.setattr(precision, "_CPU_FACTS", facts)
    assert choose_precision("auto") == chosen
    assert describe_device() == "Some CPU"


@pytest.mark.skipif(not NO_GPU, reason="the GPU decides where there is one")
def test_a_machine_that_tells_nothing_gets_float32(tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "_CPU_FACTS", tmp_path / "none")
    assert not has_fast_bfloat16()
    assert isinstance(describe_device(), str)
