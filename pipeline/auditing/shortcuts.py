"""Check 1 of an audit: how far files, and what pixels remember of earlier files, tell the label.

By cross-validation over all pictures, and on the very pictures that a detector is tested on, learnt from
those that it is trained on: what the best shortcut alone would have reached there. The classifiers are
scikit-learn's, with settings that were not tuned on any dataset: an audit asks whether the label can be told,
not how well at best.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from pipeline import config_data
from pipeline.auditing.cross_validation import (
    FoldedRanking,
    assign_folds,
    estimate_together,
    out_of_fold,
    too_few,
)
from pipeline.auditing.file_features import CATEGORY, FEATURES
from pipeline.auditing.findings import ALL, BEST, PROBE
from pipeline.auditing.shortcut_kinds import PROBES, Learner, fit_and_score
from pipeline.evaluation.bootstrap import Bootstrap, Metric
from pipeline.parallel import shown


@dataclass(frozen=True)
class Evidence:
    """What is known of n pictures, and what it may tell."""

    features: pd.DataFrame  # of `FEATURES`
    pixels: Mapping[str, np.ndarray]  # of each probe (m, k) that it knows of the m pictures that are probed
    probed: np.ndarray  # (n,) bool, which these are
    target: np.ndarray  # (n,) 1 fake, 0 genuine
    groups: np.ndarray  # (n,) names
    collections: np.ndarray  # (n,) names, among which folds are spread evenly

    def of(self, rows: np.ndarray) -> "Evidence":
        """Return that of the pictures where `rows`, (n,) bool, is true."""
        features = self.features[rows].reset_index(drop=True)
        pixels = {name: known[rows[self.probed]] for name, known in self.pixels.items()}
        others = (each[rows] for each in (self.probed, self.target, self.groups, self.collections))
        return Evidence(features, pixels, *others)

    @property
    def varying(self) -> list[str]:
        """Return the names of the features that are not the same for all."""
        return [name for name in FEATURES if self.features[name].nunique(dropna=False) > 1]


def search(evidence: Evidence, settings: config_data.Audit, workers: int, seed: int) -> dict[str, Any]:
    """Search pictures by cross-validation for what tells their labels.

    Args:
        evidence: of the pictures; `too_few` says that they suffice.
        settings: folds, draws, confidence.
        workers: cores that a forest may use.
        seed: of folds, draws and fits.

    Returns:
        `features`: name -> estimate, strongest first; `constant`: names of those that are the same for all;
        `all_metadata`: model -> estimate, stronger first; `probe`: name of each of `PROBES` -> estimate,
        empty where too few pictures are probed. An estimate has `roc_auc`, `low` and `high`.
    """
    varying, probed = evidence.varying, evidence.of(evidence.probed)
    singles = {name: one_feature(name) for name in varying}
    together = all_features(varying, seed) if varying else {}
    estimates = {
        name: _cross_validate(evidence, learners, evidence.features, settings, seed)
        for name, learners in (("features", singles), (ALL, together))
    }
    if not too_few(probed.target, probed.groups):
        estimates[PROBE] = {
            name: _cross_validate(
                probed, {name: probe.learner(workers, seed)}, probed.pixels[name], settings, seed
            )[name]
            for name, probe in shown(PROBES.items(), len(PROBES), "probe pixels", "probes")
        }
    return {
        "features": _strongest_first(estimates["features"]),
        "constant": [name for name in FEATURES if name not in varying],
        ALL: _strongest_first(estimates[ALL]),
        PROBE: {name: _as_dict(estimate) for name, estimate in estimates.get(PROBE, {}).items()},
    }


def score_on_test(
    learnt: Evidence,
    tested: Evidence,
    parts: Mapping[str, np.ndarray],
    settings: config_data.Audit,
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
        seed: of folds, draws and fits.

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
            strength = _cross_validate(learnt, candidates, learnt.features, settings, seed, draws=0)
            name = next(iter(_strongest_first(strength)))
            scores[what] = name, candidates[name](learnt.features, learnt.target, tested.features)
    probed = learnt.of(learnt.probed)
    if not too_few(probed.target, probed.groups) and tested.probed.any():
        for name, probe in PROBES.items():
            found, known = np.full(len(tested.target), np.nan), tested.pixels[name]
            found[tested.probed] = probe.learner(workers, seed)(probed.pixels[name], probed.target, known)
            scores[name] = name, found
    bootstrap = Bootstrap(settings.bootstrap, settings.confidence, seed)
    return {
        part: {
            "n_genuine": int((tested.target[rows] == 0).sum()),
            "n_fake": int(tested.target[rows].sum()),
            **{
                what: {"name": name} | _estimate_tested(tested, rows, values, bootstrap)
                for what, (name, values) in scores.items()
            },
        }
        for part, rows in parts.items()
    }


def _cross_validate(
    evidence: Evidence,
    learners: Mapping[str, Learner],
    known: Any,
    settings: config_data.Audit,
    seed: int,
    draws: int | None = None,
) -> dict[str, Metric]:
    """Estimate learners on the same folds of pictures, of which the rows of `known` are known."""
    folds = assign_folds(evidence.target, evidence.groups, evidence.collections, settings.folds, seed)
    fake, codes = evidence.target == 1, pd.factorize(evidence.groups, sort=True)[0]
    alone = len(learners) == 1 or None  # whoever has one after the other shows them under a bar
    rankings = [
        FoldedRanking(out_of_fold(known, evidence.target, folds, learner), fake, codes, folds)
        for learner in shown(learners.values(), len(learners), "search", "shortcuts", alone)
    ]
    bootstrap = Bootstrap(settings.bootstrap if draws is None else draws, settings.confidence, seed)
    return dict(zip(learners, estimate_together(rankings, fake, codes, bootstrap), strict=True))


def _estimate_tested(
    tested: Evidence, rows: np.ndarray, scores: np.ndarray, bootstrap: Bootstrap
) -> dict[str, Any]:
    """Estimate scores of one fit on those of `rows` that were scored, and count these."""
    rows = rows & np.isfinite(scores)
    fake, codes = tested.target[rows] == 1, pd.factorize(tested.groups[rows], sort=True)[0]
    estimate = Metric()
    if fake.any() and not fake.all():
        ranking = FoldedRanking(scores[None, rows], fake, codes, np.zeros((1, len(fake)), dtype=np.intp))
        (estimate,) = estimate_together([ranking], fake, codes, bootstrap)
    return _as_dict(estimate) | {"n_genuine": int((~fake).sum()), "n_fake": int(fake.sum())}


def _strongest_first(estimates: Mapping[str, Metric]) -> dict[str, dict[str, Any]]:
    """Sort by AUC; equals stay in the order of the list of features."""
    order = sorted(estimates, key=lambda name: -(estimates[name].value or 0.0))
    return {name: _as_dict(estimates[name]) for name in order}


def _as_dict(estimate: Metric) -> dict[str, Any]:
    return {"roc_auc": estimate.value, "low": estimate.low, "high": estimate.high}


BOOSTING, LOGISTIC = "gradient boosting", "logistic regression"

_LEAVES = 8  # of the tree on one number: thresholds, and ranges that are fake on both sides
_MOST_CATEGORIES = 250  # the library's limit is 255; rarer ones are put together


def one_feature(name: str) -> Learner:
    """Return the learner that knows one feature only.

    Categories are scored by the share of fakes among the training pictures that have them, numbers by a
    small tree. What was not seen in training is scored as the average.
    """
    return partial(_score_categories if FEATURES[name].kind == CATEGORY else _score_numbers, name)


def all_features(names: Sequence[str], seed: int) -> dict[str, Learner]:
    """Return the learners that know all of `names`: trees that find rules, and weights that add up."""
    categories = [name for name in names if FEATURES[name].kind == CATEGORY]
    numbers = [name for name in names if FEATURES[name].kind != CATEGORY]
    return {
        BOOSTING: partial(fit_and_score, _boosting(categories, numbers, seed)),
        LOGISTIC: partial(fit_and_score, _logistic(categories, numbers)),
    }


def _score_categories(
    name: str, learnt: pd.DataFrame, target: np.ndarray, scored: pd.DataFrame
) -> np.ndarray:
    average = target.mean()
    seen = pd.Series(target).groupby(learnt[name].to_numpy()).agg(["sum", "count"])
    rates = (seen["sum"] + average) / (seen["count"] + 1)  # one picture's worth of doubt
    return scored[name].map(rates).fillna(average).to_numpy(dtype=float)


def _score_numbers(name: str, learnt: pd.DataFrame, target: np.ndarray, scored: pd.DataFrame) -> np.ndarray:
    tree = DecisionTreeClassifier(
        max_leaf_nodes=_LEAVES, min_samples_leaf=max(2, len(target) // 100), random_state=0
    )
    tree.fit(learnt[[name]].to_numpy(), target)
    probability: np.ndarray = tree.predict_proba(scored[[name]].to_numpy())[:, 1]
    return probability


def _boosting(categories: list[str], numbers: list[str], seed: int) -> Pipeline:
    numbered = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        max_categories=_MOST_CATEGORIES,
        min_frequency=2,
    )
    columns = ColumnTransformer([("categories", numbered, categories), ("numbers", "passthrough", numbers)])
    boosting = HistGradientBoostingClassifier(
        max_iter=60,
        max_leaf_nodes=8,
        min_samples_leaf=5,
        early_stopping=False,
        categorical_features=list(range(len(categories))) or None,
        random_state=seed,
    )
    return make_pipeline(columns, boosting)


def _logistic(categories: list[str], numbers: list[str]) -> Pipeline:
    single = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=2)
    scaled = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        FunctionTransformer(np.log1p),  # bytes and pixels have long tails; no number here is negative
        StandardScaler(),
    )
    columns = ColumnTransformer([("categories", single, categories), ("numbers", scaled, numbers)])
    return make_pipeline(columns, LogisticRegression(C=1.0, max_iter=1000))
