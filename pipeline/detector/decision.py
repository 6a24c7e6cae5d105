"""From what tests measured of a picture to a probability and a verdict.

Each test, the trained detector and every specialist, gives a p-value: how many genuine pictures look as
suspicious to it. The smallest of them, times the number of tests (C. Bonferroni, 1936), is that of the
picture: genuine ones fall to the false-alarm rate asked for, or below, as often as it says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from pipeline.datasets.tables import LABELS
from pipeline.detector.conformal import Reference, needed_pictures, strata_of
from pipeline.detector.known_kinds import KnownKinds
from pipeline.errors import UserError

GENUINE, FAKE = LABELS
UNSURE = "unsure"
NO_TRACE = "no trace found"
CANNOT_TELL = "cannot tell"
DEFINITE = (GENUINE, FAKE, NO_TRACE)  # verdicts that say something; the others abstain

NETWORK = "network"  # the test that was trained; its statistic is its logit
# A specialist speaks where at most this share of genuine pictures look as suspicious; else it is silent, and
# silence is no evidence. Otherwise the chance order of three silent ones would stand over what the network
# knows: on CASIA's validation pictures the ROC AUC of all tests is 0.986 with it, 0.975 without.
_SPEAKS = 0.05
_SMALLEST_SIDE = 64  # pixels: eight blocks, below which no test has anything to compare
_LEAST_DETAIL = 0.05  # share of the blocks that show anything: the rest is drawn, blank or over-exposed
_FOUND_OFTEN = 0.5  # share of our own tampering that must be found where silence is to mean "genuine"
_FOUND_RARELY = 0.1  # and below which it means nothing
_NOT_CALIBRATED = "no genuine pictures of this size and quality were calibrated on"
_TRIES = 10  # tampered pictures of a kind that such a share is known from


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


@dataclass(frozen=True, kw_only=True, eq=False)
class Decision:
    """How what was measured of pictures is read; used by everything that predicts.

    Attributes:
        false_alarms: share of genuine pictures that may be called fake, in (0, 1).
        unsure: p-value up to which the verdict is "unsure"; `false_alarms`: no picture is.
        temperature: what the suspicion is divided by for a calibrated logit, above 0.
        offset: that is added then.
        tests: test -> its statistics on genuine pictures, from which its p-values are.
        tampered: of genuine pictures that were tampered with, `size`, `quality` (of `strata_of`) and
            `suspicion`.
        known: kinds of pictures that the trained detector is asked about; None: all.
    """

    false_alarms: float
    unsure: float
    temperature: float
    offset: float
    tests: Mapping[str, Reference]
    tampered: pd.DataFrame
    known: KnownKinds | None = None

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Decision":
        """Read what `as_dict` gave; raise ValueError, TypeError, KeyError or AttributeError for others."""
        false_alarms, unsure = float(values["false_alarms"]), float(values["unsure"])
        temperature, offset = float(values["temperature"]), float(values["offset"])
        if not (0 < false_alarms <= unsure <= 1 and 0 < temperature < np.inf and np.isfinite(offset)):
            raise ValueError("its numbers are out of range")
        return cls(
            false_alarms=false_alarms,
            unsure=unsure,
            temperature=temperature,
            offset=offset,
            tests={str(name): Reference.from_dict(each) for name, each in values["tests"].items()},
            tampered=pd.DataFrame(values["tampered"], columns=["size", "quality", "suspicion"]),
            known=None if values["known"] is None else KnownKinds.from_dict(values["known"]),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for a file; `threshold` is in it to be read, not to be edited."""
        return {
            "false_alarms": self.false_alarms,
            "unsure": self.unsure,
            "temperature": self.temperature,
            "offset": self.offset,
            "threshold": self.threshold,
            "tests": {name: reference.as_dict() for name, reference in self.tests.items()},
            "tampered": self.tampered.to_dict("list"),
            "known": None if self.known is None else self.known.as_dict(),
        }

    def at(self, false_alarms: float) -> "Decision":
        """Return the decision at another rate, in (0, 1); what was measured for it stays."""
        return replace(self, false_alarms=false_alarms, unsure=max(self.unsure, false_alarms))

    @property
    def found(self) -> np.ndarray:
        """Which of the tampered pictures are called fake, (n,) bool."""
        return self.called(self.tampered["suspicion"].to_numpy(float))

    @property
    def threshold(self) -> float:
        """Calibrated probability of fake from which on a picture is called fake, in (0, 1)."""
        return float(self.probabilities(-np.log10([self.false_alarms]))[0])

    def logits(self, suspicion: ArrayLike) -> np.ndarray:
        """Return the calibrated logit of being fake."""
        return np.asarray(suspicion, np.float64) / self.temperature + self.offset

    def probabilities(self, suspicion: ArrayLike) -> np.ndarray:
        """Return the calibrated probability of fake."""
        return probability(self.logits(suspicion))

    def p_values(self, numbers: pd.DataFrame) -> pd.DataFrame:
        """Return the p-value of each test, a column a test; NaN where it does not apply.

        Those of specialists are 1 above `_SPEAKS`, which keeps what p-values promise: none becomes smaller.

        The trained detector is not asked about pictures of kinds that it does not know.

        Args:
            numbers: a row a picture: `width`, `height`, `jpeg_quality`, `chroma`, and a column for each test
                that was made.

        Raises:
            UserError: the detector answered with what is no number.
        """
        return self._p_values(numbers, self._outside(numbers))

    def _outside(self, numbers: pd.DataFrame) -> list[str]:
        """Return in which way each picture is of no known kind; "" where it is of one."""
        return [""] * len(numbers) if self.known is None else self.known.outside(numbers)

    def _p_values(self, numbers: pd.DataFrame, outside: Sequence[str]) -> pd.DataFrame:
        strata = strata_of(numbers)
        if NETWORK in numbers:
            check_scores(numbers[NETWORK])
        made = [name for name in self.tests if name in numbers]
        smallest = self.false_alarms / max(len(made), 1)
        values = {
            name: self.tests[name].p_values(numbers[name].to_numpy(float), strata, smallest) for name in made
        }
        found = pd.DataFrame(values, index=numbers.index)
        if NETWORK in found:
            found.loc[[bool(each) for each in outside], NETWORK] = np.nan
        return found.mask((found > _SPEAKS) & (found.columns != NETWORK), 1.0)

    def suspicion(self, numbers: pd.DataFrame) -> np.ndarray:
        """Return -log10 of the p-value of each picture, (n,); 0 where no test applies."""
        return _suspicion(self.p_values(numbers))

    def called(self, suspicion: np.ndarray) -> np.ndarray:
        """Return which pictures are called fake, by suspicion: probabilities of 1 are told apart no more."""
        return suspicion >= -np.log10(self.false_alarms)

    def judge(self, numbers: pd.DataFrame) -> pd.DataFrame:
        """Return what is said of pictures.

        Args:
            numbers: as of `p_values`, and `detail`.

        Returns:
            a row a picture: `p_<test>` for each test; `p_value`, the smallest times the number of tests that
            apply, at most 1; `logit` and `probability_fake`, calibrated; `called`, genuine or fake;
            `verdict`, one of `GENUINE`, `FAKE`, `UNSURE`, `NO_TRACE`, `CANNOT_TELL`; and `reason`, in words.
        """
        outside = self._outside(numbers)
        each = self._p_values(numbers, outside)
        suspicion = _suspicion(each)
        probabilities = self.probabilities(suspicion)
        calls = self.called(suspicion)
        p_value = np.minimum(10.0**-suspicion, 1.0)
        said = [
            self._verdict(numbers.iloc[row], each.iloc[row], p_value[row], bool(calls[row]), known)
            for row, known in enumerate(zip(self._share_found(numbers), outside, strict=True))
        ]
        return each.add_prefix("p_").assign(
            p_value=p_value,
            logit=self.logits(suspicion),
            probability_fake=probabilities,
            called=np.array(LABELS, dtype=object)[calls.astype(np.intp)],
            verdict=[verdict for verdict, _ in said],
            reason=[reason for _, reason in said],
        )

    def statistic_at(self, test: str) -> float:
        """Return the statistic from which on a picture would be called fake if there were no other test."""
        values = self.tests[test].table["statistic"].to_numpy(float)
        return float(np.quantile(values, 1 - self.false_alarms, method="higher"))

    def shortage(self) -> dict[str, tuple[int, int]]:
        """Return tests with too few genuine pictures for the rate: how many there are, and are needed."""
        needed = needed_pictures(self.false_alarms, len(self.tests))
        return {name: (len(each), needed) for name, each in self.tests.items() if len(each) < needed}

    def _share_found(self, numbers: pd.DataFrame) -> list[float]:
        """Return which share of our own tampering is found in pictures like each; NaN where none was tried.

        Of those of the same size and quality, or of that size, or of all, if there are a few of them.
        """
        strata, tried = strata_of(numbers), self.tampered.assign(found=self.found)
        shares: dict[tuple[str, str], float] = {}
        for size, quality in set(zip(strata["size"], strata["quality"], strict=True)):
            sized = tried["size"] == size
            pools = [tried[sized & (tried["quality"] == quality)], tried[sized], tried]
            pool = next((each for each in pools if len(each) >= _TRIES), pools[-1])
            shares[size, quality] = float(pool["found"].mean()) if len(pool) else float("nan")
        return [shares[kind] for kind in zip(strata["size"], strata["quality"], strict=True)]

    def _verdict(
        self,
        numbers: pd.Series,
        p_values: pd.Series,
        p_value: float,
        is_called: bool,
        known: tuple[float, str],
    ) -> tuple[str, str]:
        """Return the verdict on one picture, and what it rests on.

        `known`: which share of tampering is found in such pictures, and why the detector knows none of them.
        """
        found, outside = known
        width, height = int(numbers["width"]), int(numbers["height"])
        if min(width, height) < _SMALLEST_SIDE:
            return CANNOT_TELL, f"{width} × {height} pixels are too few"
        if numbers["detail"] < _LEAST_DETAIL:
            return CANNOT_TELL, "nearly all of it is flat: drawn, blank or over-exposed"
        if not p_values.notna().any():
            return CANNOT_TELL, outside or _NOT_CALIBRATED
        strongest = str(p_values.idxmin())
        if is_called:
            share = f"{p_value:.2%}" if p_value >= 1e-4 else "less than 0.01%"
            return FAKE, f"{strongest}: {share} of genuine pictures look as suspicious"
        if p_value <= self.unsure and self.unsure > self.false_alarms:
            return UNSURE, f"{strongest}: {p_value:.0%} of genuine pictures look as suspicious"
        if outside or np.isnan(p_values.get(NETWORK, 0.0)):
            return CANNOT_TELL, outside or _NOT_CALIBRATED
        if np.isnan(found):
            return NO_TRACE, "what would be found in pictures of this kind was not tried"
        if found < _FOUND_RARELY:
            return CANNOT_TELL, "tampering leaves no trace in pictures of this kind that is found here"
        silence = f"of our own tampering in such pictures {found:.0%} is found"
        return (GENUINE if found >= _FOUND_OFTEN else NO_TRACE), silence


def _suspicion(p_values: pd.DataFrame) -> np.ndarray:
    """Return -log10 of the smallest p-value of each row times the number of tests that apply."""
    values = p_values.to_numpy(float)
    smallest = np.where(np.isnan(values), 1.0, values).min(axis=1, initial=1.0)
    suspicion: np.ndarray = -np.log10(smallest * np.maximum((~np.isnan(values)).sum(axis=1), 1))
    return suspicion


DECISION_FILE = "decision.json"  # beside what training left
