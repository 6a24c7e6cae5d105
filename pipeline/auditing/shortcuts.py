"""Check 1 of an audit: how far files, and what pixels remember of earlier files, tell the label.

By cross-validation over all pictures, and on the very pictures that a detector is tested on, learnt from
those that it is trained on: what the best shortcut alone would have reached there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline import config
from pipeline.auditing.file_features import FEATURES
from pipeline.auditing.findings import ALL, BEST, PROBE
from pipeline.auditing.learners import (
    all_features,
    deal_folds,
    one_feature,
    out_of_fold,
    too_few,
)
from pipeline.auditing.shortcut_kinds import PROBES, Learner
from pipeline.auditing.simultaneous import Estimate, FoldedRanking, estimate_together


@dataclass(frozen=True)
class Evidence:
    """What is known of some pictures, and what it may tell.

    Attributes:
        features: table of `FEATURES`.
        pixels: name of each probe -> (n, k) that it knows, NaN where a picture is not probed.
        target: (n,) 1 fake, 0 genuine.
        groups: (n,) names.
        collections: (n,) names, among which folds are spread evenly.
    """

    features: pd.DataFrame
    pixels: Mapping[str, np.ndarray]
    target: np.ndarray
    groups: np.ndarray
    collections: np.ndarray

    def of(self, rows: np.ndarray) -> "Evidence":
        """Return that of the pictures where `rows`, (n,) bool, is true."""
        features = self.features[rows].reset_index(drop=True)
        pixels = {name: known[rows] for name, known in self.pixels.items()}
        return Evidence(features, pixels, self.target[rows], self.groups[rows], self.collections[rows])

    @property
    def probed(self) -> np.ndarray:
        """Which pictures the probes know, all the same ones: (n,) bool."""
        return np.isfinite(next(iter(self.pixels.values()))[:, 0])

    @property
    def varying(self) -> list[str]:
        """Names of the features that are not the same for all."""
        return [name for name in FEATURES if self.features[name].nunique(dropna=False) > 1]


def search(evidence: Evidence, settings: config.Audit, workers: int, seed: int) -> dict[str, Any]:
    """Search pictures by cross-validation for what tells their labels.

    Args:
        evidence: the pictures; `folds.too_few` says that they suffice.
        settings: folds, draws, confidence.
        workers: cores that a forest may use.
        seed: of deals, draws and fits.

    Returns:
        `features`: name -> estimate, strongest first; `constant`: names of those that are the same for all;
        `all_metadata`: model -> estimate, stronger first; `probe`: name of each of `probes.PROBES` ->
        estimate, empty where too few pictures are probed. An estimate has `roc_auc`, `low` and `high`.
    """
    varying = evidence.varying
    learners = {name: one_feature(name) for name in varying}
    features = _estimate(evidence, learners, evidence.features, settings, seed)
    together = (
        _estimate(evidence, all_features(varying, seed), evidence.features, settings, seed) if varying else {}
    )
    return {
        "features": _strongest_first(features),
        "constant": [name for name in FEATURES if name not in varying],
        ALL: _strongest_first(together),
        PROBE: _probes(evidence.of(evidence.probed), settings, workers, seed),
    }


def score_on_test(
    learnt: Evidence,
    tested: Evidence,
    parts: Mapping[str, np.ndarray],
    settings: config.Audit,
    workers: int,
    seed: int,
) -> dict[str, Any]:
    """Learn the shortcuts on the pictures of training and score the tested ones by them.

    Which feature is the best, and which model of all of them, is found by cross-validation on the former.

    Args:
        learnt: pictures of training and validation.
        tested: all others.
        parts: named as the parts of `metrics.json` -> (n,) bool, which of `tested` they are.
        settings: folds, draws, confidence.
        workers: cores that a forest may use.
        seed: of deals, draws and fits.

    Returns:
        part -> `n_genuine`, `n_fake`, and estimates with a `name` under `best_feature`, `all_metadata` and
        the name of each probe; empty where too few pictures are left to learn from.
    """
    if too_few(learnt.target, learnt.groups) or not len(tested.target):
        return {}
    scores: dict[str, tuple[str, np.ndarray]] = {}
    if varying := learnt.varying:
        singles = {name: one_feature(name) for name in varying}
        for what, candidates in ((BEST, singles), (ALL, all_features(varying, seed))):
            strength = _estimate(learnt, candidates, learnt.features, settings, seed, draws=0)
            name = next(iter(_strongest_first(strength)))
            scores[what] = name, candidates[name](learnt.features, learnt.target, tested.features)
    probed = learnt.of(learnt.probed)
    if not too_few(probed.target, probed.groups) and tested.probed.any():
        for name, probe in PROBES.items():
            found, known = np.full(len(tested.target), np.nan), tested.pixels[name][tested.probed]
            found[tested.probed] = probe.learner(workers, seed)(probed.pixels[name], probed.target, known)
            scores[name] = name, found
    return {
        part: {
            "n_genuine": int((tested.target[rows] == 0).sum()),
            "n_fake": int(tested.target[rows].sum()),
            **{
                what: {"name": name} | _tested(tested, rows, values, settings, seed)
                for what, (name, values) in scores.items()
            },
        }
        for part, rows in parts.items()
    }


def _probes(evidence: Evidence, settings: config.Audit, workers: int, seed: int) -> dict[str, dict[str, Any]]:
    if too_few(evidence.target, evidence.groups):
        return {}
    return {
        name: _estimate(
            evidence, {name: probe.learner(workers, seed)}, evidence.pixels[name], settings, seed
        )[name]
        for name, probe in PROBES.items()
    }


def _estimate(
    evidence: Evidence,
    learners: Mapping[str, Learner],
    rows: Any,
    settings: config.Audit,
    seed: int,
    draws: int | None = None,
) -> dict[str, dict[str, Any]]:
    """Cross-validate learners on the same deal of pictures and estimate them together."""
    dealt = deal_folds(evidence.target, evidence.groups, evidence.collections, settings.folds, seed)
    fake, codes = evidence.target == 1, pd.factorize(evidence.groups, sort=True)[0]
    rankings = [
        FoldedRanking(out_of_fold(rows, evidence.target, dealt, learner), fake, codes, dealt)
        for learner in learners.values()
    ]
    draws = settings.bootstrap if draws is None else draws
    estimates = estimate_together(rankings, fake, codes, draws, settings.confidence, seed)
    return {name: found._asdict() for name, found in zip(learners, estimates, strict=True)}


def _tested(
    evidence: Evidence, rows: np.ndarray, scores: np.ndarray, settings: config.Audit, seed: int
) -> dict[str, Any]:
    """Estimate scores of one fit on those of `rows` that were scored, and count these."""
    rows = rows & np.isfinite(scores)
    fake = evidence.target[rows] == 1
    counts = {"n_genuine": int((~fake).sum()), "n_fake": int(fake.sum())}
    if fake.all() or not fake.any():
        return Estimate(None, None, None)._asdict() | counts
    codes = pd.factorize(evidence.groups[rows], sort=True)[0]
    ranking = FoldedRanking(scores[None, rows], fake, codes, np.zeros((1, len(fake)), dtype=np.intp))
    estimates = estimate_together([ranking], fake, codes, settings.bootstrap, settings.confidence, seed)
    return estimates[0]._asdict() | counts


def _strongest_first(estimates: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Sort by AUC; equals stay in the order of the list of features."""
    order = sorted(estimates, key=lambda name: -(estimates[name]["roc_auc"] or 0.0))
    return {name: estimates[name] for name in order}
