"""From a logit to a probability and a verdict; chosen on validation pictures and saved with the model."""

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from pipeline import config
from pipeline.manifests.tables import LABELS
from pipeline.scoring.answers import called_fake, check_scores, probability
from pipeline.scoring.calibration import fit_temperature
from pipeline.scoring.threshold import (
    Chooser,
    abstain_band,
    choose_threshold,
    threshold_at_false_positive_rate,
)

DRAWS = 1_000  # of validation groups, behind the abstain band
CALLS = np.array(LABELS, dtype=object)
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
    def from_dict(cls, found: dict[str, Any]) -> "Decision":
        """Read what `as_dict` gave."""
        low, high = found["unsure"]
        return cls(threshold=found["threshold"], temperature=found["temperature"], unsure=(low, high))

    def as_dict(self) -> dict[str, Any]:
        """Give plain numbers, for a file."""
        return {**asdict(self), "unsure": list(self.unsure)}

    @property
    def threshold_logit(self) -> float:
        """The network's own logit from which on a picture is called fake; infinite at 0 and 1."""
        with np.errstate(divide="ignore"):
            return float(self.temperature * (np.log(self.threshold) - np.log1p(-self.threshold)))

    def probabilities(self, logits: ArrayLike) -> np.ndarray:
        """Give the calibrated probability of fake of each logit.

        Raises:
            UserError: a logit is not a number.
        """
        return probability(check_scores(logits) / self.temperature)

    def calls(self, probabilities: ArrayLike) -> np.ndarray:
        """Say on which side of the threshold each picture lies, "genuine" or "fake"."""
        return CALLS[called_fake(probabilities, self.threshold).astype(np.intp)]

    def verdicts(self, probabilities: ArrayLike) -> np.ndarray:
        """Give each picture its verdict: "genuine", "fake", or "unsure" within the band."""
        known = check_scores(probabilities)
        low, high = self.unsure
        return np.where((known >= low) & (known < high), UNSURE, self.calls(known))


UNDECIDED = Decision(threshold=0.5, temperature=1.0, unsure=(0.5, 0.5))  # before validation


def decide(predictions: pd.DataFrame, settings: config.Decision, seed: int) -> Decision:
    """Choose temperature, threshold and band on validation pictures.

    Args:
        predictions: of validation pictures: `target`, `logit`, `group`.
        settings: by what the threshold is chosen, and the confidence of the band.
        seed: of the draws of groups.

    Raises:
        UserError: a class is missing, or a logit is not a number.
    """
    target = predictions["target"].to_numpy()
    temperature = fit_temperature(target, predictions["logit"])
    probabilities = probability(predictions["logit"].to_numpy() / temperature)
    choose: Chooser = choose_threshold
    if settings.threshold == "false_positive_rate":
        choose = partial(threshold_at_false_positive_rate, rate=settings.false_positive_rate)
    threshold = choose(target, probabilities)
    unsure = (threshold, threshold)
    if settings.unsure is not None:
        unsure = abstain_band(
            target, probabilities, predictions["group"], choose, settings.unsure, DRAWS, seed
        )
    return Decision(threshold=threshold, temperature=temperature, unsure=unsure)
