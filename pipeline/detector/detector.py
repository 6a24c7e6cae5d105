"""A trained detector that answers for pictures as people have them: paths or encoded bytes.

Evaluation, `predict`, `score` and the model logged to MLflow (`served.py`) all go through `Detector`, so a
picture gets the same answer from each of them.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.config import ResizedInputs
from pipeline.detector.about import UNNAMED, About
from pipeline.detector.decision import CANNOT_TELL, DECISION_FILE, FAKE, NETWORK, Decision
from pipeline.detector.inference import NATIVE, Answer, Scorer, scorer_of
from pipeline.errors import UserError
from pipeline.evidence.finding import Finding
from pipeline.evidence.panel import begin_to_look, look, numbers_of
from pipeline.images.encode import Jpeg
from pipeline.images.read import Picture, read
from pipeline.inputs.load import Loaded, on_grid
from pipeline.models.detector_files import DETECTOR_FILE, FOREST_FILE, RUN_FILE, TRAINED
from pipeline.models.portable import ONNX_FILE, load_portable, trained_digest
from pipeline.parallel import available_cores
from pipeline.storage import read_json, unbroken, what_is_there

_SAVED_AGAIN = Jpeg(85, "4:2:0")
_HELD = 24_000_000  # pixels of pictures that wait for their answers
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


class Judged(NamedTuple):
    """One picture, and all that was found out about it.

    Attributes:
        said: `probability_fake` in [0, 1], None where the verdict is `CANNOT_TELL`; `verdict`, `reason`,
            `p_value`, `p_values` of the tests that apply, `threshold`, and `error`; of a picture that cannot
            be read that says why, and all else but the threshold is None.
        picture: as it was read; None where it cannot be, as the following.
        answer: of the trained detector.
        findings: of the specialists, by name.
    """

    said: dict[str, Any]
    picture: Picture | None
    answer: Answer | None
    findings: Mapping[str, Finding]


class Detector:
    """A trained model with its preprocessing, the specialists beside it, and the decision.

    The model is a network as `pipeline.models` builds them, or a forest.

    Attributes:
        decision: how what is measured becomes a verdict.
        about: which detector it is.
    """

    def __init__(
        self, scorer: Scorer, decision: Decision, about: About = UNNAMED, threads: int | None = None
    ) -> None:
        self.decision, self.about = decision, about
        self._scorer, self._threads = scorer, threads or available_cores()

    @classmethod
    def load(
        cls, models: Path, false_alarms: float | None = None, *, threads: int | None = None
    ) -> "Detector":
        """Read the detector that training and calibration left in `models`.

        Args:
            models: the folder.
            false_alarms: share of genuine pictures that may be called fake, in (0, 1); None: as calibrated.
            threads: of the network, and of an answer; None: as many as there are cores, but for one that is
                left to the specialists.

        Raises:
            UserError: it is not there, not whole, or of an earlier version.
        """
        require_detector(models)
        again = "calibrate it again with make repro or python -m pipeline.calibrate, or name another folder"
        read_back = read_json(models / DECISION_FILE, again)
        with unbroken(models / DECISION_FILE, again):
            decision = Decision.from_dict(read_back)
            digest = trained_digest(models)
            if read_back["detector"] != digest:
                raise UserError(f"{models / DECISION_FILE} is of another detector; {again}")
        scorer = load_scorer(models, threads or max(available_cores() - 1, 1))
        if false_alarms is not None:
            decision = decision.at(false_alarms)
        record = read_json(models / TRAINED / RUN_FILE, _AGAIN, "name", "config")
        with unbroken(models / TRAINED / RUN_FILE, _AGAIN):
            return cls(scorer, decision, About.of(record, digest, decision), threads)

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

    def verdicts(self, originals: Iterable[Path | bytes]) -> Iterator[Judged]:
        """Judge pictures, in order, as they are done; no more than a few are held at once.

        Where there are cores for it, the specialists look at a picture while the model does.
        """
        with ThreadPoolExecutor(max(self._threads - 1, 1)) as others:
            for batch in self._batches(originals):
                pictures = [each[0] for each in batch if not isinstance(each, UserError)]
                looks = [
                    begin_to_look(picture, others) if self._threads > 1 else partial(look, picture)
                    for picture in pictures
                ]
                answers = self._scorer.score(each[1] for each in batch if not isinstance(each, UserError))
                found = zip(pictures, answers, looks, strict=True)
                for each in batch:
                    yield self._failed(each) if isinstance(each, UserError) else self._judged(*next(found))

    def _batches(self, originals: Iterable[Path | bytes]) -> Iterator[list[tuple[Picture, Any] | UserError]]:
        """Yield pictures with what the model takes of them, as many as it takes, or as fill the memory."""
        waiting = iter(originals)
        while first := list(itertools.islice(waiting, 1)):
            batch, pixels = [], 0
            for original in itertools.chain(first, waiting):
                batch.append(each := self._read(original))
                pixels += 0 if isinstance(each, UserError) else each[0].pixels.size // 3
                if len(batch) == self._scorer.together or pixels >= _HELD:
                    break
            yield batch

    def _read(self, original: Path | bytes) -> tuple[Picture, Any] | UserError:
        """Read a picture once; return it, and what the model takes; or why it cannot be read."""
        try:
            picture = read(original)
            decoded = Loaded(on_grid(picture.pixels, picture.grid_start), picture.quantisation)
            return picture, self._scorer.prepare(picture.content, decoded)
        except UserError as error:
            return error

    def _judged(
        self, picture: Picture, answer: Answer, look_at_it: Callable[[], Mapping[str, Finding]]
    ) -> Judged:
        findings = look_at_it()
        return Judged(self._said(numbers_of(picture, findings), answer), picture, answer, findings)

    def _failed(self, error: UserError) -> Judged:
        missing = dict.fromkeys(["probability_fake", "verdict", "reason", "p_value", "p_values"])
        said = {**missing, "threshold": self.decision.threshold, "error": str(error)}
        return Judged(said, None, None, {})

    def look(self, original: Path | bytes) -> Judged:
        """Judge one picture."""
        return next(self.verdicts([original]))

    def _said(self, numbers: Mapping[str, float], answer: Answer) -> dict[str, Any]:
        judged = self.decision.judge(pd.DataFrame([{**numbers, NETWORK: answer.logit}])).iloc[0]
        tests = {name: float(judged[f"p_{name}"]) for name in self.decision.tests}
        verdict, probability = str(judged["verdict"]), float(judged["probability_fake"])
        return {
            "probability_fake": None if verdict == CANNOT_TELL else probability,
            "verdict": verdict,
            "reason": str(judged["reason"]),
            "p_value": float(judged["p_value"]),
            "p_values": {name: p for name, p in tests.items() if np.isfinite(p)},
            "threshold": self.decision.threshold,
            "error": None,
        }

    def saved_again(self, original: Path | bytes, said: Mapping[str, Any]) -> dict[str, Any]:
        """Judge a picture once more after it was saved as programs and web sites do: JPEG 85.

        Returns:
            what `verdicts` said of it; where only one of both is "fake", the verdict is `CANNOT_TELL`.

        Raises:
            UserError: the picture cannot be read.
        """
        content = _SAVED_AGAIN.save(b"", read(original).image)
        again = self.look(content).said
        if (said["verdict"] == FAKE) == (again["verdict"] == FAKE):
            return dict(said)
        flips = f"{said['verdict']} as it is, {again['verdict']} when it is saved once more as JPEG 85"
        return {**said, "verdict": CANNOT_TELL, "reason": flips, "probability_fake": None}


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
