"""What holds for each layer of `pipeline.models.layers`."""

import json

import keras
import numpy as np
import pytest

from pipeline.models import layers
from pipeline.models.detector_files import in_float32

# NumPy 2 on how Keras 3.15 reads its own weights.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

GENERATOR = np.random.default_rng(0)
PICTURES = GENERATOR.integers(0, 256, (2, 16, 24, 3)).astype(np.float32)
FEATURES = GENERATOR.normal(0, 9, (2, 2, 3, 64)).astype(np.float32)
TABLES = GENERATOR.integers(0, 99, (2, 8, 8)).astype(np.float32)
CASES = [
    ("BayarConvolution", {"filters": 2, "size": 3}, [PICTURES]),
    ("BlockDCT", {}, [PICTURES]),
    ("CellLogits", {}, [FEATURES]),
    ("CoefficientBins", {"n_frequencies": 7, "largest": 3, "kind": "quantised"}, [FEATURES, TABLES]),
    ("CoefficientBins", {"n_frequencies": 7, "largest": 3, "kind": "absolute"}, [FEATURES]),
    ("ErrorLevels", {"quality": 75, "gain": 2.0}, [PICTURES]),
    ("NeighbouringPixels", {}, [PICTURES]),
    ("RelativeContext", {}, [FEATURES]),
    ("Residuals", {"luma": True}, [PICTURES]),
    ("Residuals", {"luma": False}, [PICTURES]),
    ("TableModulation", {"units": 5}, [FEATURES, TABLES]),
    ("TopKMean", {"share": 0.5, "fewest": 2}, [FEATURES[..., 0]]),
]


IDS = [f"{name}-{json.dumps(arguments)}" for name, arguments, _ in CASES]


def _network(name, arguments, inputs):
    """The layer alone, for any height and width."""
    last = {2: (None, None), 3: (8, 8), 4: (None, None)}
    sizes = [(*last[each.ndim], *each.shape[3:]) for each in inputs]
    if name == "TopKMean":
        sizes = [(None, None)]
    symbolic = [keras.Input(size) for size in sizes]
    layer = getattr(layers, name)(**arguments)
    return keras.Model(symbolic, layer(*symbolic))


def test_no_layer_is_left_out():
    assert {name for name, *_ in CASES} == set(layers.__all__)


@pytest.mark.usefixtures("mixed_policy")
@pytest.mark.parametrize(("name", "arguments", "inputs"), CASES, ids=IDS)
def test_it_answers_alike_when_saved_and_loaded_and_computed_in_float32(name, arguments, inputs, tmp_path):
    network = _network(name, arguments, inputs)
    for weight in network.trainable_variables:
        weight.assign(weight + 0.01 * GENERATOR.random(weight.shape))
    network.save(tmp_path / "layer.keras")
    loaded = keras.saving.load_model(tmp_path / "layer.keras", safe_mode=True)
    expected = np.asarray(network(inputs), np.float32)
    assert np.array_equal(np.asarray(loaded(inputs), np.float32), expected)
    plain = in_float32(network)
    assert all(np.array_equal(a, b) for a, b in zip(network.get_weights(), plain.get_weights(), strict=True))
    found = plain(inputs)
    assert found.dtype == "float32"
    assert np.allclose(found, expected, rtol=0.02, atol=0.02 * np.abs(expected).max())


@pytest.mark.parametrize(("name", "arguments", "inputs"), CASES, ids=IDS)
def test_it_says_its_shape_before_it_computes(name, arguments, inputs):
    network = _network(name, arguments, inputs)
    told, found = network.output.shape, network(inputs).shape
    assert len(told) == len(found)
    assert all(one in (None, other) for one, other in zip(told, found, strict=True))
