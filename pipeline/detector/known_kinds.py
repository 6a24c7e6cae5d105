"""Which kinds of pictures a trained detector knows: those of its manifest, and those it was calibrated on.

Of others it may answer anything: what a network learnt of JPEGs of one size and quality says nothing of
scans. Specialists, which learn nothing, are asked all the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

_LARGER = 2.0  # times the pixels of the largest, or fewer than the smallest over this, are still like them
_QUALITIES = 5.0  # so far beyond the lowest and the highest a JPEG is still like them
# Chroma samples for each luma sample: how it is written.
_SUBSAMPLINGS = {1.0: "4:4:4", 0.5: "4:2:2", 0.25: "4:2:0", 0.125: "4:1:0", 0.0: "grey"}


@dataclass(frozen=True)
class KnownKinds:
    """The kinds of some pictures.

    Attributes:
        megapixels: from, to; None: there are no pictures.
        qualities: of the last save as JPEG, from, to; None: none is a JPEG.
        lossless: whether some are no JPEG.
        chroma: of the JPEGs, chroma samples for each luma sample, sorted.
    """

    megapixels: tuple[float, float] | None
    qualities: tuple[float, float] | None
    lossless: bool
    chroma: tuple[float, ...]

    @classmethod
    def of(cls, numbers: pd.DataFrame) -> "KnownKinds":
        """Return those of pictures, a row each: `width`, `height`, `jpeg_quality` and `chroma`."""
        quality, chroma = numbers["jpeg_quality"].to_numpy(float), numbers["chroma"].to_numpy(float)
        return cls(
            megapixels=_span(_megapixels(numbers)),
            qualities=_span(quality[~np.isnan(quality)]),
            lossless=bool(np.isnan(quality).any()),
            chroma=tuple(np.unique(chroma[~np.isnan(chroma)]).tolist()),
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "KnownKinds":
        """Read what `as_dict` gave; raise ValueError, TypeError or KeyError for anything else."""
        spans = {
            name: None if values[name] is None else (float(values[name][0]), float(values[name][1]))
            for name in ("megapixels", "qualities")
        }
        return cls(**spans, lossless=bool(values["lossless"]), chroma=tuple(map(float, values["chroma"])))

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for a file."""
        return {**asdict(self), "chroma": list(self.chroma)}

    def outside(self, numbers: pd.DataFrame) -> list[str]:
        """Return of each picture in which way it is of no known kind, in words; "" where it is of one."""
        columns = (numbers[name].to_numpy(float) for name in ("jpeg_quality", "chroma"))
        return [self._outside(*each) for each in zip(_megapixels(numbers), *columns, strict=True)]

    def _outside(self, megapixels: float, quality: float, chroma: float) -> str:
        if self.megapixels is not None:
            low, high = self.megapixels
            if not low / _LARGER <= megapixels <= high * _LARGER:
                return f"{_number(megapixels)} megapixels; this detector knows {_numbers(self.megapixels)}"
        if np.isnan(quality):
            return "" if self.lossless else "it is no JPEG, and this detector knows JPEGs alone"
        if self.qualities is None:
            return "it is a JPEG, and this detector knows none"
        low, high = self.qualities
        if not low - _QUALITIES <= quality <= high + _QUALITIES:
            return f"JPEG of quality {quality:.0f}; this detector knows {low:.0f} to {high:.0f}"
        if chroma not in self.chroma:
            return f"colours stored as {_written([chroma])}; this detector knows {_written(self.chroma)}"
        return ""

    def words(self) -> str:
        """Return all of them in words."""
        formats = ["other formats"] * self.lossless
        if self.qualities is not None:
            low, high = self.qualities
            formats.insert(0, f"JPEG of quality {low:.0f}–{high:.0f}")
        size = "" if self.megapixels is None else f"{_numbers(self.megapixels)} megapixels, "
        return size + " and ".join(formats)


def _megapixels(numbers: pd.DataFrame) -> np.ndarray:
    return numbers["width"].to_numpy(float) * numbers["height"].to_numpy(float) / 1e6


def _span(values: np.ndarray) -> tuple[float, float] | None:
    return (float(values.min()), float(values.max())) if len(values) else None


def _number(megapixels: float) -> str:
    return f"{megapixels:.2g}" if megapixels < 10 else f"{megapixels:.0f}"


def _numbers(span: tuple[float, float]) -> str:
    low, high = map(_number, span)
    return low if low == high else f"{low}–{high}"


def _written(chroma: Sequence[float]) -> str:
    return ", ".join(_SUBSAMPLINGS.get(each, f"{each:g} chroma samples for each pixel") for each in chroma)
