"""A trained detector that answers for pictures as people have them: paths or encoded bytes.

Evaluation, `predict`, `score` and the model logged to MLflow all go through `Detector`, so a
picture gets the same answer from each of them.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import TypeAdapter

from pipeline.config import Inputs
from pipeline.detector.decision import DECISION_FILE, RUN_FILE, Decision
from pipeline.detector.inference import Look, Picture, in_batches, scorer_of
from pipeline.errors import UserError
from pipeline.inputs.load import Loaded
from pipeline.models.detector_files import DETECTOR_FILE, FOREST_FILE, load_detector, load_forest


class Detector:
    """A trained model, its preprocessing and its decision.

    Args:
        model: a network as `pipeline.models` builds them, or a forest.
        inputs: what is done to a decoded picture before.
        decision: how a probability becomes a verdict.
    """

    def __init__(self, model: Any, inputs: Inputs, decision: Decision) -> None:
        self.decision = decision
        self._scorer = scorer_of(model, inputs)

    @classmethod
    def load(cls, folder: Path) -> "Detector":
        """Read the detector that training left in `folder`.

        Raises:
            UserError: it is not there, or not whole.
        """
        missing = [name for name in (DECISION_FILE, RUN_FILE) if not (folder / name).is_file()]
        if missing or not any((folder / name).is_file() for name in (DETECTOR_FILE, FOREST_FILE)):
            raise UserError(
                f"{folder} holds no trained detector ({', '.join(missing) or DETECTOR_FILE} missing); "
                "train one with make repro, or name another folder"
            )
        decision = json.loads((folder / DECISION_FILE).read_text(encoding="utf-8"))
        record = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
        return cls(
            load_model(folder),
            _inputs_of(record, folder),
            Decision.from_dict(decision),
        )

    def looks(self, pictures: Sequence[Picture]) -> Iterator[Look]:
        """Logit and map of each picture, in order; memory does not grow with their number.

        Raises:
            UserError: a picture cannot be read.
        """
        return self._scorer.score(self._scorer.prepare(each) for each in pictures)

    def looks_at_decoded(self, pictures: Iterable[tuple[Picture, Loaded | None]]) -> Iterator[Look]:
        """The same, of pictures that may be at hand decoded at native resolution; taken as they are needed.

        Args:
            pictures: each a file or its content, and its pixels or None.
        """
        return self._scorer.score(
            self._scorer.prepare(picture)
            if decoded is None
            else self._scorer.prepare_decoded(picture, decoded)
            for picture, decoded in pictures
        )

    def looks_at_crops(self, crops: Iterable[Loaded]) -> Iterator[Look]:
        """The same for parts or changed forms of pictures, each as a picture of its own.

        They are taken as they are needed. Their answers may differ from those of files of them in the last
        digits, for the sake of time.
        """
        return self._scorer.score_crops(self._scorer.prepare_crop(each) for each in crops)

    def answer(self, pictures: Sequence[Picture]) -> Iterator[tuple[dict[str, Any], Look | None]]:
        """One answer a picture, in order, as they are done.

        Yields:
            `probability_fake` in [0, 1], `verdict`, `threshold`, and `error` (None), and the look that they
            are from; where a picture cannot be read `error` says why; the first two and the look are None.
        """
        for batch in in_batches(pictures):
            prepared = [self._prepare_or_error(each) for each in batch]
            readable = [each for each in prepared if not isinstance(each, UserError)]
            looks = self._scorer.score(readable)
            for each in prepared:
                look = None if isinstance(each, UserError) else next(looks)
                value = None if look is None else float(self.decision.probabilities([look.logit])[0])
                answer = {
                    "probability_fake": value,
                    "verdict": None if value is None else str(self.decision.verdicts([value])[0]),
                    "threshold": self.decision.threshold,
                    "error": str(each) if look is None else None,
                }
                yield answer, look

    def predict(self, model_input: pd.DataFrame) -> pd.DataFrame:
        """What MLflow's pyfunc calls: a column `path` or `image` (encoded bytes), one row a picture."""
        given = [
            name for name in ("path", "image") if name in model_input and model_input[name].notna().all()
        ]
        if not given:
            raise UserError(
                f"expected a column path or image (encoded bytes); found "
                f"{', '.join(map(str, model_input.columns))}"
            )
        column = model_input[given[0]]
        pictures: list[Picture] = [Path(each) if given[0] == "path" else bytes(each) for each in column]
        return pd.DataFrame([answer for answer, _ in self.answer(pictures)], index=model_input.index)

    def _prepare_or_error(self, picture: Picture) -> Any:
        try:
            return self._scorer.prepare(picture)
        except UserError as error:
            return error


def _inputs_of(record: dict[str, Any], folder: Path) -> Inputs:
    """Return how pictures were given to the detector whose `run.json` is `record`."""
    if "inputs" not in record["config"]:
        raise UserError(
            f"the detector in {folder} was trained by an earlier version of this program; train it again"
        )
    inputs: Inputs = TypeAdapter(Inputs).validate_python(record["config"]["inputs"])
    return inputs


def load_model(folder: Path) -> Any:
    """Read the network or the forest in a folder.

    Raises:
        UserError: it is not there, or not whole.
    """
    return load_forest(folder) if (folder / FOREST_FILE).is_file() else load_detector(folder)


def _load_pyfunc(data_path: str) -> Detector:
    """Entry of `mlflow.pyfunc.load_model` (its `loader_module` contract)."""
    return Detector.load(Path(data_path))
