"""Training on labels dealt anew: what is learnt are these, and what is tested stays true."""

import sys

import pytest

SCORES = """
import json
from pathlib import Path
from sklearn.metrics import roc_auc_score
from pipeline.datasets.tables import read_table, shuffle_labels
from pipeline.detector.detector import Detector
from pipeline.detector.validation import score_table
record = json.loads(Path("models/run.json").read_text())
table = read_table(Path("data/manifest/train.csv"))
logits = score_table(Detector.load(Path("models")), table)["logit"]
dealt = shuffle_labels(table, [record["config"]["seed"], 0])["target"]
print(json.dumps([roc_auc_score(dealt, logits), roc_auc_score(table["target"], logits)]))
"""


@pytest.mark.slow
def test_a_detector_learns_the_labels_that_were_dealt_and_the_tables_stay_true(own_copy):
    before = {
        split: (own_copy.folder / f"data/manifest/{split}.csv").read_bytes()
        for split in ("train", "validation", "test")
    }
    choices = ["model=forest", "inputs.augment=null", "train.shuffle_labels=true"]
    own_copy.run(sys.executable, "-m", "pipeline.train", *choices)
    of_dealt, of_true = own_copy.answer(SCORES)
    assert of_dealt > 0.95
    assert of_true < 0.85
    for split, content in before.items():
        assert (own_copy.folder / f"data/manifest/{split}.csv").read_bytes() == content
    said = own_copy.run(sys.executable, "-m", "pipeline.train", "train.shuffle_labels=true", fails=True)
    assert "experiment=shuffled_labels" in said
