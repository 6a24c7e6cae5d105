"""A training that is broken off ends, whatever broke it off and while batches are being made."""

import json
import subprocess
import sys

import pytest

from tests.inputs.drawn import draw_table

PROCESS = """
import json, sys
import pandas as pd
from pipeline.validate import validate
from pipeline.models.build import build
from pipeline.stage import plain_errors
from pipeline.training.fit import fit
import pipeline.inputs.views as views

def broken(*_):
    raise ValueError("nobody foresaw this")

def interrupted(*_):
    raise KeyboardInterrupt

config = validate(json.loads(sys.argv[1]))
table = pd.read_csv(sys.argv[2], dtype=str, keep_default_na=False)
table["target"] = table["target"].astype(int)
if sys.argv[3] == "unforeseen":
    views.tampered = broken
with plain_errors():
    fit(build(config.model, 32, 32), table, table, config, interrupted)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "status", "said"),
    [
        ("unforeseen", 1, "ValueError: nobody foresaw this"),
        ("interrupted", 130, "interrupted; earlier results"),
    ],
)
def test_it_ends_and_says_why(tmp_path, composed_values, how, status, said):
    draw_table(tmp_path, genuine=30, fake=30, kind="jpg").to_csv(tmp_path / "table.csv", index=False)
    composed_values["train"] |= {"epochs": 3, "batch_size": 8, "precision": "float32"}
    composed_values["preprocess"] |= {"height": 32, "width": 32, "views": 2}
    composed_values["model"]["filters"] = 8
    command = [sys.executable, "-c", PROCESS, json.dumps(composed_values), str(tmp_path / "table.csv"), how]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == status
    assert said in ended.stderr
