"""The classifiers of file features, one alone and all together, and their cross-validation by group.

All are scikit-learn's, with settings that were not tuned on any dataset: an audit asks whether the label
can be told, not how well at best. No picture is scored by a fit that has seen a relative of it.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from pipeline.auditing.file_features import CATEGORY, FEATURES
from pipeline.auditing.shortcut_kinds import Learner, fit_and_score

FEWEST_PICTURES = 8  # of each label; below that nothing can be learnt that would hold for others
FEWEST_GROUPS = 4  # of each label
_SCORED_PICTURES = 200  # small sets are dealt out several times, because the deal decides much there
_MOST_REPEATS = 3


def too_few(target: np.ndarray, groups: np.ndarray) -> str:
    """Say why a set of pictures is too small for a cross-validation; nothing where it is not."""
    for number, label in enumerate(("genuine", "fake")):
        of_label = target == number
        n_pictures, n_groups = int(of_label.sum()), len(np.unique(groups[of_label]))
        if n_pictures < FEWEST_PICTURES:
            return f"{n_pictures} {label} pictures, fewer than {FEWEST_PICTURES}"
        if n_groups < FEWEST_GROUPS:
            return f"{label} pictures of {n_groups} groups, fewer than {FEWEST_GROUPS}"
    return ""


def deal_folds(
    target: np.ndarray, groups: np.ndarray, strata: np.ndarray, folds: int, seed: int
) -> np.ndarray:
    """Deal pictures to folds, whole groups together, each stratum evenly; several times for a small set.

    Args:
        target: (n,) 1 fake, 0 genuine.
        groups: (n,) names of groups.
        strata: (n,) what is to be spread evenly besides the label, such as the collection.
        folds: at most; fewer where a class has fewer groups.
        seed: of the deal.

    Returns:
        (repeats, n) number of the fold in which each picture is scored.
    """
    fewest = min(len(np.unique(groups[target == number])) for number in (0, 1))
    folds = max(2, min(folds, fewest))
    repeats = int(np.clip(-(-_SCORED_PICTURES // len(target)), 1, _MOST_REPEATS))
    codes, _ = pd.factorize(groups, sort=True)
    kinds = _strata(target, strata, folds)
    dealt = np.empty((repeats, len(target)), dtype=np.intp)
    for repeat in range(repeats):
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed + repeat)
        for number, (_, scored) in enumerate(splitter.split(codes, kinds, codes)):
            dealt[repeat, scored] = number
    return dealt


def out_of_fold(rows: Any, target: np.ndarray, dealt: np.ndarray, learner: Learner) -> np.ndarray:
    """Score each picture by a fit on the folds that it is not in.

    Args:
        rows: (n, ...) table or array of features.
        target: (n,) 1 fake, 0 genuine.
        dealt: (repeats, n) as of `deal_folds`.
        learner: fits and scores.

    Returns:
        (repeats, n) scores.
    """
    scores = np.zeros(dealt.shape)
    for repeat, folds in enumerate(dealt):
        for number in np.unique(folds):
            scored = np.flatnonzero(folds == number)
            learnt = np.flatnonzero(folds != number)
            if len(np.unique(target[learnt])) == 2:
                scores[repeat, scored] = learner(_take(rows, learnt), target[learnt], _take(rows, scored))
    return scores


def _strata(target: np.ndarray, strata: np.ndarray, folds: int) -> np.ndarray:
    """Number each stratum with its label; where one has fewer pictures than folds, the label alone."""
    kinds, _ = pd.factorize(pd.MultiIndex.from_arrays([strata, target]), sort=True)
    return target if np.bincount(kinds).min() < folds else kinds


def _take(rows: Any, places: np.ndarray) -> Any:
    return rows.iloc[places] if isinstance(rows, pd.DataFrame) else rows[places]


BOOSTING, LOGISTIC = "gradient boosting", "logistic regression"

_LEAVES = 8  # of the tree on one number: thresholds, and ranges that are fake on both sides
_MOST_CATEGORIES = 250  # the library's limit is 255; rarer ones are put together


def one_feature(name: str) -> Learner:
    """Give the learner that knows one feature only.

    Categories are scored by the share of fakes among the training pictures that have them, numbers by a
    small tree. What was not seen in training is scored as the average.
    """
    return partial(_score_categories if FEATURES[name].kind == CATEGORY else _score_numbers, name)


def all_features(names: Sequence[str], seed: int) -> dict[str, Learner]:
    """Give the learners that know all of `names`: trees that find rules, and weights that add up."""
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
