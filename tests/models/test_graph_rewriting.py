"""The portable graph: what is rewritten answers as before, and says how far a block looks."""

import json

import keras
import numpy as np
import onnx
import pytest
from keras import layers

from pipeline.models import dct, export
from pipeline.models.blocks import convolution, native_inputs, picture_model
from pipeline.models.portable import ONNX_FILE, REACH, load_portable
from tests.images.pictures import draw_photo

SIZES = {"frequencies": 64, "largest": 5, "absolute_frequencies": 24, "absolute_largest": 16}


def _network(**changes):
    keras.utils.set_random_seed(3)
    wanted = {**SIZES, "filters": 8, "depth": 3, "context": False, "share": 0.02} | changes
    network = dct.build(**wanted)
    generator = np.random.default_rng(0)
    for layer in network.layers:  # else normalisation changes nothing
        if isinstance(layer, layers.BatchNormalization):
            scale, shift, mean, _ = layer.get_weights()
            around = generator.uniform(-0.2, 0.2, (4, *scale.shape))
            layer.set_weights([1 + around[0], shift + around[1], mean + around[2], 1 + around[3]])
    return network


def _written(network, folder):
    folder.mkdir()
    export.write_portable(network, folder)
    return folder


def _given(height=128, width=200):
    pixels = draw_photo(height, width, seed=1).astype(np.float32)[None]
    return {"image": pixels, "quantisation": np.full((1, 8, 8), 7, np.float32)}


def _kinds(folder):
    return [node.op_type for node in onnx.load(folder / ONNX_FILE).graph.node]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Folders of the graph as it is written, and as the converter leaves it."""
    folder, network = tmp_path_factory.mktemp("graphs"), _network()
    rewritten = _written(network, folder / "rewritten")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "rewrite", id)  # nothing
        return rewritten, _written(network, folder / "plain")


def test_a_rewritten_graph_answers_as_before(both):
    rewritten, plain = (load_portable(folder, threads=1)(**_given()) for folder in both)
    assert rewritten["map"].std() > 0.01
    for name, answer in plain.items():
        assert rewritten[name] == pytest.approx(answer, abs=1e-4)


def test_it_takes_fewer_steps(both):
    rewritten, plain = map(_kinds, both)
    assert {"SpaceToDepth", "DepthToSpace"} <= set(plain)
    assert not {"SpaceToDepth", "DepthToSpace"} & set(rewritten)
    assert rewritten.count("Concat") < plain.count("Concat")
    # A convolution of channels put together is a product of each part.
    assert plain.count("Conv") - rewritten.count("Conv") == 1
    assert rewritten.count("MatMul") - plain.count("MatMul") == 2


def test_a_graph_without_such_steps_stays_as_it_is(tmp_path, monkeypatch):
    inputs = native_inputs(with_table=False)
    features = layers.GlobalMaxPooling2D()(convolution(inputs["image"], 4, 3))
    network = picture_model("small", inputs, features)
    rewritten = _written(network, tmp_path / "rewritten")
    monkeypatch.setattr(export, "rewrite", id)  # nothing
    plain = _written(network, tmp_path / "plain")
    assert _kinds(rewritten) == _kinds(plain)


@pytest.mark.parametrize(("depth", "pixels"), [(1, 56), (2, 72)])
def test_it_says_how_far_a_block_looks(tmp_path, depth, pixels):
    folder = _written(_network(depth=depth), tmp_path / "one")
    network = load_portable(folder, threads=1)
    assert network.reach == pixels
    given = _given(8 * 40, 8 * 40)
    before = network(**given)["map"][0]
    block = given["image"][0, 8 * 20 : 8 * 21, 8 * 20 : 8 * 21]
    block[:] = np.random.default_rng(0).integers(0, 256, block.shape)
    rows, columns = np.nonzero(network(**given)["map"][0] != before)
    furthest = 8 * max(np.abs(rows - 20).max(), np.abs(columns - 20).max())
    assert furthest == pixels - 8


def test_a_graph_of_before_does_not_say_it(tmp_path):
    folder = _written(_network(depth=0), tmp_path / "one")
    graph = onnx.load(folder / ONNX_FILE)
    kept = [each for each in graph.metadata_props if each.key != REACH]
    assert [json.loads(each.value) for each in graph.metadata_props if each.key == REACH] == [24]
    del graph.metadata_props[:]
    graph.metadata_props.extend(kept)
    onnx.save(graph, folder / ONNX_FILE)
    assert load_portable(folder, threads=1).reach is None
