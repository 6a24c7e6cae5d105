"""Decisions, and what was measured of pictures, without a detector and without a file; small networks."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.detector.conformal import Reference, strata_of
from pipeline.detector.decision import DECISION_FILE, NETWORK, Decision
from pipeline.evidence.panel import SPECIALISTS
from pipeline.models.detector_files import RUN_FILE, TRAINED, save_model
from pipeline.models.export import write_portable
from pipeline.models.portable import load_portable, trained_digest

FIRST = next(iter(SPECIALISTS))


def numbers(network, **columns):
    """Pictures that are alike but for what is given; no specialist applies to them."""
    usual = {"width": 384, "height": 256, "jpeg_quality": 95.0, "chroma": 0.25, "detail": 1.0}
    table = pd.DataFrame({NETWORK: np.asarray(network, float)})
    table = table.assign(**dict.fromkeys(SPECIALISTS, np.nan) | usual | columns)
    return table.astype(dict.fromkeys(SPECIALISTS, float))


def reference(statistics, **columns):
    """Genuine pictures of one kind, with these statistics of a test."""
    return Reference.of(pd.Series(statistics, dtype=float), numbers(statistics, **columns))


def tried(found, **columns):
    """Tampered pictures of one kind: those that were found are as suspicious as can be."""
    kinds = strata_of(numbers(np.zeros(len(found)), **columns))
    return kinds.assign(suspicion=[9.0 * bool(each) for each in found])


BY_NETWORK = Decision(
    false_alarms=0.02,
    unsure=0.1,
    temperature=0.5,
    offset=-2.0,
    tests={NETWORK: reference(np.arange(99.0))},
    tampered=tried([True] * 12),
)


def two_tests(**changes):
    """A decision by the network and a specialist, whose statistics on genuine pictures are 0 to 98."""
    tests = {**BY_NETWORK.tests, FIRST: reference(np.arange(99.0))}
    return replace(BY_NETWORK, **{"tests": tests} | changes)


def portable(model):
    """A network or a forest as what predicts has it."""
    with tempfile.TemporaryDirectory() as folder:
        write_portable(model, Path(folder))
        return load_portable(Path(folder), threads=1)


def localising(blocks, inputs, logit):
    """A network with a map of (batch, rows, columns, 1), and the layer that makes a logit of it."""
    from pipeline.models.layers import CellLogits

    one = CellLogits(name="map")
    map_ = one(blocks)
    one.set_weights([np.ones((1, 1)), np.zeros(())])
    import keras

    return keras.Model(inputs, {"logit": logit(map_), "map": map_})


def write_trained(models, model, inputs):
    """Write what a training leaves in `models`, as far as what predicts reads it."""
    trained = models / TRAINED
    trained.mkdir(parents=True)
    save_model(model, trained, with_h5=False)
    write_portable(model, trained)
    config = {"inputs": inputs.model_dump(), "data": {"name": "drawn"}}
    (trained / RUN_FILE).write_text(json.dumps({"name": "drawn for a test", "config": config}))


def write_decision(models, decision=BY_NETWORK):
    """Write the decision for the detector in `models`."""
    content = {"detector": trained_digest(models), **decision.as_dict()}
    (models / DECISION_FILE).write_text(json.dumps(content))
