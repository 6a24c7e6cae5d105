import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.models.build import build
from pipeline.training.fit import fit
from pipeline.training.machine import prepare_machine
from pipeline.training.validation import COLUMNS
from tests.inputs.drawn import draw_table

SMALL = [
    "preprocess.height=16",
    "preprocess.width=16",
    "model.filters=[4,8]",
    "model.dense=8",
    "train.batch_size=8",
    "train.precision=float32",
]


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    table = draw_table(tmp_path_factory.mktemp("pictures"), genuine=24, fake=24)
    return table[::2], table[1::2]


@pytest.fixture
def trained(compose_config, tables):
    def train(*overrides, **how):
        config = compose_config(*SMALL, *overrides)
        prepare_machine(config.runtime, config.train.precision, config.seed)
        network = build(config.model, 16, 16)
        return network, fit(network, *tables, config, **how)

    yield train
    keras.config.set_dtype_policy("float32")


def test_it_learns_what_can_be_learned(trained):
    _, history = trained("train.epochs=15", "train.learning_rate=3e-3", "augment=none")
    assert history["validation/roc_auc"].max() > 0.95
    assert history["train/loss"].iloc[-1] < history["train/loss"].iloc[0]


def test_the_history_has_a_row_an_epoch_and_the_callback_gets_the_same(trained):
    seen = []
    _, history = trained("train.epochs=2", on_epoch=lambda epoch, metrics: seen.append((epoch, metrics)))
    assert list(history.columns) == ["epoch", *COLUMNS]
    assert history["epoch"].tolist() == [1, 2] == [epoch for epoch, _ in seen]
    assert history[COLUMNS].to_dict("records") == [metrics for _, metrics in seen]


def test_training_stops_when_nothing_gets_better_and_keeps_the_best_weights(trained, tables):
    # At this rate the first epochs overshoot, and what follows is worse.
    network, history = trained("train.epochs=30", "train.patience=2", "train.learning_rate=0.3")
    assert len(history) < 30
    assert history["validation/loss"].idxmin() == len(history) - 3
    assert _validation_loss(network, tables[1]) == pytest.approx(history["validation/loss"].min(), rel=1e-5)


def test_without_patience_all_epochs_run_and_the_last_weights_stay(trained, tables):
    network, history = trained("train.epochs=4", "train.patience=null", "train.learning_rate=0.3")
    assert len(history) == 4
    assert _validation_loss(network, tables[1]) == pytest.approx(
        history["validation/loss"].iloc[-1], rel=1e-5
    )


def _validation_loss(network, table):
    from pipeline.config import Preprocess
    from pipeline.inputs.resize import load
    from pipeline.training.validation import validation_metrics

    size = Preprocess(height=16, width=16, rescale=1 / 255)
    images = np.stack([load(Path(path), size) for path in table["path"]]) * np.float32(1 / 255)
    return validation_metrics(network(images)["logit"].numpy(), table["target"])["validation/loss"]


def test_an_unreadable_picture_is_named(tmp_path, compose_config):
    table = draw_table(tmp_path)
    Path(table["path"][3]).write_bytes(b"broken")
    config = compose_config(*SMALL, "train.epochs=1")
    with pytest.raises(UserError, match=r"003\.png cannot be read"):
        fit(build(config.model, 16, 16), table, table, config)


def test_training_that_diverges_ends_with_what_to_change(tables, compose_config):
    config = compose_config(*SMALL, "preprocess.rescale=1e30", "train.epochs=2")
    with pytest.raises(UserError, match=r"diverged in epoch 1.*lower train.learning_rate"):
        fit(build(config.model, 16, 16), *tables, config)


def test_a_validation_table_without_a_class_cannot_be_ranked(tables, compose_config):
    config = compose_config(*SMALL, "train.monitor=validation/roc_auc")
    one_class = tables[1][tables[1]["target"] == 1]
    with pytest.raises(UserError, match="validation/roc_auc needs genuine and fake"):
        fit(build(config.model, 16, 16), tables[0], one_class, config)


def test_an_empty_validation_table_is_refused(tables, compose_config):
    config = compose_config(*SMALL)
    with pytest.raises(UserError, match="validation table is empty"):
        fit(build(config.model, 16, 16), tables[0], tables[1][:0], config)


PROCESS = """
import hashlib, json, sys
import pandas as pd
from pipeline.validate import validate
from pipeline.models.build import build
from pipeline.training.fit import fit
from pipeline.training.machine import prepare_machine

config = validate(json.loads(sys.argv[1]))
prepare_machine(config.runtime, config.train.precision, config.seed)
network = build(config.model, 16, 16)
table = pd.read_csv(sys.argv[2])
history = fit(network, table[::2], table[1::2], config)
weights = b"".join(each.tobytes() for each in network.get_weights())
figures = history.drop(columns="images_per_second").to_json(double_precision=15)
print(figures, hashlib.sha256(weights).hexdigest())
"""


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_two_processes_with_one_seed_give_bit_identical_histories_and_weights(
    tmp_path, composed_values, precision
):
    draw_table(tmp_path, genuine=40, fake=40).to_csv(tmp_path / "table.csv", index=False)
    composed_values["train"] |= {"epochs": 3, "batch_size": 8, "precision": precision}
    composed_values["preprocess"] |= {"height": 16, "width": 16}
    composed_values["model"]["filters"] = [4, 8]
    command = [sys.executable, "-c", PROCESS, json.dumps(composed_values), str(tmp_path / "table.csv")]
    outputs = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2)]
    assert outputs[0].splitlines()[-1] == outputs[1].splitlines()[-1]
