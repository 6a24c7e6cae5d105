"""A trained detector that answers for pictures as people have them: paths or encoded bytes.

Evaluation, `predict`, `score` and the model logged to MLflow (`served.py`) all go through `Detector`, so a
picture gets the same answer from each of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.config import Inputs, ResizedInputs
from pipeline.detector.decision import DECISION_FILE, RUN_FILE, Decision
from pipeline.detector.inference import NATIVE, Answer, in_batches, scorer_of
from pipeline.errors import UserError
from pipeline.inputs.load import Loaded
from pipeline.models.detector_files import DETECTOR_FILE, FOREST_FILE, load_model
from pipeline.storage import read_json, unbroken, what_is_there


class Detector:
    """A trained model, its preprocessing and its decision.

    The model is a network as `pipeline.models` builds them, or a forest.
    """

    def __init__(self, model: Any, inputs: Inputs, decision: Decision) -> None:
        self.decision = decision
        self._scorer = scorer_of(model, inputs)

    @classmethod
    def load(cls, folder: Path) -> "Detector":
        """Read the detector that training left in `folder`.

        Raises:
            UserError: it is not there, not whole, or of an earlier version.
        """
        require_detector(folder)
        again = "train it again with make repro, or name another folder"
        read = read_json(folder / DECISION_FILE, again)
        with unbroken(folder / DECISION_FILE, again):
            decision = Decision.from_dict(read)
        config = read_json(folder / RUN_FILE, again, "config")["config"]
        with unbroken(folder / RUN_FILE, again):
            if "inputs" not in config:
                raise UserError(
                    f"the detector in {folder} was trained by an earlier version of this program; train it "
                    "again"
                )
            inputs = config["inputs"]
            native = inputs["method"] == "native"
            checked = NATIVE if native else ResizedInputs.model_validate(inputs)
        return cls(load_model(folder), checked, decision)

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
            `probability_fake` in [0, 1], `verdict`, `threshold`, and `error` (None), and the answer that they
            are from; where a picture cannot be read `error` says why; the first two and the answer are None.
        """
        for batch in in_batches(originals):
            prepared = [self._prepare_or_error(original) for original in batch]
            answers = self._scorer.score(each for each in prepared if not isinstance(each, UserError))
            for each in prepared:
                answer = None if isinstance(each, UserError) else next(answers)
                value = None if answer is None else float(self.decision.probabilities([answer.logit])[0])
                verdict = {
                    "probability_fake": value,
                    "verdict": None if value is None else str(self.decision.verdicts([value])[0]),
                    "threshold": self.decision.threshold,
                    "error": str(each) if answer is None else None,
                }
                yield verdict, answer

    def _prepare_or_error(self, original: Path | bytes) -> Any:
        try:
            return self._scorer.prepare(original)
        except UserError as error:
            return error


def require_detector(folder: Path) -> None:
    """Raise UserError where `folder` holds no trained detector: to be asked before TensorFlow starts."""
    if not folder.is_dir():
        raise UserError(
            f"there is no folder {folder}{what_is_there(folder)}; train a detector with make repro, or name "
            "the folder of one"
        )
    missing = [name for name in (DECISION_FILE, RUN_FILE) if not (folder / name).is_file()]
    if missing or not any((folder / name).is_file() for name in (DETECTOR_FILE, FOREST_FILE)):
        raise UserError(
            f"{folder} holds no trained detector ({', '.join(missing) or DETECTOR_FILE} missing); "
            "train one with make repro, or name another folder"
        )
