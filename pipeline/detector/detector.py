"""A trained detector that answers for pictures as people have them: paths or encoded bytes.

Evaluation, `predict`, `score` and the model logged to MLflow (`served.py`) all go through `Detector`, so a
picture gets the same answer from each of them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.config import ResizedInputs
from pipeline.detector.decision import CANNOT_TELL, DECISION_FILE, FAKE, NETWORK, Decision
from pipeline.detector.inference import NATIVE, Answer, Scorer, in_batches, scorer_of
from pipeline.errors import UserError
from pipeline.evidence.panel import look, numbers_of
from pipeline.images.encode import Jpeg
from pipeline.images.read import read
from pipeline.inputs.load import Loaded, on_grid
from pipeline.models.detector_files import DETECTOR_FILE, FOREST_FILE, RUN_FILE, TRAINED
from pipeline.models.portable import ONNX_FILE, load_portable, trained_digest
from pipeline.storage import read_json, unbroken, what_is_there

_SAVED_AGAIN = Jpeg(85, "4:2:0")
_AGAIN = "train it again with make repro, or name another folder"


def load_scorer(models: Path, threads: int | None = None) -> Scorer:
    """Read the network or forest that training left in `models`; an answer may use so many threads.

    Raises:
        UserError: it is not there, not whole, or of an earlier version.
    """
    require_trained(models)
    folder = models / TRAINED
    config = read_json(folder / RUN_FILE, _AGAIN, "config")["config"]
    with unbroken(folder / RUN_FILE, _AGAIN):
        if "inputs" not in config:
            raise UserError(
                f"the detector in {models} was trained by an earlier version of this program; train it again"
            )
        inputs = config["inputs"]
        native = inputs["method"] == "native"
        checked = NATIVE if native else ResizedInputs.model_validate(inputs)
    return scorer_of(load_portable(folder, threads), checked)


class Detector:
    """A trained model with its preprocessing, the specialists beside it, and the decision.

    The model is a network as `pipeline.models` builds them, or a forest.
    """

    def __init__(self, scorer: Scorer, decision: Decision) -> None:
        self.decision = decision
        self._scorer = scorer

    @classmethod
    def load(cls, models: Path) -> "Detector":
        """Read the detector that training and calibration left in `models`.

        Raises:
            UserError: it is not there, not whole, or of an earlier version.
        """
        require_detector(models)
        again = "calibrate it again with make repro or python -m pipeline.calibrate, or name another folder"
        read_back = read_json(models / DECISION_FILE, again)
        with unbroken(models / DECISION_FILE, again):
            decision = Decision.from_dict(read_back)
            if read_back["detector"] != trained_digest(models):
                raise UserError(f"{models / DECISION_FILE} is of another detector; {again}")
        return cls(load_scorer(models), decision)

    def answers(self, originals: Iterable[tuple[Path | bytes, Loaded | None]]) -> Iterator[Answer]:
        """Answer for pictures, in order, taken as they are needed; memory does not grow with their number.

        Each is a file or its content, and its pixels at native resolution, or None where these are not known.

        Raises:
            UserError: a picture cannot be read.
        """
        return self._scorer.score(self._scorer.prepare(*original) for original in originals)

    def answers_for_crops(self, crops: Iterable[Loaded]) -> Iterator[Answer]:
        """Answer for parts or perturbed forms of pictures, each as a picture of its own, taken as needed.

        The last digits may differ from those of files of them, for the sake of time.
        """
        return self._scorer.score_crops(self._scorer.prepare_crop(crop) for crop in crops)

    def verdicts(self, originals: Sequence[Path | bytes]) -> Iterator[tuple[dict[str, Any], Answer | None]]:
        """Judge pictures, in order, as they are done.

        Yields:
            `probability_fake` in [0, 1], `verdict`, `reason`, `p_value`, `p_values` of the tests that apply,
            `threshold`, and `error` (None), and the answer of the trained detector; where a picture cannot be
            read `error` says why; all but the threshold, and the answer, are None then.
        """
        for batch in in_batches(originals):
            prepared = [self._prepare_or_error(original) for original in batch]
            answers = self._scorer.score(each[0] for each in prepared if not isinstance(each, UserError))
            for each in prepared:
                common = {"threshold": self.decision.threshold, "error": None}
                if isinstance(each, UserError):
                    missing = dict.fromkeys(["probability_fake", "verdict", "reason", "p_value", "p_values"])
                    yield {**missing, **common, "error": str(each)}, None
                    continue
                answer = next(answers)
                said = self.decision.judge(pd.DataFrame([{**each[1], NETWORK: answer.logit}])).iloc[0]
                tests = {name: float(said[f"p_{name}"]) for name in self.decision.tests}
                yield (
                    {
                        "probability_fake": float(said["probability_fake"]),
                        "verdict": str(said["verdict"]),
                        "reason": str(said["reason"]),
                        "p_value": float(said["p_value"]),
                        "p_values": {name: p for name, p in tests.items() if np.isfinite(p)},
                        **common,
                    },
                    answer,
                )

    def saved_again(self, original: Path | bytes, said: Mapping[str, Any]) -> dict[str, Any]:
        """Judge a picture once more after it was saved as programs and web sites do: JPEG 85.

        Returns:
            what `verdicts` said of it; where only one of both is "fake", the verdict is `CANNOT_TELL`.

        Raises:
            UserError: the picture cannot be read.
        """
        content = _SAVED_AGAIN.save(b"", read(original).image)
        again, _ = next(self.verdicts([content]))
        if (said["verdict"] == FAKE) == (again["verdict"] == FAKE):
            return dict(said)
        flips = f"{said['verdict']} as it is, {again['verdict']} when it is saved once more as JPEG 85"
        return {**said, "verdict": CANNOT_TELL, "reason": flips}

    def _prepare_or_error(self, original: Path | bytes) -> tuple[Any, dict[str, float]] | UserError:
        """Read a picture once: what the model takes, and what the specialists measured."""
        try:
            picture = read(original)
            numbers = numbers_of(picture, look(picture))
            decoded = Loaded(on_grid(picture.pixels, picture.grid_start), picture.quantisation)
            return self._scorer.prepare(picture.content, decoded), numbers
        except UserError as error:
            return error


def require_trained(models: Path) -> None:
    """Raise UserError where `models` holds nothing that was trained."""
    if not models.is_dir():
        raise UserError(
            f"there is no folder {models}{what_is_there(models)}; train a detector with make repro, or name "
            "the folder of one"
        )
    folder = models / TRAINED
    there = {name for name in (DETECTOR_FILE, FOREST_FILE, ONNX_FILE, RUN_FILE) if (folder / name).is_file()}
    if ONNX_FILE not in there and RUN_FILE in there and len(there) > 1:
        raise UserError(
            f"the detector in {models} was trained by an earlier version of this program "
            f"({TRAINED}/{ONNX_FILE} missing); train it again with make repro, or name another folder"
        )
    if missing := next((name for name in (ONNX_FILE, RUN_FILE) if name not in there), None):
        raise UserError(
            f"{models} holds no trained detector ({TRAINED}/{missing} missing); train one with make repro, "
            "or name another folder"
        )


def require_detector(models: Path) -> None:
    """Raise UserError where `models` holds no trained detector with its decision."""
    require_trained(models)
    if not (models / DECISION_FILE).is_file():
        raise UserError(
            f"the detector in {models} has no decision ({DECISION_FILE} missing); make it with make repro or "
            "python -m pipeline.calibrate"
        )
