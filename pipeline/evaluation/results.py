"""All figures of a set of predictions, nested by the part of the pictures that they are about."""

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline import config
from pipeline.evaluation.bootstrap import Bootstrap
from pipeline.evaluation.metrics import PIXELS
from pipeline.evaluation.scoring import measure, score_predictions

HALF = 0.5  # the threshold that a probability suggests and that nobody chose
SHORTCUT = "best_shortcut_roc_auc"  # the metric that `auditing.beside` adds
# What `metrics.json` and MLflow show, so that two runs can be told apart at a glance; all figures of all
# parts are in the table of intervals. The threshold changes accuracies only.
_ACCURACIES = ("fake_accuracy", "genuine_accuracy", "balanced_accuracy")
_OF_TEST = (*_ACCURACIES, "roc_auc", "average_precision", "ece", PIXELS, SHORTCUT, "n_fake", "n_genuine")
_OF_ELSEWHERE = (*_ACCURACIES, "roc_auc", SHORTCUT, "n_fake", "n_genuine")
_OF_COLLECTIONS = ("balanced_accuracy", "roc_auc")
INTERVAL_COLUMNS = ["part", "metric", "value", "low", "high", "n_fake", "n_genuine", "n_groups"]


class Evaluation(NamedTuple):
    """What was found.

    Attributes:
        metrics: `threshold`, `test`, `test_at_half`, `collections.<name>` and, where there are collections
            with the role test, `elsewhere`; each part as `score_predictions` gives it. Only numbers and None.
        intervals: one row a part and metric, `INTERVAL_COLUMNS`; empty where there is no figure or interval.
            A part is named as in `metrics`, nested ones with a dot.
        confidence: share of the draws inside each interval.
        elsewhere: collections with the role test.
    """

    metrics: dict[str, Any]
    intervals: pd.DataFrame
    confidence: float
    elsewhere: frozenset[str]


def evaluate_predictions(
    predictions: pd.DataFrame,
    threshold: float,
    elsewhere: Collection[str],
    settings: config.Evaluate,
    seed: int,
) -> Evaluation:
    """Score predictions as a whole, by collection, and apart those collections that were only tested.

    Args:
        predictions: columns `target`, `logit`, `probability_fake`, `group` and `collection`; those of maps,
            NaN where they are not known, may be left out.
        threshold: the one chosen on validation.
        elsewhere: collections with the role test.
        settings: draws and confidence of the intervals.
        seed: of the draws.

    Raises:
        UserError: an answer is not a number.
    """
    metrics: dict[str, Any] = {"threshold": float(threshold)}
    rows: list[dict[str, object]] = []
    parts = [(name, part, threshold) for name, part in cut_parts(predictions, elsewhere).items()]
    parts.insert(1, ("test_at_half", parts[0][1], HALF))
    for name, part, at in parts:
        figures = score_predictions(part, at)
        *parents, leaf = name.split(".", 1)
        place = metrics
        for parent in parents:
            place = place.setdefault(parent, {})
        place[leaf] = figures
        rows += [{"part": name, **row} for row in interval_rows(part, at, Bootstrap.of(settings, seed))]
    table = pd.DataFrame(rows, columns=INTERVAL_COLUMNS)
    return Evaluation(metrics, table, settings.confidence, frozenset(elsewhere))


def cut_parts(predictions: pd.DataFrame, elsewhere: Collection[str]) -> dict[str, pd.DataFrame]:
    """Cut predictions into `test` and, if there is any, `elsewhere`, each before its `collections.<name>`."""
    outside = predictions["collection"].isin(list(elsewhere))
    parts = {"test": predictions[~outside]} | _by_collection(predictions[~outside])
    if outside.any():
        parts |= {"elsewhere": predictions[outside]} | _by_collection(predictions[outside])
    return parts


def headline(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the few figures that tell one run from another at a glance.

    Args:
        metrics: of an `Evaluation`.
    """
    kept = {
        "threshold": metrics["threshold"],
        "test": _only(metrics["test"], _OF_TEST),
        "test_at_half": _only(metrics["test_at_half"], _ACCURACIES),
    }
    if "elsewhere" in metrics:
        kept["elsewhere"] = _only(metrics["elsewhere"], _OF_ELSEWHERE)
    collections = metrics.get("collections", {})
    return kept | {"collections": {name: _only(part, _OF_COLLECTIONS) for name, part in collections.items()}}


def _only(figures: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: figures[name] for name in names if name in figures}


def _by_collection(predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {f"collections.{name}": part for name, part in predictions.groupby("collection", sort=True)}


def interval_rows(part: pd.DataFrame, threshold: float, bootstrap: Bootstrap) -> list[dict[str, object]]:
    """List metrics with their intervals, a row a metric: `INTERVAL_COLUMNS` but for `part`."""
    n_fake = int((part["target"] == 1).sum())
    counts = {"n_fake": n_fake, "n_genuine": len(part) - n_fake, "n_groups": part["group"].nunique()}
    measured = measure(part, threshold, bootstrap)
    return [{"metric": name, **metric._asdict(), **counts} for name, metric in measured.items()]


# Where a detector fails: its figures on kinds of pictures, one at a time.
#

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
        found = interval_rows(part, threshold, Bootstrap.of(settings, seed))
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
