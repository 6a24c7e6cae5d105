"""All that was found about a tested detector: `Results`, from which report, card and terminal are made.

Every metric of every subset of the pictures stands in one table. `Results.save` writes it, and what people
and spreadsheets read of it; nothing is written to be read again in the same process.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.datasets.tables import BUILT_FROM, COUNTS, LEFT_OUT
from pipeline.detector.decision import DECISION_FILE, Decision
from pipeline.errors import UserError
from pipeline.evaluation.bootstrap import Metric
from pipeline.evaluation.metrics import PIXELS
from pipeline.evaluation.robustness import COLUMNS as PERTURBED
from pipeline.evaluation.robustness import robustness_headline
from pipeline.models.detector_files import HISTORY_FILE, RUN_FILE, TRAINED
from pipeline.storage import read_json, unbroken, write_csv

# Kinds of subsets: the test split; a collection that was trained on; what was only tested, as a whole and by
# collection; a kind of picture; crops of fakes against genuine crops; the best shortcut on these pictures.
SPLIT, COLLECTION, CROSS_DATASET = "split", "collection", "cross-dataset"
SLICE, LOCALISATION, SHORTCUT = "slice", "localisation", "shortcut"
PICTURES = (SPLIT, COLLECTION, CROSS_DATASET)
COLUMNS = ["kind", "subset", "condition", "metric", "value", "low", "high", "n_fake", "n_genuine", "n_groups"]

_CROPS = ["path", "group", "kind", "logit"]
_WORDS = ["part", "words"]  # of `shortcuts`
NUMBERS = dict.fromkeys(("value", "low", "high"), np.float64)

TEST, ELSEWHERE, OF_COLLECTION = "test", "elsewhere", "collections."
AT_HALF = "at half"  # the threshold that a probability suggests and that nobody chose
BEST_SHORTCUT, HISTORY = "best_shortcut_roc_auc", "history_roc_auc"  # metrics that `auditing.findings` adds

PREDICTIONS, METRICS_TABLE, INTERVALS = "predictions.csv", "metrics.csv", "intervals.csv"
SLICES, CROPS, ROBUSTNESS, SHORTCUTS = "slices.csv", "crops.csv", "robustness.csv", "shortcuts.csv"
GALLERY = "gallery"

# What `metrics.json` and MLflow show, so that two runs can be told apart at a glance. The threshold changes
# accuracies only.
ACCURACIES = ("fake_accuracy", "genuine_accuracy", "balanced_accuracy")
_OF_TEST = (*ACCURACIES, "roc_auc", "average_precision", "ece", PIXELS, BEST_SHORTCUT)
_OF_ELSEWHERE = (*ACCURACIES, "roc_auc", BEST_SHORTCUT)
_OF_COLLECTIONS = ("balanced_accuracy", "roc_auc")
_AGAIN = "write it again with make repro, or python -m pipeline.evaluate"
# Names of files and collections such as "NA" are texts; empty cells of numbers are NaN all the same.
_TEXTS = (
    *("path", "group", "collection", "subset", "condition"),
    *("part", "name", "strength", "verdict", "words"),
)


class Counts(NamedTuple):
    """How many pictures a subset has."""

    n_fake: int
    n_genuine: int
    n_groups: int


A_SET, A_SPLIT = "set", "split"  # what a trained detector is scored on: other pictures, or a known table


@dataclass(frozen=True, kw_only=True)
class Results:
    """What was measured, and what it was measured on. All but the first three may be empty: not known.

    Attributes:
        table: `COLUMNS`, a row a metric of a subset; NaN where it has no value or no interval. `subset` is
            `TEST`, `ELSEWHERE`, "collections.<name>", "<property>: <slice>", or "untouched" or "tampered"
            crops; `condition` is "" or `AT_HALF`.
        crops: of the localisation check, with their logits.
        robustness: of `robustness.measure_robustness`.
        shortcuts: what the best shortcut of each subset is, see `auditing.findings`.
    """

    threshold: float  # calibrated probability from which on a picture is called fake
    confidence: float  # share of the draws inside each interval
    table: pd.DataFrame
    predictions: pd.DataFrame = field(default_factory=pd.DataFrame)  # of `predictions.with_answers`
    crops: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=_CROPS))
    robustness: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=PERTURBED))
    shortcuts: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=_WORDS))
    history: pd.DataFrame = field(default_factory=pd.DataFrame)  # of the training, a row an epoch
    left_out: pd.DataFrame = field(default_factory=pd.DataFrame)  # pictures that the manifest left out
    audit: Mapping[str, Any] = field(default_factory=dict)  # of the same data
    record: Mapping[str, Any] = field(default_factory=dict)  # `run.json` of the training
    evaluated: Mapping[str, Any] = field(default_factory=dict)  # `run.json` of the evaluation
    decision: Mapping[str, Any] = field(default_factory=dict)  # `decision.json`
    counts: Mapping[str, Any] = field(default_factory=dict)  # `counts.json` of the manifest
    data: Mapping[str, Any] = field(default_factory=dict)  # what the manifest was built from
    scored: str = field(default_factory=str)  # `A_SET` or `A_SPLIT` by `score`; "" by `evaluate`
    gallery: Path | None = None  # folder of pictures of the surest answers

    def metric(self, subset: str, metric: str, condition: str = "") -> Metric:
        """Return a metric with its interval; what was not measured has neither value nor interval."""
        table = self.table
        rows = table[
            (table["subset"] == subset) & (table["metric"] == metric) & (table["condition"] == condition)
        ]
        return metric_of(rows.iloc[0]) if len(rows) else Metric()

    def after(self, perturbation: str) -> Metric:
        """Return the ROC AUC after a perturbation; without a value where it was not tried or not measured."""
        rows = self.robustness[self.robustness["name"] == perturbation]
        return metric_of(rows.iloc[0], value="roc_auc") if len(rows) else Metric()

    def change(self, perturbation: str) -> Metric:
        """Return the change of the ROC AUC by a perturbation; without a value where it was not measured."""
        rows = self.robustness[self.robustness["name"] == perturbation]
        ends = {"value": "change", "low": "change_low", "high": "change_high"}
        return metric_of({end: rows.iloc[0][name] for end, name in ends.items()}) if len(rows) else Metric()

    def n(self, subset: str = TEST) -> Counts:
        """Return how many pictures a subset has."""
        row = self.table[self.table["subset"] == subset].iloc[0]
        return Counts(int(row["n_fake"]), int(row["n_genuine"]), int(row["n_groups"]))

    def subsets(self, *kinds: str) -> list[str]:
        """List the subsets of some kinds, or of all `PICTURES`, as they were measured."""
        return list(self.table.loc[self.table["kind"].isin(kinds or PICTURES), "subset"].unique())

    def shown_subsets(self) -> list[str]:
        """List what is worth a row: pictures like those trained on, and others; collections if several.

        The only collection of either would be the same row twice.
        """
        away = self.subsets(CROSS_DATASET)
        known = [subset for subset in self.subsets() if sum(self.n(subset)[:2])]
        single = [subset for subset in known if subset.startswith(OF_COLLECTION)]
        several = {side: sum((each in away) == side for each in single) > 1 for side in (False, True)}
        return [subset for subset in known if subset not in single or several[subset in away]]

    def pooled(self) -> dict[str, pd.DataFrame]:
        """Return the predictions of `TEST` and `ELSEWHERE`, without the one that has no pictures."""
        parts = cut_subsets(self.predictions, self._collections_elsewhere())
        names = [name for name in (TEST, ELSEWHERE) if name in parts and len(parts[name])]
        return {name: parts[name] for name in names or [TEST]}

    def by_subset(self) -> dict[str, pd.DataFrame]:
        """Return the predictions of each subset of `PICTURES`."""
        return cut_subsets(self.predictions, self._collections_elsewhere())

    def _collections_elsewhere(self) -> list[str]:
        return [subset.removeprefix(OF_COLLECTION) for subset in self.subsets(CROSS_DATASET)]

    def roles(self) -> dict[str, str]:
        """Return the role of each collection, "train", "test" or "background".

        The configuration knows them, also those of which no picture happened to be tested. Where it is not at
        hand, the tested subsets tell.
        """
        away = self.subsets(CROSS_DATASET)
        of_subsets = {
            subset.removeprefix(OF_COLLECTION): "test" if subset in away else "train"
            for subset in self.subsets()
            if subset.startswith(OF_COLLECTION)
        }
        configured = self.data.get("collections", {})
        return of_subsets | {name: found["role"] for name, found in configured.items() if "role" in found}

    def trained_on(self) -> list[str]:
        """List the collections that were trained on."""
        return [name for name, role in self.roles().items() if role == "train"]

    @property
    def intervals(self) -> pd.DataFrame:
        """The table `intervals.csv`: metrics of `PICTURES`, those `AT_HALF` as a part of their own."""
        of_pictures = self.table["kind"].isin(PICTURES) | (self.table["metric"] == BEST_SHORTCUT)
        rows = self.table[of_pictures].reset_index(drop=True)
        ends = np.where(rows["condition"] == AT_HALF, "_at_half", "")
        return rows[COLUMNS[3:]].assign(part=rows["subset"] + ends)[["part", *COLUMNS[3:]]]

    @property
    def slices(self) -> pd.DataFrame:
        """The table `slices.csv`: metrics by kind of picture; those without a value are left out."""
        rows = self.table[(self.table["kind"] == SLICE) & self.table["value"].notna()]
        names = rows["subset"].str.split(": ", n=1, expand=True).reindex(columns=[0, 1])
        rows = rows.assign(property=names[0], slice=names[1])
        return rows[["property", "slice", *COLUMNS[3:]]].reset_index(drop=True)

    def localisation(self) -> dict[str, Any]:
        """Return the localisation check as `metrics.json` has it, under `control`."""
        kinds = self.subsets(LOCALISATION)
        found: dict[str, Any] = {"n_genuine": self.n(kinds[0]).n_genuine} if kinds else {}
        found |= {f"n_{kind}": self.n(kind).n_fake for kind in kinds}
        for kind in kinds:
            value, low, high = self.metric(kind, "roc_auc")
            found |= {f"{kind}_roc_auc": value, f"{kind}_roc_auc_low": low, f"{kind}_roc_auc_high": high}
        return found

    def headline(self) -> dict[str, Any]:
        """Return the few metrics of `metrics.json`, nested by subset."""
        found: dict[str, Any] = {
            "threshold": self.threshold,
            TEST: self._some(TEST, _OF_TEST) | self.n(TEST)._asdict(),
            "test_at_half": self._some(TEST, ACCURACIES, AT_HALF),
        }
        if ELSEWHERE in self.subsets():
            found[ELSEWHERE] = self._some(ELSEWHERE, _OF_ELSEWHERE) | self.n(ELSEWHERE)._asdict()
        for subset in found.values():
            if isinstance(subset, dict):
                subset.pop("n_groups", None)
        found["collections"] = {
            subset.removeprefix(OF_COLLECTION): self._some(subset, _OF_COLLECTIONS)
            for subset in self.subsets()
            if subset.startswith(OF_COLLECTION)
        }
        found["control"] = self.localisation()
        return (
            found if self.robustness.empty else {**found, "robustness": robustness_headline(self.robustness)}
        )

    def _some(self, subset: str, names: Iterable[str], condition: str = "") -> dict[str, float | None]:
        values = {name: self.metric(subset, name, condition).value for name in names}
        return {name: value for name, value in values.items() if name != BEST_SHORTCUT or value is not None}

    def with_audit(self, audit: Mapping[str, Any], shortcuts: pd.DataFrame) -> "Results":
        """Add an audit of the same data, and what `auditing.findings.shortcuts_on` tells of each subset."""
        places = self.table[self.table["kind"].isin(PICTURES)].drop_duplicates(["subset", "condition"])
        places = places.assign(kind=SHORTCUT, part=self.intervals["part"].unique())
        rows = [
            {**place, "metric": name, **metric_of(row, start, "roc_auc")._asdict()}
            for row in shortcuts.to_dict("records")
            for place in places[places["part"] == row["part"]][COLUMNS].to_dict("records")
            for name, start in ((BEST_SHORTCUT, ""), (HISTORY, "history_"))
        ]
        more = pd.DataFrame(rows, columns=COLUMNS).astype(NUMBERS)
        table = pd.concat([self.table, more], ignore_index=True) if rows else self.table
        return replace(self, table=table, audit=audit, shortcuts=shortcuts)

    def save(self, folder: Path) -> None:
        """Write the tables of what was measured, the optional ones where they hold anything."""
        optional = {ROBUSTNESS: self.robustness, SHORTCUTS: self.shortcuts}
        tables = {
            **{PREDICTIONS: self.predictions, METRICS_TABLE: self.table, INTERVALS: self.intervals},
            **{SLICES: self.slices, CROPS: self.crops},
            **{name: table for name, table in optional.items() if len(table)},
        }
        for name, table in tables.items():
            write_csv(folder / name, table)

    @classmethod
    def load(cls, folder: Path, metrics: Path, confidence: float) -> "Results":
        """Read what `save` wrote, and `metrics.json` of the same evaluation.

        Raises:
            UserError: there is no evaluation.
        """
        if not (folder / METRICS_TABLE).is_file() or not metrics.is_file():
            raise UserError(f"{folder} holds no evaluation yet; make one with make repro")
        with unbroken(metrics, _AGAIN):
            threshold = float(read_json(metrics, _AGAIN, "threshold")["threshold"])
        return cls(
            threshold=threshold,
            confidence=confidence,
            table=_table(folder / METRICS_TABLE, COLUMNS),
            predictions=_table(folder / PREDICTIONS),
            crops=_table(folder / CROPS),
            robustness=_table(folder / ROBUSTNESS, PERTURBED),
            shortcuts=_table(folder / SHORTCUTS, _WORDS),
        )

    def with_background(self, models: Path, manifest: Path) -> "Results":
        """Add what training and manifest left on disk; what is not there stays empty.

        Raises:
            UserError: one of the files is broken, or of another shape.
        """
        built_from = _json(manifest / BUILT_FROM, lambda found: _all_objects(found["data"]["collections"]))
        return replace(
            self,
            history=_table(models / TRAINED / HISTORY_FILE),
            left_out=_table(manifest / LEFT_OUT),
            record=_json(
                models / TRAINED / RUN_FILE, lambda found: _all_objects(found["config"], "model", "convert")
            ),
            decision=_json(models / DECISION_FILE, _check_decision),
            counts=_json(manifest / COUNTS, lambda found: _all_objects(found["leak"])),
            data=built_from.get("data", {}),
        )


def metric_of(row: Mapping[Any, Any] | pd.Series, start: str = "", value: str = "value") -> Metric:
    """Read a metric off a row of a table, None where it is NaN or has no such column.

    >>> metric_of({"history_roc_auc": 0.8, "history_low": 0.7}, "history_", "roc_auc")
    Metric(value=0.8, low=0.7, high=None)
    """
    numbers = (row.get(f"{start}{name}") for name in (value, "low", "high"))
    return Metric(*(None if number is None or pd.isna(number) else float(number) for number in numbers))


def cut_subsets(predictions: pd.DataFrame, elsewhere: Collection[str]) -> dict[str, pd.DataFrame]:
    """Cut predictions into `TEST` and, if there is any, `ELSEWHERE`, each before its collections."""

    def by_collection(part: pd.DataFrame) -> dict[str, pd.DataFrame]:
        return {f"{OF_COLLECTION}{name}": rows for name, rows in part.groupby("collection", sort=True)}

    outside = predictions["collection"].isin(list(elsewhere))
    subsets = {TEST: predictions[~outside]} | by_collection(predictions[~outside])
    if outside.any():
        subsets |= {ELSEWHERE: predictions[outside]} | by_collection(predictions[outside])
    return subsets


def _table(path: Path, columns: Sequence[str] = ()) -> pd.DataFrame:
    """Read a table, which has these columns at least; one that is not there has no others, and no row."""
    if not path.is_file():
        return pd.DataFrame(columns=list(columns))
    with unbroken(path, _AGAIN):
        table = pd.read_csv(path, dtype=dict.fromkeys(_TEXTS, str), keep_default_na=False, na_values=[""])
        if missing := set(columns) - set(table):
            raise ValueError(f"no column {min(missing)}")
    return table.fillna({name: "" for name in _TEXTS if name in table})


def _json(path: Path, check: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Read an object, if it is there, that `check` raises nothing about."""
    if not path.is_file():
        return {}
    found = read_json(path, _AGAIN)
    with unbroken(path, _AGAIN):
        check(found)
    return found


def _check_decision(found: dict[str, Any]) -> None:
    """Raise ValueError, TypeError, KeyError or AttributeError for what is no decision with its settings."""
    Decision.from_dict(found)
    _all_objects(found, "config")


def _all_objects(found: Mapping[str, Any], *keys: str) -> None:
    """Raise TypeError where a value, of some keys or of all, is no object."""
    for key, value in found.items():
        if (not keys or key in keys) and not isinstance(value, dict):
            raise TypeError(f"{key}: found {type(value).__name__}, expected keys with values")
