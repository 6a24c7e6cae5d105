"""From a logit to a probability and a verdict; chosen on validation pictures and saved with the model."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pipeline.datasets.tables import LABELS
from pipeline.errors import UserError


def check_scores(scores: ArrayLike) -> np.ndarray:
    """Return scores as float64; refuse what is not a number.

    Raises:
        UserError: the detector gave NaN or infinity.
    """
    numbers = np.asarray(scores, dtype=np.float64)
    bad = int((~np.isfinite(numbers)).sum())
    if bad:
        raise UserError(
            f"the detector answered NaN or infinity for {bad:,} of {len(numbers):,} pictures: its training "
            "came apart; train again with a smaller train.learning_rate or with train.precision=float32"
        )
    return numbers


def called_fake(probability_fake: ArrayLike, threshold: float) -> np.ndarray:
    """Return which pictures are called fake: the threshold itself already is.

    Example:
        >>> called_fake([0.2, 0.5, 0.7], 0.5)
        array([False,  True,  True])
    """
    return check_scores(probability_fake) >= threshold


def probability(logits: ArrayLike) -> np.ndarray:
    """Compute the logistic function, without overflow."""
    return np.exp(-np.logaddexp(0.0, -np.asarray(logits, np.float64)))


UNSURE = "unsure"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """How answers are read; used by everything that predicts.

    Attributes:
        threshold: calibrated probability of fake from which on a picture is called fake, in [0, 1].
        temperature: what logits are divided by (Guo et al., On Calibration of Modern Neural Networks, 2017).
        unsure: from and to which probability the verdict is "unsure"; the threshold lies between them. Two
            equal numbers: no picture is.
    """

    threshold: float
    temperature: float
    unsure: tuple[float, float]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Decision":
        """Read what `as_dict` gave; raise ValueError, TypeError or KeyError for anything else."""
        low, high = values["unsure"]
        threshold, temperature = values["threshold"], values["temperature"]
        if not (0 <= threshold <= 1 and 0 < temperature < np.inf and 0 <= low <= high <= 1):
            raise ValueError("its numbers are out of range")
        return cls(threshold=threshold, temperature=temperature, unsure=(low, high))

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers, for a file."""
        return {**asdict(self), "unsure": list(self.unsure)}

    @property
    def threshold_logit(self) -> float:
        """The network's own logit from which on a picture is called fake; infinite at 0 and 1."""
        with np.errstate(divide="ignore"):
            return float(self.temperature * (np.log(self.threshold) - np.log1p(-self.threshold)))

    def probabilities(self, logits: ArrayLike) -> np.ndarray:
        """Return the calibrated probability of fake of each logit.

        Raises:
            UserError: a logit is not a number.
        """
        return probability(check_scores(logits) / self.temperature)

    def calls(self, probabilities: ArrayLike) -> np.ndarray:
        """Return on which side of the threshold each picture lies, "genuine" or "fake"."""
        return np.array(LABELS, dtype=object)[called_fake(probabilities, self.threshold).astype(np.intp)]

    def verdicts(self, probabilities: ArrayLike) -> np.ndarray:
        """Return the verdict on each picture: "genuine", "fake", or "unsure" within the band."""
        known = check_scores(probabilities)
        low, high = self.unsure
        return np.where((known >= low) & (known < high), UNSURE, self.calls(known))


UNDECIDED = Decision(threshold=0.5, temperature=1.0, unsure=(0.5, 0.5))  # before validation


# Files that training leaves beside a detector.
DECISION_FILE = "decision.json"
HISTORY_FILE = "history.csv"
SUMMARY_FILE = "model_summary.txt"
RUN_FILE = "run.json"
LOGGED = "model"  # the detector, among what a run has logged in MLflow


def logged_address(run_id: str) -> str:
    """Return the address from which `mlflow.pyfunc.load_model` loads the detector of a run."""
    return f"runs:/{run_id}/{LOGGED}"
