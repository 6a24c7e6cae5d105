"""Where a detector fails: its figures on kinds of pictures, one at a time."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline import config
from pipeline.scoring.evaluation import INTERVAL_COLUMNS, Evaluation, interval_rows
from pipeline.scoring.metrics import score_predictions

COLUMNS = ["property", "slice", *INTERVAL_COLUMNS[1:]]

_MEGAPIXELS = [0.2, 1, 4, 16]
_QUALITIES = [50, 75, 90]  # of libjpeg's scale, 1 to 100

Slice = tuple[str, str, pd.DataFrame]


def score_slices(
    predictions: pd.DataFrame, evaluation: Evaluation, settings: config.Evaluate, seed: int
) -> pd.DataFrame:
    """Score pictures by subset, format, size, JPEG quality and collection.

    Args:
        predictions: columns as of `evaluate_predictions`, and `subset`, `source_format`, `width`, `height`
            and `jpeg_quality`, NaN where the file was never JPEG.
        evaluation: of them; the figures of the collections are taken from it.
        settings: draws and confidence of the intervals.
        seed: of the draws.

    Returns:
        `COLUMNS`, a row a slice and figure. Slices without pictures are left out, and so are the figures that
        one class alone does not have. A slice by subset holds its fakes and all genuine pictures of the same
        collections.

    Raises:
        UserError: an answer is not a number.
    """
    threshold = evaluation.metrics["threshold"]
    rows: list[dict[Any, Any]] = []
    for property_, name, part in cut_slices(predictions):
        figures = score_predictions(part, threshold)
        found = interval_rows(part, threshold, figures, settings, seed)
        rows += [{"property": property_, "slice": name, **row} for row in found]
    for name in sorted(predictions["collection"].unique()):
        known = evaluation.intervals[evaluation.intervals["part"] == f"collections.{name}"]
        rows += [{"property": "collection", "slice": str(name), **row} for row in known.to_dict("records")]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table[table["value"].notna()].reset_index(drop=True)


def cut_slices(predictions: pd.DataFrame) -> Iterator[Slice]:
    """Cut predictions into slices, as property, name and pictures; collections are no slices here."""
    yield from _by_subset(predictions)
    for name, part in predictions.groupby("source_format", sort=True):
        yield "format", str(name), part
    megapixels = (predictions["width"] * predictions["height"] / 1e6).to_numpy(np.float64)
    yield from _binned(predictions, "size", megapixels, _MEGAPIXELS, _size_names())
    quality = predictions["jpeg_quality"].to_numpy(np.float64)
    yield from _binned(predictions, "quality", quality, _QUALITIES, _quality_names())
    if np.isnan(quality).any():
        yield "quality", "never JPEG", predictions[np.isnan(quality)]


def _by_subset(predictions: pd.DataFrame) -> Iterator[Slice]:
    fake = predictions["target"] == 1
    subset = predictions["subset"].fillna("")
    for name in sorted(set(subset[fake]) - {""}):
        chosen = fake & (subset == name)
        beside = ~fake & predictions["collection"].isin(predictions.loc[chosen, "collection"].unique())
        yield "subset", name.replace("_", "-"), predictions[chosen | beside]


def _binned(
    predictions: pd.DataFrame, property_: str, values: np.ndarray, edges: Sequence[float], names: list[str]
) -> Iterator[Slice]:
    """Cut by a number; each edge belongs to the bin above it, NaN to none."""
    place = np.where(np.isnan(values), -1, np.searchsorted(edges, values, side="right"))
    for number, name in enumerate(names):
        if (place == number).any():
            yield property_, name, predictions[place == number]


def _size_names() -> list[str]:
    between = [f"{low:g}–{high:g} megapixels" for low, high in itertools.pairwise(_MEGAPIXELS)]
    return [f"below {_MEGAPIXELS[0]:g} megapixels", *between, f"{_MEGAPIXELS[-1]:g} megapixels and more"]


def _quality_names() -> list[str]:
    ends = [*_QUALITIES[1:], 101]
    return [
        f"quality below {_QUALITIES[0]}",
        *(f"quality {low}–{high - 1}" for low, high in zip(_QUALITIES, ends, strict=True)),
    ]
