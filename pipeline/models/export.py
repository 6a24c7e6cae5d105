"""From a trained model to `detector.onnx`: done once, by a training.

A file of opset `OPSET` (https://github.com/onnx/onnx/blob/main/docs/Versioning.md) with all layers of ours in
it as plain operators, written by tf2onnx or, for a forest, skl2onnx.
"""

import contextlib
import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.images.jpeg import BLOCK
from pipeline.models.detector_files import in_float32
from pipeline.models.forest import Forest
from pipeline.models.graph_rewriting import rewrite
from pipeline.models.portable import FEATURES, ONNX_FILE, REACH, SHARES, TOP_BLOCKS, TREES
from pipeline.storage import write_bytes

if TYPE_CHECKING:
    import keras
    import onnx

OPSET = 18


def write_portable(model: Any, folder: Path) -> Path:
    """Write a network or a forest as `folder/detector.onnx`.

    The same model gives the same bytes, but for EfficientNet, whose constants tf2onnx folds in any order.
    """
    graph = _of_forest(model) if isinstance(model, Forest) else _of_network(in_float32(model))
    path = folder / ONNX_FILE
    write_bytes(path, graph.SerializeToString(deterministic=True))
    return path


def _of_network(model: "keras.Model") -> "onnx.ModelProto":
    """Convert a network; height, width and batch stay free where they are."""
    import tensorflow as tf

    specs = {
        name: tf.TensorSpec(each.shape, tf.float32, name=name) for name, each in sorted(model.input.items())
    }

    def call(*given: Any) -> Any:
        return model(dict(zip(specs, given, strict=True)), training=False)

    with _quiet_converter():
        import tf2onnx

        function = tf.function(call, input_signature=list(specs.values()))
        graph, _ = tf2onnx.convert.from_function(function, list(specs.values()), opset=OPSET)
    _with_constants(graph, function.get_concrete_function().graph.captures)
    rewrite(graph.graph)
    _in_one_order(graph)
    if "map" in model.output:
        top = model.get_layer("logit")
        head = {"share": top.share, "fewest": top.fewest}
        head |= {name: float(getattr(top, name).numpy()) for name in ("scale", "offset")}
        _remember(graph, TOP_BLOCKS, head)
        _remember(graph, REACH, _reach(model))
    return graph


def _reach(model: "keras.Model") -> int:
    """Return how many pixels around a block have a part in what a network says of it, at most.

    Each convolution is counted as one of blocks, and one block for what layers of ours look at in pixels.
    """
    import keras

    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    sides = (max(layer.dilation_rate) * (max(layer.kernel_size) // 2) for layer in convolutions)
    return BLOCK * (1 + sum(sides))


def _of_forest(forest: Forest) -> "onnx.ModelProto":
    with _quiet_converter():
        from onnx import TensorProto
        from skl2onnx import to_onnx
        from skl2onnx.common.data_types import DoubleTensorType

        trees = forest.trees
        graph = to_onnx(
            trees,
            initial_types=[(FEATURES, DoubleTensorType([None, trees.n_features_in_]))],
            options={id(trees): {"zipmap": False}},
            target_opset={"": OPSET, "ai.onnx.ml": 3},
        )
    for each in graph.graph.output:  # sums are doubles, as scikit-learn's, and what comes out are floats
        if each.name == SHARES:
            each.type.tensor_type.elem_type = TensorProto.FLOAT
    graph.graph.name = "forest"  # else one drawn by chance
    _remember(graph, TREES, len(trees.estimators_))
    return graph


@contextlib.contextmanager
def _quiet_converter() -> Iterator[None]:
    """Keep what converters tell of their progress from the terminal; an operator they lack is an error."""
    logger = logging.getLogger("tf2onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _with_constants(graph: "onnx.ModelProto", captures: Any) -> None:
    """Put in what a network holds beside its weights: the converter takes such tensors for inputs."""
    from onnx import numpy_helper

    values = {inner.name: outer for outer, inner in captures if outer.dtype != "resource"}
    for name in [each.name for each in graph.graph.input if each.name in values]:
        graph.graph.initializer.append(numpy_helper.from_array(values[name].numpy(), name))
    for each in [each for each in graph.graph.input if each.name in values]:
        graph.graph.input.remove(each)


def _in_one_order(graph: "onnx.ModelProto") -> None:
    """Name what lies between inputs and outputs by what it is computed from, and sort it.

    The converter orders nodes and constants anew each time, and Keras counts the layers of a process.
    """
    inner = graph.graph
    kept = {each.name for each in [*inner.input, *inner.output]}
    names = {name: name for name in ["", *kept]}
    constants = {}
    for constant in inner.initializer:
        old, constant.name = constant.name, ""
        constant.name = names[old] = _digest("constant", constant.SerializeToString(deterministic=True))
        constants[constant.name] = constant
    nodes = {}
    for node in inner.node:  # what a node takes comes before it
        node.name, node.doc_string = "", ""
        node.input[:] = [names[each] for each in node.input]
        found, node.output[:] = list(node.output), []
        own = _digest(node.op_type, node.SerializeToString(deterministic=True))
        node.output[:] = [each if each in kept else f"{own}_{place}" for place, each in enumerate(found)]
        names.update(zip(found, node.output, strict=True))
        nodes[tuple(node.output)] = node
    ordered, ready = [], {"", *constants, *(each.name for each in inner.input)}
    while nodes:
        key = min(key for key, node in nodes.items() if ready.issuperset(node.input))
        ready.update(key)
        ordered.append(nodes.pop(key))
    sorted_constants = [constants[name] for name in sorted(constants)]
    for old, new in ((inner.initializer, sorted_constants), (inner.node, ordered)):
        copies = [type(each).FromString(each.SerializeToString()) for each in new]
        del old[:]
        old.extend(copies)
    del inner.value_info[:]
    inner.name, inner.doc_string, graph.doc_string = "network", "", ""
    for each in [*inner.input, *inner.output]:
        sides = ("height", "width") if each.name == "image" else ("rows", "columns")
        for dim, side in zip(each.type.tensor_type.shape.dim, ("batch", *sides), strict=False):
            if dim.dim_param:
                dim.dim_param = side


def _digest(kind: str, content: bytes) -> str:
    return hashlib.sha256(kind.encode() + content).hexdigest()[:16]


def _remember(graph: "onnx.ModelProto", key: str, value: Any) -> None:
    graph.metadata_props.add(key=key, value=json.dumps(value))
