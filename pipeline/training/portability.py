"""Whether `detector.onnx` answers as what was trained: asked once, of validation pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.config import Inputs
from pipeline.errors import UserError
from pipeline.images.content_features import history_features
from pipeline.images.read import read
from pipeline.inputs.load import load
from pipeline.models.detector_files import load_model
from pipeline.models.export import OPSET
from pipeline.models.forest import Forest
from pipeline.models.portable import ONNX_FILE, load_portable

TOLERANCE = 1e-4  # of a logit, between a model and its portable form
_PICTURES = 16  # of which answers are compared
_SIDE = 1024  # pixels of a side that is looked at


def check_portable(folder: Path, validation: pd.DataFrame, inputs: Inputs) -> dict[str, Any]:
    """Compare the files of a training on a few validation pictures of both classes.

    Returns:
        `opset`, how many `pictures`, and `largest_difference` of their logits, to one digit.

    Raises:
        UserError: it is above `TOLERANCE`, or a picture cannot be read.
    """
    trained: Any = load_model(folder)
    portable: Any = load_portable(folder)
    chosen = np.unique(np.linspace(0, len(validation) - 1, _PICTURES).astype(int))
    paths = [Path(path) for path in validation.sort_values("target", kind="stable")["path"].iloc[chosen]]
    if isinstance(trained, Forest):
        features = np.stack([history_features(read(path, known_whole=True).pixels_on_grid) for path in paths])
        found = difference(trained.logits(features), portable.logits(features))
    else:
        given = [_inputs(path, inputs) for path in paths]
        taken = [{name: each[name] for name in trained.input} for each in given]
        own = _logits(trained, taken)
        theirs = [portable(**each)["logit"] for each in given]
        found = difference(np.concatenate(own), np.concatenate(theirs))
    return {"opset": OPSET, "pictures": len(paths), "largest_difference": float(f"{found:.0e}")}


def _logits(network: Any, batches: Sequence[dict[str, np.ndarray]]) -> list[np.ndarray]:
    """Ask Keras in whole float32: a graphics card may multiply with ten bits of each number (TF32)."""
    import tensorflow as tf

    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        return [np.asarray(network(each, training=False)["logit"]) for each in batches]
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)


def _inputs(path: Path, inputs: Inputs) -> dict[str, np.ndarray]:
    loaded = load(path, inputs, known_whole=True)
    pixels = loaded.pixels[None, :_SIDE, :_SIDE].astype(np.float32)
    scale = np.float32(inputs.rescale if inputs.method == "resized" else 1.0)
    return {"image": pixels * scale, "quantisation": loaded.quantisation[None]}


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Return the largest difference of logits; 0 where there are none.

    Raises:
        UserError: it is above `TOLERANCE`, or not a number.
    """
    found = float(np.max(np.abs(np.asarray(one, np.float64) - other), initial=0.0))
    if not found <= TOLERANCE:
        raise UserError(
            f"{ONNX_FILE} answers otherwise than what was trained: logits differ by {found:.1e}, "
            f"{TOLERANCE:.0e} is allowed; nothing was saved. Report the model and the versions of "
            "tensorflow, tf2onnx and onnxruntime"
        )
    return found
