"""What not to commit itself is worth: how often a detector is wrong where it gives a verdict.

A detector that may abstain has two figures: its coverage, the share of pictures that get a definite verdict,
and its selective risk, the share of wrong ones among these (Geifman and El-Yaniv, Selective Classification
for Deep Neural Networks, 2017). The curve shows what abstaining by confidence reaches at each coverage; the
area under it is the mean of these risks (AURC: Geifman, Uziel and El-Yaniv, Bias-Reduced Uncertainty
Estimation for Deep Neural Classifiers, 2019). A detector that abstains for better reasons than closeness to
the threshold lies below its own curve.

>>> table = pd.DataFrame({"target": [1, 1, 0, 0], "probability_fake": [0.9, 0.4, 0.2, 0.05]})
>>> table["verdict"] = ["fake", "unsure", "genuine", "genuine"]
>>> found = risk_coverage(table, threshold=0.5)
>>> found.points["risk"].tolist(), found.verdicts.coverage, found.verdicts.risk
([0.0, 0.0, 0.0, 0.25], 0.75, 0.0)
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.detector.decision import DEFINITE, FAKE, GENUINE, called_fake, check_scores

# Verdict -> class that it says the picture has. Every other verdict says of none: "unsure", "cannot tell".
CLAIMS: Mapping[str, str] = {verdict: FAKE if verdict == FAKE else GENUINE for verdict in DEFINITE}


@dataclass(frozen=True)
class OperatingPoint:
    """Where the verdicts of a detector lie.

    Attributes:
        n: pictures.
        n_definite: those with a definite verdict.
        accused: genuine pictures among these that are said to be fake.
        missed: fakes among these that are said to be genuine.
    """

    n: int
    n_definite: int
    accused: int
    missed: int

    @property
    def coverage(self) -> float:
        """Share of the pictures that get a definite verdict; NaN where there are none."""
        return self.n_definite / self.n if self.n else np.nan

    @property
    def risk(self) -> float:
        """Share of wrong verdicts among the definite ones; NaN where none is definite."""
        return (self.accused + self.missed) / self.n_definite if self.n_definite else np.nan


@dataclass(frozen=True)
class RiskCoverage:
    """A detector's risk-coverage curve.

    Attributes:
        points: a row a distinct confidence, from the surest on: `confidence` (distance of the probability
            from the threshold, of the least sure picture that still gets a verdict), `coverage` in (0, 1],
            `risk` in [0, 1]; the last row is without abstaining. Empty where there are no pictures.
        aurc: mean risk over all coverages, in [0, 1]: low is good. NaN where there are no pictures.
        least: the lowest area that as many errors can have: all of them are the least sure calls.
        verdicts: where the verdicts lie.
    """

    points: pd.DataFrame
    aurc: float
    least: float
    verdicts: OperatingPoint

    @property
    def by_chance(self) -> float:
        """Area, and risk at each coverage, of who abstains at random: the share of wrong calls."""
        return float(self.points["risk"].iloc[-1]) if len(self.points) else np.nan


def risk_coverage(
    predictions: pd.DataFrame, threshold: float, claims: Mapping[str, str] = CLAIMS
) -> RiskCoverage:
    """Compute risk against coverage as the abstention widens around the threshold.

    Args:
        predictions: a row a picture: `target` (1 for fakes), `probability_fake` and `verdict`.
        threshold: probability from which on a picture is called fake.
        claims: of the definite verdicts, the class that each says.

    Raises:
        UserError: a probability is not a number.
    """
    fake = (predictions["target"] == 1).to_numpy()
    probability = check_scores(predictions["probability_fake"])
    wrong = called_fake(probability, threshold) != fake
    points = _points(np.abs(probability - threshold), wrong)
    return RiskCoverage(
        points=points[["confidence", "coverage", "risk"]],
        aurc=_area(points["n"].to_numpy(), points["wrong"].to_numpy()),
        least=_area(*np.array([[(~wrong).sum(), len(wrong)], [0, wrong.sum()]])),
        verdicts=_operating_point(fake, predictions["verdict"], claims),
    )


def _points(confidence: np.ndarray, wrong: np.ndarray) -> pd.DataFrame:
    """Count pictures (`n`) and wrong calls (`wrong`) down to each distinct confidence, the surest first."""
    order = np.argsort(-confidence, kind="stable")
    surest, errors = confidence[order], np.cumsum(wrong[order])
    last = np.flatnonzero(np.append(surest[1:] != surest[:-1], len(surest) > 0))  # of each confidence
    table = pd.DataFrame({"confidence": surest[last], "n": last + 1, "wrong": errors[last]})
    return table.assign(coverage=table["n"] / len(confidence), risk=table["wrong"] / table["n"])


def _area(n: np.ndarray, wrong: np.ndarray) -> float:
    """Return the mean of the risk at 1, 2, … pictures, given how many are wrong among the first `n`.

    Pictures between two of these numbers are equally sure: they come in any order, and the mean over all
    orders is taken, in which their errors are spread evenly.
    """
    if not len(n) or not n[-1]:
        return np.nan
    pictures = np.arange(1, n[-1] + 1)
    return float(np.mean(np.interp(pictures, np.append(0, n), np.append(0, wrong)) / pictures))


def _operating_point(fake: np.ndarray, verdict: pd.Series, claims: Mapping[str, str]) -> OperatingPoint:
    claimed = verdict.map(dict(claims)).to_numpy(dtype=object)
    says_fake, says_genuine = claimed == FAKE, claimed == GENUINE
    return OperatingPoint(
        n=len(fake),
        n_definite=int((says_fake | says_genuine).sum()),
        accused=int((says_fake & ~fake).sum()),
        missed=int((says_genuine & fake).sum()),
    )
