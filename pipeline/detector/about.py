"""Which detector answers: what it was trained on, and on which pictures its error rates were measured."""

import hashlib
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.detector.decision import NETWORK, Decision
from pipeline.surroundings import printable

_ID = 10  # letters
_WIDTH = 80


@dataclass(frozen=True)
class About:
    """A detector in words.

    Attributes:
        id: short, and another one for other weights, other references or another rate.
        name: of its run, with model, data and seed.
        trained_on: a sentence.
        measured_on: a sentence, with the rate.
    """

    id: str
    name: str
    trained_on: str
    measured_on: str

    @classmethod
    def of(cls, record: Mapping[str, Any], digest: str, decision: Decision) -> "About":
        """Put together what a training's `run.json`, the SHA-256 of its file and its decision tell."""
        config, counts = record["config"], record.get("pictures", {})
        made = ", ".join(f"{number:,} {label}" for label, number in counts.items())
        genuine = len(decision.tests[NETWORK])
        kinds = "" if decision.known is None else f" of {decision.known.words()}"
        found = ""
        if len(decision.tampered):
            share, tried = decision.found.mean(), len(decision.tampered)
            found = f"; {share:.0%} of {tried:,} tampered here were called fake"
        own = hashlib.sha256(f"{digest} {sorted(decision.as_dict().items())}".encode()).hexdigest()[:_ID]
        return cls(
            id=own,
            name=str(record["name"]),
            trained_on=f"trained on {config['data']['name']}" + (f" ({made})" if made else ""),
            measured_on=(
                f"{decision.false_alarms:.1%} false alarms, by {genuine:,} genuine pictures{kinds}{found}"
            ),
        )

    def lines(self) -> list[str]:
        """Return it in lines of at most 80 columns that are safe to print: names come from folders."""
        text = printable(f"detector {self.id}, {self.name}: {self.trained_on}; {self.measured_on}")
        return textwrap.wrap(text, _WIDTH, subsequent_indent="  ", break_on_hyphens=False)


UNNAMED = About(id="0" * _ID, name="put together by hand", trained_on="", measured_on="")
