"""Figures beside what is wanted of them, which `make benchmark` puts into one table."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

KEPT_IN = "BENCHMARK_FIGURES"  # names the file to which programs add what they measured


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    Attributes:
        name: what was measured.
        value: what came out, in `unit`.
        wanted: the value to be reached.
        unit: stands behind both; "" for a ratio.
        at_most: whether less is better.
    """

    name: str
    value: float
    wanted: float
    unit: str = ""
    at_most: bool = False

    @property
    def reached(self) -> bool:
        """Whether it is as good as wanted."""
        return self.value <= self.wanted if self.at_most else self.value >= self.wanted

    def row(self) -> str:
        """Return it as a row of a Markdown table.

        >>> Figure("dvc repro, nothing to do", 1.44, 1.5, "s", at_most=True).row()
        '| dvc repro, nothing to do | 1.44 s | ≤ 1.5 s | yes |'
        """
        sign, reached = "≤" if self.at_most else "≥", "yes" if self.reached else "**no**"
        return f"| {self.name} | {self._shown(self.value)} | {sign} {self._shown(self.wanted)} | {reached} |"

    def _shown(self, value: float) -> str:
        if self.unit == "%":
            return f"{value:.0%}"
        return f"{value:.3g} {self.unit}".rstrip()


def keep(*figures: Figure) -> None:
    """Add figures to the file of `make benchmark`, where that has called this program."""
    if name := os.environ.get(KEPT_IN):
        with Path(name).open("a", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(asdict(each))}\n" for each in figures)


def kept(path: Path) -> list[Figure]:
    """Read what programs have kept; nothing where none has."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [Figure(**json.loads(line)) for line in lines]
