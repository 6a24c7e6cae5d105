"""A training that is broken off ends, whatever broke it off and while batches are being made."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest

from tests.conftest import Repository, new_repository
from tests.inputs.drawn import draw_table

PROCESS = """
import json, pathlib, sys
import pandas as pd
from pipeline.config import validate
from pipeline.models.build import build
from pipeline.stage import plain_errors
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.fit import fit
import pipeline.inputs.crops

def broken(*_):
    raise ValueError("nobody foresaw this")

def interrupted(epoch, metrics):
    if epoch == 2:
        raise KeyboardInterrupt

config = validate(json.loads(sys.argv[1]))
table = pd.read_csv(sys.argv[2], dtype=str, keep_default_na=False)
table["target"] = table["target"].astype(int)
if sys.argv[3] == "unforeseen":
    pipeline.inputs.crops.tamper_at_random = broken
with plain_errors():
    checkpoint = Checkpoint(pathlib.Path(sys.argv[2]).with_name("kept"))
    fit(build(config.model, 32, 32), table, table, config, interrupted, checkpoint)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "status", "said"),
    [
        ("unforeseen", 1, "ValueError: nobody foresaw this"),
        ("interrupted", 130, "left half done\nthe next run goes on after epoch 2 of 3 (from"),
    ],
)
def test_it_ends_and_says_why(tmp_path, composed_values, how, status, said):
    draw_table(tmp_path, genuine=30, fake=30, kind="jpg").to_csv(tmp_path / "table.csv", index=False)
    composed_values["train"] |= {"epochs": 3, "batch_size": 8, "precision": "float32"}
    composed_values["inputs"] |= {"height": 32, "width": 32, "views": 2}
    composed_values["model"] |= {"filters": 8, "weights": None}
    command = [sys.executable, "-c", PROCESS, json.dumps(composed_values), str(tmp_path / "table.csv"), how]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == status
    assert said in ended.stderr


TRAIN = [
    sys.executable, "-m", "pipeline.train", "model=cnn", "train.epochs=12", "train.patience=4",
    "train.optimizer=adamw", "train.schedule=cosine", "train.warmup=0.5", "train.learning_rate=0.003",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="kills as POSIX does")
def test_it_goes_on_after_the_last_whole_epoch_and_leaves_the_same_files(tmp_path):
    undisturbed = new_repository(tmp_path / "undisturbed")
    for stage in ("sample", "convert", "manifest"):
        undisturbed.stage(stage, "model=cnn")
    killed = Repository(shutil.copytree(undisturbed.folder, tmp_path / "killed", symlinks=True))
    undisturbed.run(*TRAIN)
    _kill_in_epoch(killed, 4)
    assert not (killed.folder / "models/trained").exists()
    (kept,) = (killed.folder / ".checkpoints").iterdir()
    output = killed.run(*TRAIN)
    # The signal may come an epoch late.
    assert re.search(rf"training goes on after epoch [34] of 12, from \.checkpoints/{kept.name}", output)
    for name in ("detector.keras", "history.csv"):
        wanted, found = (
            (each.folder / "models/trained" / name).read_bytes() for each in (undisturbed, killed)
        )
        assert wanted == found, name
    assert not any((killed.folder / ".checkpoints").iterdir())
    assert not killed.run("git", "status", "--porcelain", "--", ".checkpoints")


def _kill_in_epoch(repository, epoch):
    """Kill the training once the line of the epoch before has come."""
    environment = repository.environment(PYTHONUNBUFFERED="1")
    with subprocess.Popen(
        TRAIN, cwd=repository.folder, env=environment, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        assert any(line.split()[:1] == [f"{epoch - 1}/12"] for line in process.stdout)
        process.send_signal(signal.SIGKILL)
