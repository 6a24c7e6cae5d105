"""What a screening comes to: counts, a histogram, the most suspicious, the false alarms to be expected."""

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.detector.decision import FAKE, NETWORK, Decision
from pipeline.screening.answers import UNREADABLE, parts_there, read_part

BINS = 20  # of the histogram, each a twentieth of [0, 1]
MOST = 100  # of the most suspicious
_REASONS = 10  # of what cannot be read that are counted
_CONFIDENCE = 0.95


class Expected(NamedTuple):
    """False alarms among pictures that are all genuine: how many on the average, and the ends of an interval.

    Attributes:
        rate: that was asked for, in (0, 1).
        n_reference: genuine pictures that it is known from.
    """

    mean: float
    low: int
    high: int
    rate: float
    n_reference: int


class Tally(NamedTuple):
    """The figures of a screening.

    Attributes:
        pictures: rows, by verdict.
        different: pictures with unlike bytes, by verdict; what cannot be opened counts as none.
        histogram: of the probabilities of different pictures that a verdict was given on, `BINS` counts.
        expected: false alarms among those.
        suspicious: rows of the most suspicious different pictures, worst first; `copies` of each in all.
        reasons: why pictures cannot be read, the most frequent reasons with their counts.
    """

    pictures: dict[str, int]
    different: dict[str, int]
    histogram: list[int]
    expected: Expected
    suspicious: list[dict[str, Any]]
    reasons: dict[str, int]

    @property
    def n_judged(self) -> int:
        """Different pictures on which there is a verdict with a number."""
        return sum(self.histogram)

    @property
    def n_fake(self) -> int:
        """Different pictures that are called fake."""
        return self.different.get(FAKE, 0)


def tally(output: Path, decision: Decision) -> Tally:
    """Count what the parts of a screening hold; they are read one after the other."""
    first, copies = _copies(output)
    pictures: Counter[str] = Counter()
    different: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    histogram = np.zeros(BINS, np.int64)
    suspicious: list[tuple[float, int, dict[str, Any]]] = []
    for number, row in enumerate(_rows(output)):
        pictures[row["verdict"]] += 1
        if row["verdict"] == UNREADABLE:
            reasons[row["reason"]] += 1
        if not first[number]:
            continue
        different[row["verdict"]] += 1
        if row["probability"] is None:  # cannot tell, or unreadable
            continue
        histogram[min(int(row["probability"] * BINS), BINS - 1)] += 1
        entry = (row["probability"], -number, {**row, "copies": int(copies[number])})
        if len(suspicious) < MOST:
            heapq.heappush(suspicious, entry)
        elif entry[:2] > suspicious[0][:2]:
            heapq.heapreplace(suspicious, entry)
    return Tally(
        dict(pictures.most_common()),
        dict(different.most_common()),
        histogram.tolist(),
        expected_false_alarms(int(histogram.sum()), decision),
        [row for _, _, row in sorted(suspicious, key=lambda each: each[:2], reverse=True)],
        dict(reasons.most_common(_REASONS)),
    )


def expected_false_alarms(n_pictures: int, decision: Decision) -> Expected:
    """Compute how many of so many genuine pictures are called fake.

    The share of genuine pictures that a p-value from n others calls fake is known from these alone: it has a
    beta distribution, so their number has a beta-binomial one (V. Vovk, "Conditional validity of inductive
    conformal predictors", 2012). Pictures of kinds that were calibrated on are meant, and several tests give
    fewer, never more.

    Returns:
        mean and the ends of a 95 % interval.
    """
    from scipy.stats import betabinom  # takes half a second to import

    rate, known = decision.false_alarms, len(decision.tests[NETWORK])
    if not n_pictures:
        return Expected(0.0, 0, 0, rate, known)
    low, high = betabinom.interval(_CONFIDENCE, n_pictures, rate * (known + 1), (1 - rate) * (known + 1))
    return Expected(n_pictures * rate, int(low), int(high), rate, known)


def _copies(output: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return for each row whether it is the first of its bytes, and how many rows have these."""
    known = [np.empty(0, np.uint64)]  # eight bytes of a hash are enough to count by
    for part in parts_there(output):
        hashes = (each["sha256"] for each in read_part(output, part, ["sha256"]))
        known.append(np.array([int(each[:16], 16) if each else 0 for each in hashes], np.uint64))
    together = np.concatenate(known)
    _, at, inverse, counts = np.unique(together, return_index=True, return_inverse=True, return_counts=True)
    first = np.zeros(len(together), bool)
    first[at] = True
    first &= together != 0  # what cannot be opened has no bytes
    return first, counts[inverse]


def _rows(output: Path) -> Iterator[Mapping[str, Any]]:
    for part in parts_there(output):
        yield from read_part(output, part)
