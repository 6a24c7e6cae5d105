"""A trained detector that answers for pictures as people have them: paths or encoded bytes.

Evaluation, `predict`, `score` and the model logged to MLflow all go through `Detector`, so a
picture gets the same answer from each of them.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.config import Preprocess
from pipeline.errors import UserError
from pipeline.inputs.resize import load
from pipeline.models.files import DETECTOR_FILE, load_detector
from pipeline.scoring.answers import check_scores, give_verdicts

BATCH = 32  # every batch is filled up to this, so that an answer does not depend on its company
DECISION_FILE = "decision.json"
RUN_FILE = "run.json"

Picture = Path | bytes


@dataclass(frozen=True)
class Decision:
    """From probability to verdict.

    Attributes:
        threshold: probability of fake from which on a picture is called fake, in [0, 1].
    """

    threshold: float

    def verdict(self, probability: float) -> str:
        """`fake` at or above the threshold, else `genuine`."""
        return str(give_verdicts([probability], self.threshold)[0])


class Detector:
    """A network, its preprocessing and its decision.

    Args:
        network: answers float images (batch, height, width, 3) with {"logit": (batch,)}.
        preprocess: what is done to a decoded picture before.
        decision: how a probability becomes a verdict.
    """

    def __init__(self, network: Any, preprocess: Preprocess, decision: Decision) -> None:
        self.network = network
        self.preprocess = preprocess
        self.decision = decision

    @classmethod
    def load(cls, folder: Path) -> "Detector":
        """Read the detector that training left in `folder`.

        Raises:
            UserError: it is not there, or not whole.
        """
        missing = [name for name in (DETECTOR_FILE, DECISION_FILE, RUN_FILE) if not (folder / name).is_file()]
        if missing:
            raise UserError(
                f"{folder} holds no trained detector ({', '.join(missing)} missing); "
                "train one with make repro, or name another folder"
            )
        decision = json.loads((folder / DECISION_FILE).read_text(encoding="utf-8"))
        record = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
        return cls(
            load_detector(folder),
            Preprocess(**record["config"]["preprocess"]),
            Decision(threshold=decision["threshold"]),
        )

    def logits(self, pictures: Sequence[Picture]) -> np.ndarray:
        """Logits of being fake, float64 (len(pictures),); memory does not grow with their number.

        Raises:
            UserError: a picture cannot be read.
        """
        answers = [self._logits_of([self._prepare(each) for each in batch]) for batch in _batches(pictures)]
        return np.concatenate([np.empty(0), *answers])

    def answer(self, pictures: Sequence[Picture]) -> Iterator[dict[str, Any]]:
        """One answer a picture, in order, as they are done.

        Yields:
            `probability_fake` in [0, 1], `verdict`, `threshold`, and `error` (None); where a picture
            cannot be read `error` says why and the first two are None.
        """
        for batch in _batches(pictures):
            prepared: list[np.ndarray | UserError] = [self._prepare_or_error(each) for each in batch]
            readable = [each for each in prepared if isinstance(each, np.ndarray)]
            probabilities = iter(probability(self._logits_of(readable)))
            for each in prepared:
                failed = isinstance(each, UserError)
                value = None if failed else float(next(probabilities))
                yield {
                    "probability_fake": value,
                    "verdict": None if value is None else self.decision.verdict(value),
                    "threshold": self.decision.threshold,
                    "error": str(each) if failed else None,
                }

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
        return pd.DataFrame(list(self.answer(pictures)), index=model_input.index)

    def _prepare(self, picture: Picture) -> np.ndarray:
        return load(picture, self.preprocess)

    def _prepare_or_error(self, picture: Picture) -> np.ndarray | UserError:
        try:
            return self._prepare(picture)
        except UserError as error:
            return error

    def _logits_of(self, prepared: Sequence[np.ndarray]) -> np.ndarray:
        """Logits of at most one batch of prepared pictures."""
        if not prepared:
            return np.empty(0)
        batch = np.zeros((BATCH, *prepared[0].shape), np.float32)
        batch[: len(prepared)] = np.stack(prepared) * np.float32(self.preprocess.rescale)
        answer = self.network(batch, training=False)["logit"]
        return np.asarray(answer, np.float64).reshape(-1)[: len(prepared)]


def predict_table(detector: Detector, table: pd.DataFrame) -> pd.DataFrame:
    """Answers for a manifest table: `path` to `subset` of each row, then logit, probability and verdict.

    Raises:
        UserError: a picture cannot be read, or an answer is not a number.
    """
    logits = check_scores(detector.logits([Path(each) for each in table["path"]]))
    probabilities = probability(logits)
    return table[["path", "label", "target", "group", "collection", "subset"]].assign(
        logit=logits,
        probability_fake=probabilities,
        verdict=give_verdicts(probabilities, detector.decision.threshold),
    )


def probability(logits: np.ndarray) -> np.ndarray:
    """Logistic function, without overflow."""
    return np.exp(-np.logaddexp(0.0, -np.asarray(logits, np.float64)))


def _load_pyfunc(data_path: str) -> Detector:
    """Entry of `mlflow.pyfunc.load_model` (its `loader_module` contract)."""
    return Detector.load(Path(data_path))


def _batches(pictures: Sequence[Picture]) -> Iterator[Sequence[Picture]]:
    for start in range(0, len(pictures), BATCH):
        yield pictures[start : start + BATCH]
