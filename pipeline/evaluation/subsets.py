"""What is measured of a detector's answers: all pictures, each collection, kinds of pictures, crops."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from pipeline.detector.decision import probability
from pipeline.evaluation.bootstrap import Bootstrap, Metric
from pipeline.evaluation.localisation import KINDS as CROPS_OF
from pipeline.evaluation.results import (
    AT_HALF,
    COLLECTION,
    COLUMNS,
    CROSS_DATASET,
    ELSEWHERE,
    LOCALISATION,
    NUMBERS,
    OF_COLLECTION,
    SLICE,
    SPLIT,
    Counts,
    Results,
    cut_subsets,
)
from pipeline.evaluation.scoring import measure

# Where each bin begins, and its name; qualities of libjpeg's scale, 1 to 100.
_MEGAPIXELS: dict[float, str] = {
    0: "below 0.2 megapixels",
    0.2: "0.2–1 megapixels",
    1: "1–4 megapixels",
    4: "4–16 megapixels",
    16: "16 megapixels and more",
}
_QUALITIES: dict[float, str] = {
    0: "quality below 50",
    50: "quality 50–74",
    75: "quality 75–89",
    90: "quality 90–100",
}

Slice = tuple[str, str, pd.DataFrame]


def measure_results(
    predictions: pd.DataFrame,
    crops: pd.DataFrame,
    threshold: float,
    elsewhere: Collection[str],
    bootstrap: Bootstrap,
    *,
    sliced: pd.DataFrame | None = None,
) -> Results:
    """Measure a detector on all pictures, by collection, by kind of picture, and on crops.

    Args:
        predictions: of `predictions.with_answers`.
        crops: of the localisation check.
        threshold: the one chosen on validation.
        elsewhere: collections with the role test, which are measured apart.
        bootstrap: of the groups.
        sliced: the predictions that are cut into kinds of pictures; None: all.

    Raises:
        UserError: an answer is not a number.
    """
    rows = list(measure_subsets(predictions, threshold, elsewhere, bootstrap))
    rows += measure_slices(predictions if sliced is None else sliced, threshold, bootstrap, rows)
    rows += measure_localisation(crops, bootstrap)
    table = pd.DataFrame(rows, columns=COLUMNS).astype(NUMBERS)
    return Results(
        threshold=float(threshold),
        confidence=bootstrap.confidence,
        table=table,
        predictions=predictions,
        crops=crops,
    )


def measure_subsets(
    predictions: pd.DataFrame, threshold: float, elsewhere: Collection[str], bootstrap: Bootstrap
) -> Iterator[dict[str, Any]]:
    """Measure the test split, its collections, and apart those collections that were only tested."""
    kind = SPLIT
    for subset, part in cut_subsets(predictions, elsewhere).items():
        if subset == ELSEWHERE:
            kind = CROSS_DATASET
        yield from measured_rows(kind, subset, part, measure(part, threshold, bootstrap))
        if kind == SPLIT:
            yield from measured_rows(kind, subset, part, measure(part, 0.5, bootstrap), AT_HALF)
            kind = COLLECTION


def measure_slices(
    predictions: pd.DataFrame, threshold: float, bootstrap: Bootstrap, known: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Measure pictures by kind, format, size and JPEG quality; collections are taken from what is `known`."""
    for property_, name, part in cut_slices(predictions):
        yield from measured_rows(SLICE, f"{property_}: {name}", part, measure(part, threshold, bootstrap))
    for name in sorted(predictions["collection"].unique()):
        of_collection = [row for row in known if row["subset"] == f"{OF_COLLECTION}{name}"]
        yield from ({**row, "kind": SLICE, "subset": f"collection: {name}"} for row in of_collection)


def measure_localisation(crops: pd.DataFrame, bootstrap: Bootstrap) -> Iterator[dict[str, Any]]:
    """Compare untouched and tampered crops of fakes with crops of genuine pictures, by ROC AUC.

    Args:
        crops: one row a crop, with `group`, `kind` and `logit`.
        bootstrap: of groups of pictures.
    """
    genuine, *kinds = CROPS_OF
    for kind in kinds:
        pair = crops[crops["kind"].isin([genuine, kind])]
        pair = pair.assign(
            target=(pair["kind"] == kind).astype(int), probability_fake=probability(pair["logit"].to_numpy())
        )
        both = pair["target"].nunique() == 2
        roc_auc = measure(pair, 0.5, bootstrap)["roc_auc"] if both else Metric()
        yield from measured_rows(LOCALISATION, kind, pair, {"roc_auc": roc_auc})


def measured_rows(
    kind: str, subset: str, pictures: pd.DataFrame, metrics: Mapping[str, Metric], condition: str = ""
) -> Iterator[dict[str, Any]]:
    """Return metrics as rows of `COLUMNS`, with the counts of the pictures that they are of."""
    n_fake = int((pictures["target"] == 1).sum())
    counts = Counts(n_fake, len(pictures) - n_fake, pictures["group"].nunique())._asdict()
    place = {"kind": kind, "subset": subset, "condition": condition}
    for name, metric in metrics.items():
        yield {**place, "metric": name, **metric._asdict(), **counts}


def cut_slices(predictions: pd.DataFrame) -> Iterator[Slice]:
    """Cut predictions into slices, as property, name and pictures; collections are no slices here.

    Args:
        predictions: with `target`, `collection`, `subset`, `source_format`, `width`, `height` and
            `jpeg_quality`, NaN where the file was never JPEG.

    Yields:
        those that have pictures. A slice by subset holds its fakes and all genuine pictures of the same
        collections.
    """
    yield from _by_subset(predictions)
    for name, part in predictions.groupby("source_format", sort=True):
        yield "format", str(name), part
    megapixels = (predictions["width"] * predictions["height"] / 1e6).to_numpy(np.float64)
    yield from _binned(predictions, "size", megapixels, _MEGAPIXELS)
    quality = predictions["jpeg_quality"].to_numpy(np.float64)
    yield from _binned(predictions, "quality", quality, _QUALITIES)
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
    predictions: pd.DataFrame, property_: str, values: np.ndarray, bins: Mapping[float, str]
) -> Iterator[Slice]:
    """Cut by a number; each edge belongs to the bin above it, NaN to none."""
    index = np.where(np.isnan(values), -1, np.searchsorted(list(bins), values, side="right") - 1)
    for number, name in enumerate(bins.values()):
        if (index == number).any():
            yield property_, name, predictions[index == number]
