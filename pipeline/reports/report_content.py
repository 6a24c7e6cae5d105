"""Everything that a report and a model card are made from, as the stages left it on disk."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pipeline.datasets.tables import BUILT_FROM
from pipeline.detector.decision import DECISION_FILE, RUN_FILE
from pipeline.errors import UserError
from pipeline.reports.artifacts import CROPS, GALLERY, INTERVALS, PREDICTIONS, ROBUSTNESS, SHORTCUTS, SLICES
from pipeline.reports.numbers import COLLECTION, elsewhere_parts

Table = pd.DataFrame | None
Facts = Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class ReportContent:
    """The findings about one detector. All but the first two may be missing; what is missing is said.

    Attributes:
        metrics: `metrics.json`.
        intervals: `intervals.csv`.
        predictions: `predictions.csv`; the curves are drawn from it.
        slices: `slices.csv`.
        robustness: `robustness.csv`.
        crops: `crops.csv` of the control.
        shortcuts: `shortcuts.csv`, what the best shortcut of each part is.
        history: `history.csv` of the training.
        left_out: `left_out.csv` of the manifest.
        audit: `audit.json`, if it is of the same data.
        record: `run.json` of the training.
        evaluated: `run.json` of the evaluation.
        decision: `decision.json`.
        counts: `counts.json` of the manifest.
        data: the configuration of the pictures, as the manifest was built from it.
        gallery: folder with `gallery.csv` and the panels that it names.
        confidence: share of the draws inside each interval.
    """

    metrics: Mapping[str, Any]
    intervals: pd.DataFrame
    predictions: Table = None
    slices: Table = None
    robustness: Table = None
    crops: Table = None
    shortcuts: Table = None
    history: Table = None
    left_out: Table = None
    audit: Facts = None
    record: Facts = None
    evaluated: Facts = None
    decision: Facts = None
    counts: Facts = None
    data: Facts = None
    gallery: Path | None = None
    confidence: float = 0.95


def read_content(
    reports: Path,
    models: Path,
    manifest: Path,
    audit: Facts,
    confidence: float = 0.95,
) -> ReportContent:
    """Read what `evaluate`, `train` and `manifest` wrote; files that are not there are left out.

    Args:
        reports: with `metrics.json` and `evaluation/`.
        models: with the detector.
        manifest: with the tables of the splits.
        audit: as of `auditing.beside.audit_of`, which says whether it is of this data.
        confidence: of the intervals.

    Raises:
        UserError: there are no figures.
    """
    evaluation = reports / "evaluation"
    metrics, intervals = _json(reports / "metrics.json"), _table(evaluation / INTERVALS)
    if metrics is None or intervals is None:
        raise UserError(f"{reports} holds no evaluation; make one with python -m pipeline.evaluate")
    gallery = evaluation / GALLERY
    return ReportContent(
        metrics=metrics,
        intervals=intervals,
        predictions=_table(evaluation / PREDICTIONS),
        slices=_table(evaluation / SLICES),
        robustness=_table(evaluation / ROBUSTNESS),
        crops=_table(evaluation / CROPS),
        shortcuts=_table(evaluation / SHORTCUTS),
        history=_table(models / "history.csv"),
        left_out=_table(manifest / "left_out.csv"),
        audit=audit,
        record=_json(models / RUN_FILE),
        evaluated=_json(evaluation / RUN_FILE),
        decision=_json(models / DECISION_FILE),
        counts=_json(manifest / "counts.json"),
        data=(_json(manifest / BUILT_FROM) or {}).get("data"),
        gallery=gallery if gallery.is_dir() else None,
        confidence=confidence,
    )


def _table(path: Path) -> Table:
    # Names of files and collections such as "NA" are texts; empty cells of numbers are NaN all the same.
    texts = dict.fromkeys(
        ("path", "group", "collection", "subset", "part", "slice", "name", "strength", "verdict", "words"),
        str,
    )
    if not path.is_file():
        return None
    table = pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=[""])
    return table.fillna({name: "" for name in texts if name in table})


def _json(path: Path) -> Facts:
    if not path.is_file():
        return None
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


# How many tested pictures a split leaks: the class that it leaks more of, and never that one unnamed.
#

_PLURAL = {"fake": "fakes", "genuine": "genuine pictures"}


class Leak(NamedTuple):
    """The tested pictures of one class with relatives in training.

    Attributes:
        whom: "fakes" or "genuine pictures".
        related: how many have a relative.
        pictures: how many were tested.
    """

    whom: str
    related: int
    pictures: int

    @property
    def share(self) -> float:
        """Share of them with a relative."""
        return self.related / self.pictures if self.pictures else 0.0


def leaks(counts: Mapping[str, Any]) -> list[Leak]:
    """List both classes, the one that leaks more first.

    Args:
        counts: `counts.json` of a manifest.
    """
    found = [
        Leak(_PLURAL[label], leak["with_relatives_in_train"], leak["pictures"])
        for label, leak in counts.get("leak", {}).items()
    ]
    return sorted(found, key=lambda leak: -leak.share)


# Which collections a detector was trained on, and which it was tested on.
#

TRAIN, TEST = "train", "test"


def roles(content: ReportContent) -> dict[str, str]:
    """Give each collection its role, `TRAIN` or `TEST`.

    The configuration knows them, also those of which no picture happened to be tested. Where it is not at
    hand, the tested parts tell.
    """
    away = elsewhere_parts(content.intervals)
    configured = (content.data or {}).get("collections", {})
    of_parts = {
        part.removeprefix(COLLECTION): TEST if part in away else TRAIN
        for part in content.intervals["part"].unique()
        if part.startswith(COLLECTION)
    }
    return of_parts | {name: found["role"] for name, found in configured.items() if "role" in found}


def trained_on(content: ReportContent) -> list[str]:
    """Name the collections that were trained on."""
    return [name for name, role in roles(content).items() if role == TRAIN]
