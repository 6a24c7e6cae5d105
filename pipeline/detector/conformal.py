"""From a statistic to a p-value: how many genuine pictures of the same kind look as suspicious.

Where a picture is exchangeable with the genuine ones of a `Reference`, its p-value falls to α or below in at
most α of cases, whatever the test is (V. Vovk, A. Gammerman, G. Shafer: Algorithmic learning in a random
world, 2005; S. Bates et al.: Testing for outliers with conformal p-values, Annals of statistics 51, 2023).
Kinds are told by size and by the quality of the last save: what is genuine looks otherwise there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

# Where each kind begins. Coarse, for a few hundred genuine pictures are what people have.
SIZES = {"below 0.5 megapixels": 0.0, "0.5–4 megapixels": 0.5, "4 megapixels and more": 4.0}
QUALITIES = {"quality below 75": 0, "quality 75–89": 75, "quality 90–100": 90}
LOSSLESS = "never JPEG"
_FARTHEST = 300.0  # scales of the tail, beyond which a p-value would be 0 and its logarithm infinite
FEWEST = 5  # genuine pictures of a size, and of a quality, without which a test says nothing of that kind


def strata_of(numbers: pd.DataFrame) -> pd.DataFrame:
    """Return the kind of each picture.

    Args:
        numbers: `width`, `height`, `jpeg_quality` (NaN where the file is no JPEG).

    Returns:
        `size` and `quality`, keys of `SIZES`, and of `QUALITIES` or `LOSSLESS`.
    """
    megapixels = numbers["width"].to_numpy(float) * numbers["height"].to_numpy(float) / 1e6
    quality = numbers["jpeg_quality"].to_numpy(float)
    by_size = np.array(list(SIZES))[np.searchsorted(list(SIZES.values()), megapixels, side="right") - 1]
    place = np.searchsorted(list(QUALITIES.values()), np.nan_to_num(quality), side="right") - 1
    by_quality = np.where(np.isnan(quality), LOSSLESS, np.array(list(QUALITIES))[np.maximum(place, 0)])
    return pd.DataFrame({"size": by_size, "quality": by_quality}, index=numbers.index)


@dataclass(frozen=True, eq=False)
class Reference:
    """Statistics of one test on genuine pictures that nothing was trained on.

    Attributes:
        table: `statistic`, `size` and `quality`, a row a picture.
    """

    table: pd.DataFrame

    @classmethod
    def of(cls, statistic: pd.Series, numbers: pd.DataFrame) -> "Reference":
        """Keep the pictures that the test applies to."""
        whole = strata_of(numbers).assign(statistic=statistic)
        return cls(whole[np.isfinite(whole["statistic"])].reset_index(drop=True))

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.table)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for a file: the statistics of each kind, sorted."""
        return {
            str(size): {str(quality): sorted(part["statistic"]) for quality, part in rows.groupby("quality")}
            for size, rows in self.table.groupby("size")
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Reference":
        """Read what `as_dict` gave; raise ValueError, TypeError or AttributeError for anything else."""
        rows = [
            (float(statistic), str(size), str(quality))
            for size, of_size in values.items()
            for quality, statistics in of_size.items()
            for statistic in statistics
        ]
        table = pd.DataFrame(rows, columns=["statistic", "size", "quality"])
        if not (np.isfinite(table["statistic"].astype(float)).all() and table["size"].isin(SIZES).all()):
            raise ValueError("its statistics are no numbers, or of unknown kinds")
        return cls(table)

    def p_values(self, statistic: np.ndarray, strata: pd.DataFrame, smallest: float) -> np.ndarray:
        """Compute the p-value of each picture.

        It is measured among genuine pictures of the same size and quality where these are enough for p-values
        as small as `smallest`, else of the same size, else among all.

        Args:
            statistic: (n,), NaN where the test does not apply.
            strata: of `strata_of`, n rows.
            smallest: p-value that is still to be told apart from larger ones.

        Returns:
            (n,) in (0, 1]; NaN where the statistic is, and where the reference has fewer than `FEWEST`
            pictures of that size, or of that quality.
        """
        p = np.full(len(statistic), np.nan)
        size, quality = self.table["size"].to_numpy(), self.table["quality"].to_numpy()
        values = self.table["statistic"].to_numpy(float)
        enough = 1 / smallest - 1
        sizes, qualities = strata["size"].to_numpy(), strata["quality"].to_numpy()
        for of_size, of_quality in dict.fromkeys(zip(sizes, qualities, strict=True)):
            rows = np.flatnonzero((sizes == of_size) & (qualities == of_quality))
            sized, saved = size == of_size, quality == of_quality
            if min(sized.sum(), saved.sum()) < FEWEST:
                continue
            pools = [sized & saved, sized, np.ones(len(values), bool)]
            pool = next((pool for pool in pools if pool.sum() >= enough), pools[-1])
            p[rows] = conformal_p_values(statistic[rows], values[pool], smallest)
        return p


def conformal_p_values(statistic: np.ndarray, genuine: np.ndarray, smallest: float) -> np.ndarray:
    """Compute the p-value of each statistic among those of genuine pictures.

    At a genuine picture's own statistic it is (1 + how many are as large) / (n + 1), between two of them it
    is interpolated: it is nowhere smaller than the conformal one, and has an order where that has steps.
    Beyond the largest it falls on towards 1 / (n + 1). Where that is above `smallest`, which too few pictures
    cannot tell, the largest √n statistics are taken for an exponential tail (J. Pickands, Statistical
    inference using extreme order statistics, Annals of statistics 3, 1975, with shape 0): an estimate, and no
    longer a bound.

    >>> conformal_p_values(np.array([0.5, 2.0, 3.0, np.nan]), np.array([1.0, 2.0, 3.0]), 0.25).tolist()
    [1.0, 0.75, 0.5, nan]
    """
    n = len(genuine)
    levels, counts = np.unique(genuine, return_counts=True)
    as_large = np.cumsum(counts[::-1])[::-1]
    at_levels = (1 + as_large) / (n + 1)
    p = np.interp(statistic, levels, at_levels)
    start, scale = _tail(genuine)
    least, largest = 1 / (n + 1), levels[-1]
    if least > smallest:
        of_start = np.interp(start, levels, at_levels)
        p = np.where(statistic > start, of_start * _falling(statistic - start, scale), p)
    else:
        p = np.where(statistic > largest, least + (p - least) * _falling(statistic - largest, scale), p)
    return np.where(np.isnan(statistic), np.nan, p)


def _tail(genuine: np.ndarray) -> tuple[float, float]:
    """Return where the largest √n statistics begin, and their mean excess; 1 where there is none."""
    ordered = np.sort(genuine)
    most = max(int(np.sqrt(len(ordered))), 1)
    start = float(ordered[max(len(ordered) - most - 1, 0)])
    excess = float(np.mean(ordered[-most:])) - start
    return start, excess if excess > 0 else 1.0


def _falling(beyond: np.ndarray, scale: float) -> np.ndarray:
    """Return an exponential tail, 1 at 0."""
    with np.errstate(over="ignore"):  # of a tail of no width to speak of
        falling: np.ndarray = np.exp(-np.clip(beyond / scale, 0, _FARTHEST))
    return falling


def needed_pictures(rate: float, tests: int) -> int:
    """Return how many genuine pictures a false-alarm rate takes where so many tests share it.

    >>> needed_pictures(0.02, 4)
    199
    """
    return int(np.ceil(tests / rate - 1e-9)) - 1
