"""A whole detector folder, as training and calibration leave one, in milliseconds.

Its network is an average: bright blocks are tampered, so that a test chooses what it says by drawing.
"""

import json

import onnx
from onnx import TensorProto, helper

from pipeline.detector.decision import NETWORK
from pipeline.models.detector_files import RUN_FILE, TRAINED
from pipeline.models.portable import ONNX_FILE, TOP_BLOCKS
from tests.detector.builders import reference, two_tests, write_decision


def write_detector(folder, **decision):
    """Write `detector.onnx`, `run.json`, `decision.json`; the logit of a block is its brightness / 16 - 8."""
    (folder / TRAINED).mkdir(parents=True)
    (folder / TRAINED / ONNX_FILE).write_bytes(_network())
    record = {
        "name": "brightness seed=1",
        "config": {"inputs": {"method": "native"}, "data": {"name": "drawn pictures"}},
        "pictures": {"genuine": 30, "fake": 30},
    }
    (folder / TRAINED / RUN_FILE).write_text(json.dumps(record))
    network = reference([each / 20 - 8 for each in range(240)])
    write_decision(folder, two_tests(tests={**two_tests().tests, NETWORK: network}, **decision))
    return folder


def _network():
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["grey"], axes=[3], keepdims=0),
        helper.make_node("Unsqueeze", ["grey", "one"], ["planes"]),
        helper.make_node("AveragePool", ["planes"], ["blocks"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Squeeze", ["blocks", "one"], ["brightness"]),
        helper.make_node("Mul", ["brightness", "sixteenth"], ["scaled"]),
        helper.make_node("Add", ["scaled", "minus_eight"], ["map"]),
        helper.make_node("ReduceMax", ["map"], ["logit"], axes=[1, 2], keepdims=0),
    ]
    constants = [
        helper.make_tensor("one", TensorProto.INT64, [1], [1]),
        helper.make_tensor("sixteenth", TensorProto.FLOAT, [], [1 / 16]),
        helper.make_tensor("minus_eight", TensorProto.FLOAT, [], [-8.0]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", "h", "w", 3])
    answers = [
        helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n"]),
        helper.make_tensor_value_info("map", TensorProto.FLOAT, ["n", "r", "c"]),
    ]
    graph = helper.make_graph(nodes, "brightness", [image], answers, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    top = {"share": 0.0, "fewest": 1, "scale": 1.0, "offset": 0.0}
    helper.set_model_props(model, {TOP_BLOCKS: json.dumps(top)})
    onnx.checker.check_model(model)
    return model.SerializeToString()
