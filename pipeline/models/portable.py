"""A trained model as `detector.onnx`, as whatever predicts reads it: by ONNX Runtime alone.

TensorFlow, Keras and scikit-learn stay with training; `export` has written the file there.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.models.detector_files import TRAINED, naming
from pipeline.models.forest import log_odds
from pipeline.parallel import available_cores

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

ONNX_FILE = "detector.onnx"
FEATURES, SHARES = "features", "probabilities"  # what a forest takes and gives
TREES, TOP_BLOCKS, REACH = "trees", "top_blocks", "reach"  # beside the graph, in its metadata
_QUIET = 4  # ONNX Runtime's level "fatal": what goes wrong is raised


def trained_digest(models: Path) -> str:
    """Return the SHA-256 of the portable form of what was trained.

    Raises:
        UserError: there is none.
    """
    path = models / TRAINED / ONNX_FILE
    with naming(path):
        return hashlib.sha256(path.read_bytes()).hexdigest()


class PortableNetwork:
    """A network as it answers.

    Attributes:
        has_map: whether it says something of places.
        reach: pixels around a block that have a part in what it says of it, a multiple of 8; None where that
            is not known. What it compares all blocks with reaches everywhere and is not counted.
    """

    def __init__(self, session: "InferenceSession") -> None:
        self._session = session
        self._inputs = [each.name for each in session.get_inputs()]
        self._outputs = [each.name for each in session.get_outputs()]
        self.has_map = "map" in self._outputs
        metadata = session.get_modelmeta().custom_metadata_map
        self._top = json.loads(metadata.get(TOP_BLOCKS, "{}"))
        self.reach: int | None = json.loads(metadata.get(REACH, "null"))

    def __call__(self, **given: np.ndarray) -> dict[str, np.ndarray]:
        """Return `logit` (batch,) and, where it has one, `map` (batch, height / 8, width / 8), float32.

        Args:
            given: `image` (batch, height, width, 3) and `quantisation` (batch, 8, 8), float32; what the
                network does not take is left aside.
        """
        answers = self._session.run(self._outputs, {name: given[name] for name in self._inputs})
        return dict(zip(self._outputs, answers, strict=True))

    def logit_of(self, whole: np.ndarray) -> float:
        """Return the logit of a picture whose map was put together of tiles, as the layer `TopKMean` does.

        `whole` is (height / 8, width / 8), the map.
        """
        count = min(max(int(self._top["share"] * whole.size + 1e-4), self._top["fewest"]), whole.size)
        largest = np.partition(whole.ravel(), whole.size - count)[whole.size - count :]
        return float(self._top["scale"] * np.mean(largest, dtype=np.float64) + self._top["offset"])


class PortableForest:
    """A forest as it answers, with logits as `Forest.logits` has them."""

    def __init__(self, session: "InferenceSession", trees: int) -> None:
        self._session, self._trees = session, trees

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Return (n,) float64 for (n, features) float32; n may be 0."""
        if not len(features):
            return np.empty(0)
        (shares,) = self._session.run([SHARES], {FEATURES: features.astype(np.float64)})
        return log_odds(shares[:, 1], self._trees)


def load_portable(folder: Path, threads: int | None = None) -> PortableNetwork | PortableForest:
    """Read `folder/detector.onnx`.

    Args:
        folder: of what was trained.
        threads: that one answer may use; None: as many as there are cores.

    Raises:
        UserError: it is not there, not whole, or no detector.
    """
    path = folder / ONNX_FILE
    with naming(path):
        session = _session(path, threads or available_cores())
        metadata = session.get_modelmeta().custom_metadata_map
        if TREES in metadata:
            return PortableForest(session, int(metadata[TREES]))
        network = PortableNetwork(session)
        _check_outputs(session, metadata)
    return network


def _check_outputs(session: "InferenceSession", metadata: Mapping[str, str]) -> None:
    inputs = {each.name for each in session.get_inputs()}
    outputs = {each.name for each in session.get_outputs()}
    if "image" not in inputs or not inputs <= {"image", "quantisation"} or "logit" not in outputs:
        raise ValueError(f"it takes {', '.join(sorted(inputs))} and answers {', '.join(sorted(outputs))}")
    if "map" in outputs and TOP_BLOCKS not in metadata:
        raise ValueError("it does not say how a map becomes a logit")


def _session(path: Path, threads: int) -> "InferenceSession":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _QUIET
    options.intra_op_num_threads = threads
    # Pictures come in all sizes: memory of one is of no use to the next.
    options.enable_mem_pattern = False
    # Threads that wait would take the cores of those that decode.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Ten bits of a product, which a card keeps by default, would give other verdicts than a processor.
    wanted = {"CUDAExecutionProvider": {"use_tf32": "0"}, "CPUExecutionProvider": {}}
    there = onnxruntime.get_available_providers()
    providers = [each for each in wanted.items() if each[0] in there]
    return onnxruntime.InferenceSession(path.read_bytes(), options, providers=providers)
