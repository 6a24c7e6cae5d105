"""`detector.onnx`: what is broken is named, a forest keeps its answers, other answers end a training."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from pipeline.errors import UserError
from pipeline.images.content_features import N_HISTORY
from pipeline.inputs.load import load
from pipeline.models.detector_files import load_detector
from pipeline.models.export import OPSET, write_portable
from pipeline.models.forest import build
from pipeline.models.portable import ONNX_FILE, TOP_BLOCKS, load_portable
from pipeline.models.pretrained import FOLDER
from pipeline.training import portability
from pipeline.training.portability import difference
from tests.images.pictures import draw_photo, saved
from tests.inputs.drawn import native


@pytest.fixture(scope="module")
def forest():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(120, N_HISTORY)).astype(np.float32)
    targets = (features[:, 0] + rng.normal(size=120) > 0).astype(int)
    return build(trees=50, features_per_split=0.2, smallest_leaf=0.0).fit(features, targets, seed=1), features


def test_a_forest_keeps_its_answers_also_where_all_trees_agree(forest, tmp_path):
    trees, features = forest
    write_portable(trees, tmp_path)
    portable = load_portable(tmp_path)
    assert np.abs(trees.logits(features)).max() > 2
    assert portable.logits(features) == pytest.approx(trees.logits(features), abs=1e-5)
    assert portable.logits(features[:0]).shape == (0,)
    other = np.random.default_rng(1).normal(size=(50, N_HISTORY)).astype(np.float32)
    assert portable.logits(other) == pytest.approx(trees.logits(other), abs=1e-4)


def graph(inputs, outputs):
    """A graph that hands its first input on to each of its outputs."""
    shaped = [helper.make_tensor_value_info(each, TensorProto.FLOAT, None) for each in (*inputs, *outputs)]
    nodes = [helper.make_node("Identity", [inputs[0]], [each]) for each in outputs]
    made = helper.make_graph(nodes, "g", shaped[: len(inputs)], shaped[len(inputs) :])
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "cannot be loaded"),
        (b"half a file", "cannot be loaded"),
        (b"PK\x03\x04 a zip", "cannot be loaded"),
        (graph(["x"], ["y"]).SerializeToString(), "it takes x and answers y"),
        (graph(["image"], ["y"]).SerializeToString(), "it takes image and answers y"),
        (graph(["image"], ["logit", "map"]).SerializeToString(), "does not say how a map becomes a logit"),
    ],
    ids=["empty", "text", "zip", "other", "nothing", "map"],
)
def test_what_is_no_detector_is_named(tmp_path, content, reason):
    (tmp_path / ONNX_FILE).write_bytes(content)
    with pytest.raises(
        UserError, match=rf"{ONNX_FILE} cannot be loaded as a detector.*train it again"
    ) as error:
        load_portable(tmp_path)
    assert reason in str(error.value)
    (tmp_path / ONNX_FILE).unlink()
    with pytest.raises(UserError, match=rf"{ONNX_FILE} is missing; train a detector"):
        load_portable(tmp_path)


def test_it_states_its_opset_and_how_a_map_becomes_a_logit(tmp_path):
    from pipeline.models import dct

    sizes = {"frequencies": 6, "largest": 3, "absolute_frequencies": 0, "absolute_largest": 3}
    write_portable(dct.build(**sizes, filters=8, depth=0, context=True, share=0.1), tmp_path)
    model = onnx.load(tmp_path / ONNX_FILE)
    assert {each.domain: each.version for each in model.opset_import}[""] == OPSET
    onnx.checker.check_model(model)
    stored = {each.key: json.loads(each.value) for each in model.metadata_props}
    assert stored[TOP_BLOCKS] == {"share": 0.1, "fewest": 8, "scale": 1.0, "offset": 0.0}
    sides = [each.dim_param for each in model.graph.input[0].type.tensor_type.shape.dim]
    assert sides[:3] == ["batch", "height", "width"]


@pytest.mark.parametrize("off", [2e-4, np.nan, np.inf])
def test_a_form_that_answers_otherwise_ends_the_training(off):
    logits = np.array([0.5, -3.0])
    assert difference(logits, logits + 5e-5) == pytest.approx(5e-5, rel=1e-3)
    with pytest.raises(UserError, match=r"answers otherwise than what was trained.*nothing was saved"):
        difference(logits, logits + np.array([0, off]))
    assert portability.TOLERANCE == 1e-4


def test_no_coefficient_near_a_half_falls_to_another_side(tmp_path):
    """The network that comes with the package, on photographs: in float32 some of them differ by 1e-3."""
    network = load_detector(FOLDER / "dct")
    write_portable(network, tmp_path)
    portable = load_portable(tmp_path)
    for seed in range(10):
        content = saved(draw_photo(256, 384, seed=seed), quality=70 + 3 * seed)
        loaded = load(content, native(32, 32))
        given = {"image": loaded.pixels[None].astype(np.float32), "quantisation": loaded.quantisation[None]}
        expected = network(given, training=False)
        assert portable(**given)["map"] == pytest.approx(np.asarray(expected["map"]), abs=1e-3)
        assert difference(expected["logit"], portable(**given)["logit"]) < portability.TOLERANCE
