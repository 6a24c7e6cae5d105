"""What an audit found, taken out of its result: for the gate, and to stand beside a detector's metrics."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pipeline.auditing.file_features import FEATURES
from pipeline.auditing.shortcut_kinds import HISTORY, PROBES
from pipeline.errors import UserError
from pipeline.storage import unbroken

AUDIT, PAGE = "audit.json", "audit.html"  # below the folder of reports
TRAINING = "training"  # the part that pools the collections to train on
COLLECTION = "collections."  # before the name of one, as in metrics.json
ELSEWHERE = "elsewhere"  # the split of collections that are tested only, and their part
RAW, CONVERTED = "raw", "converted"  # the two sides of a conversion
BEST, ALL, PROBE = "best_feature", "all_metadata", "probe"  # what a shortcut was learnt from
ALL_WORDS = "all metadata together"


class Shortcut(NamedTuple):
    """Something besides the tampering that tells the label."""

    part: str  # "training", or "collections.<name>"
    what: str  # `BEST` (one feature), `ALL` or `PROBE`
    name: str  # of the feature, the model or the probe
    words: str  # the same for a person
    roc_auc: float  # of it alone, out of fold
    low: float | None  # None where there is no interval
    high: float | None

    @property
    def kind(self) -> str:
        """What it is one of, where each kind has one metric: `BEST`, `ALL` or the name of a probe."""
        return self.name if self.what == PROBE else self.what

    def is_above(self, limit: float) -> bool:
        """Return whether its whole interval lies above a limit; not where it has none."""
        return self.low is not None and self.low > limit


def read_audit(path: Path) -> dict[str, Any]:
    """Read `audit.json`.

    Raises:
        UserError: it is not there, or another version wrote it.
    """
    again = "write it again with python -m pipeline.audit"
    try:
        audit: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(
            f"{path} is not there; write it with make repro, or python -m pipeline.audit"
        ) from error
    except ValueError as error:
        raise UserError(f"{path} is no JSON ({error}); {again}") from error
    with unbroken(path, again):
        missing = {"parts", "on_test", "test_groups", "built_from"} - set(audit)
        for part in audit.get("parts", {}).values():
            found = part[CONVERTED]
            if found is not None and found[PROBE] != {}:  # there were pictures enough to be probed
                missing |= set(PROBES) - set(found[PROBE] or {})
        if missing:
            raise UserError(f"{path} has no {', '.join(sorted(missing))}; another version wrote it: {again}")
        unproven(audit, 0.0)
        for part in audit["on_test"]:
            scored_shortcuts(audit, part)
    return audit


def list_shortcuts(found: Mapping[str, Any] | None, part: str) -> list[Shortcut]:
    """List one side of a part: each feature, the stronger model of all of them, the probes; no limit applied.

    `found` is `parts.<part>.raw` or `.converted` of an audit; None where there were too few pictures.
    """
    if found is None:
        return []
    estimates = [(BEST, name, estimate) for name, estimate in found["features"].items()]
    estimates += [(ALL, name, estimate) for name, estimate in list(found[ALL].items())[:1]]
    estimates += [(PROBE, name, estimate) for name, estimate in found[PROBE].items()]
    return [
        Shortcut(part, what, name, _words(what, name), estimate["roc_auc"], estimate["low"], estimate["high"])
        for what, name, estimate in estimates
        if estimate["roc_auc"] is not None
    ]


def shortcuts_above(audit: Mapping[str, Any], limit: float) -> list[Shortcut]:
    """List what tells the label of converted training pictures, its interval wholly above `limit`."""
    return [shortcut for shortcut in _of_training(audit) if shortcut.is_above(limit)]


def unproven(audit: Mapping[str, Any], limit: float) -> list[Shortcut]:
    """List the shortcuts of training pictures above `limit` that have no interval.

    Too few groups of pictures carry them: whether they are chance cannot be told.
    """
    return [shortcut for shortcut in _of_training(audit) if shortcut.low is None and shortcut.roc_auc > limit]


def _of_training(audit: Mapping[str, Any]) -> list[Shortcut]:
    """List the shortcuts of converted pictures, strongest first, but for collections that teach nothing."""
    listed = [
        shortcut
        for name, part in audit["parts"].items()
        if not part["tested_only"]
        for shortcut in list_shortcuts(part[CONVERTED], name)
    ]
    return sorted(listed, key=lambda shortcut: -shortcut.roc_auc)


def scored_shortcuts(audit: Mapping[str, Any], part: str) -> dict[str, dict[str, Any]]:
    """Return what was learnt on training and validation and scored on the pictures of a part such as "test".

    Returns:
        `best_feature`, `all_metadata` and the name of each probe as far as they are there -> `name`, `words`,
        `roc_auc`, `low`, `high`, `n_genuine` and `n_fake`.
    """
    estimates = audit["on_test"].get(part, {})
    return {
        kind: estimates[kind] | {"words": _words(kind, estimates[kind]["name"])}
        for kind in (BEST, ALL, *PROBES)
        if kind in estimates and estimates[kind]["roc_auc"] is not None
    }


def best_shortcut(audit: Mapping[str, Any], part: str) -> dict[str, Any] | None:
    """Return what the strongest shortcut alone would have reached on a part such as "test".

    It is the highest of a few metrics on the tested pictures themselves: of the best single feature, of all
    of them together and of each probe. Which feature and which model stand for their kind was found on the
    training pictures, but which of these kinds is named was not: so it lies a little high by chance, which
    errs against the detector that it is put beside.

    Returns:
        `name`, `words`, `roc_auc`, `low`, `high`, and of how many pictures: `n_genuine` and `n_fake`; None
        where nothing could be learnt or tested.
    """
    return max(scored_shortcuts(audit, part).values(), key=lambda found: found["roc_auc"], default=None)


def part_title(part: str) -> str:
    """Return what a person calls a part."""
    return "training collections" if part == TRAINING else part.removeprefix(COLLECTION)


def _words(what: str, name: str) -> str:
    if what == BEST:
        return FEATURES[name].words
    return ALL_WORDS if what == ALL else PROBES[name].words


# To stand beside a detector's metrics: a ROC AUC of 0.95 says little where the JPEG tables alone give 0.94.
# The compression history stands there also where another shortcut is stronger.
_HISTORY = {end: f"history_{end}" for end in ("roc_auc", "low", "high")}
COLUMNS = ["part", "name", "words", "roc_auc", "low", "high", *_HISTORY.values()]


def audit_of(reports: Path, built_from: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read the audit in a folder of reports; None where there is none, or one of other data.

    Raises:
        UserError: it is broken.
    """
    path = reports / AUDIT
    audit = read_audit(path) if path.is_file() else None
    return audit if audit is not None and audit["built_from"] == built_from else None


def shortcuts_on(audit: Mapping[str, Any], parts: Iterable[str]) -> pd.DataFrame:
    """List the best shortcut on the pictures of each part of an evaluation that the audit has tested.

    Parts are such as "test", "test_at_half" (another threshold changes no ROC AUC) or "collections.casia1".
    """
    rows = []
    for part in parts:
        subset = part.removesuffix("_at_half")
        best = best_shortcut(audit, subset)
        if best is not None:
            history = scored_shortcuts(audit, subset).get(HISTORY, {})
            rows.append(
                {"part": part, **best, **{column: history.get(end) for end, column in _HISTORY.items()}}
            )
    return pd.DataFrame(rows, columns=COLUMNS)
