"""Two replicas on one machine train the network that one device would."""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT

PROCESS = """
import json, sys
import numpy as np
import tensorflow as tf

processor, = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)

from pipeline.training import fit as fitting
from pipeline.training.checkpoint import Checkpoint
from pipeline.models.files import in_float32
from pipeline.validate import validate
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


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    from tests.training.toy import SMALL

    overrides = [
        *SMALL,
        "train.optimizer=adamw",
        "train.schedule=cosine",
        "train.warmup=0.5",
        "train.clip_norm=1e6",
    ]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        values = OmegaConf.to_container(compose("config", overrides=overrides), resolve=True)
    folder = tmp_path_factory.mktemp("checkpoint")
    command = [sys.executable, "-W", "error::UserWarning", "-c", PROCESS, json.dumps(values), str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def test_all_weights_are_on_both_replicas_and_the_loss_goes_down(outcome):
    assert set(outcome["replicas"]) == {2}
    assert outcome["losses"][-1] < 0.8 * outcome["losses"][0]


def test_both_replicas_end_with_the_same_numbers_normalisation_included(outcome):
    assert all(outcome["equal"])


def test_the_weights_are_those_of_one_device(outcome):
    assert outcome["apart"] < 1e-4


def test_an_interrupted_training_goes_on_to_the_same_weights(outcome):
    assert outcome["resumed"]


def test_the_detector_can_be_saved(outcome):
    assert outcome["saved"]
