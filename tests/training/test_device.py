import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.config import Runtime
from pipeline.models.build import build
from pipeline.training import device
from pipeline.training.device import choose_precision, describe_device, has_fast_bfloat16, prepare_machine
from tests.conftest import ROOT
from tests.models.test_build import CNN
from tests.training.toy import SMALL

RUNTIME = Runtime(deterministic=True, strategy="default", cache="auto", cache_gib=1.0)


@pytest.fixture(autouse=True)
def _float32_afterwards():
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    ("precision", "computes_in"), [("float32", "float32"), ("mixed_bfloat16", "bfloat16")]
)
def test_networks_built_afterwards_compute_as_asked(precision, computes_in):
    assert choose_precision(precision) == precision
    facts = prepare_machine(RUNTIME, precision, 20)
    assert facts["precision"] == precision
    assert facts["device"]
    assert build(CNN, 16, 24).layers[1].compute_dtype == computes_in


def test_one_seed_gives_one_set_of_weights_and_another_seed_another():
    def weights(seed):
        prepare_machine(RUNTIME, "float32", seed)
        return build(CNN, 16, 24).get_weights()[0]

    first, again, other = (weights(seed) for seed in (20, 20, 21))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


WITHOUT_GPU = pytest.mark.skipif(
    bool(tf.config.list_physical_devices("GPU")), reason="the GPU decides where there is one"
)


@WITHOUT_GPU
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
    monkeypatch.setattr(device, "_CPU_FACTS", facts)
    assert choose_precision("auto") == chosen
    assert describe_device() == "Some CPU"


@WITHOUT_GPU
def test_a_machine_that_tells_nothing_gets_float32(tmp_path, monkeypatch):
    monkeypatch.setattr(device, "_CPU_FACTS", tmp_path / "none")
    assert not has_fast_bfloat16()
    assert isinstance(describe_device(), str)


# Two replicas on one machine train the network that one device would.

PROCESS = """
import json, sys
import numpy as np
import tensorflow as tf

processor, = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)

from pipeline.training import fit as fitting
from pipeline.training.checkpoint import Checkpoint
from pipeline.models.detector_files import in_float32
from pipeline.config import validate
from tests.training.toy import state_of, toy_feeds, toy_network, train_toy

fitting.make_feeds = toy_feeds
values, folder = json.loads(sys.argv[1]), sys.argv[2]

def train(strategy, network, **how):
    values["runtime"]["strategy"] = strategy
    return train_toy(validate(values), network, **how)

def replicas_of(network):
    local = network.distribute_strategy.experimental_local_results
    return [[each.numpy() for each in local(variable.value)] for variable in network.variables]

def plain():
    return toy_network(dropout=0.0, normalised=False)

def end(epoch, metrics):
    if epoch == 2:
        raise KeyboardInterrupt

single, _ = train("default", plain)
mirrored, _ = train("mirrored", plain)
with_all, history = train("mirrored", toy_network)
kept = Checkpoint(__import__("pathlib").Path(folder))
try:
    train("mirrored", toy_network, checkpoint=kept, on_epoch=end)
except KeyboardInterrupt:
    pass
resumed, _ = train("mirrored", toy_network, checkpoint=kept)
print(json.dumps({
    "replicas": [len(each) for each in replicas_of(mirrored)],
    "equal": [all(np.array_equal(each[0], other) for other in each) for each in replicas_of(with_all)],
    "apart": max(float(np.abs(a - b).max())
                 for a, b in zip(single.get_weights(), mirrored.get_weights(), strict=True)),
    "losses": history["train/loss"].tolist(),
    "resumed": state_of(resumed) == state_of(with_all),
    "saved": len(in_float32(with_all).get_weights()) == len(with_all.get_weights()),
}))
"""


def test_two_replicas_train_as_one_device(tmp_path, compose_config):
    schedule = ["train.schedule=cosine", "train.warmup=0.5"]
    config = compose_config(*SMALL, "train.optimizer=adamw", "train.clip_norm=1e6", *schedule)
    command = ["-W", "error::UserWarning", "-c", PROCESS, config.model_dump_json(), str(tmp_path)]
    ended = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False, cwd=ROOT)
    assert ended.returncode == 0, ended.stderr
    outcome = json.loads(ended.stdout.splitlines()[-1])
    assert set(outcome["replicas"]) == {2}
    assert outcome["losses"][-1] < 0.8 * outcome["losses"][0]
    assert all(outcome["equal"]), "both replicas end with the same numbers, normalisation included"
    assert outcome["apart"] < 1e-4, "the weights are those of one device"
    assert outcome["resumed"], "an interrupted training goes on to the same weights"
    assert outcome["saved"], "the detector can be saved"
