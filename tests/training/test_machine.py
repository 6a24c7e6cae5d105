import keras
import numpy as np
import pytest

from pipeline.config import Runtime
from pipeline.models.build import build
from pipeline.training.machine import prepare_machine
from tests.models.test_build import CNN

RUNTIME = Runtime(deterministic=True, strategy="default", cache="auto", cache_gib=1.0)


@pytest.fixture(autouse=True)
def _float32_afterwards():
    yield
    keras.config.set_dtype_policy("float32")


def _network(precision, seed):
    facts = prepare_machine(RUNTIME, precision, seed)
    return facts, build(CNN, 16, 24)


@pytest.mark.parametrize(
    ("precision", "computes_in"), [("float32", "float32"), ("mixed_bfloat16", "bfloat16")]
)
def test_networks_built_afterwards_compute_as_asked(precision, computes_in):
    facts, network = _network(precision, 20)
    assert facts["precision"] == precision
    assert facts["device"]
    assert network.layers[1].compute_dtype == computes_in


def test_one_seed_gives_one_set_of_weights_and_another_seed_another():
    first, again, other = (_network("float32", seed)[1].get_weights()[0] for seed in (20, 20, 21))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
