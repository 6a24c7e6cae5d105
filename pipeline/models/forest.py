"""The classical baseline: a forest on what the pixels of the whole picture remember of how they were saved.

Extremely randomised trees (Geurts, Ernst and Wehenkel, Machine Learning 63, 2006,
doi:10.1007/s10994-006-6226-1) on histograms of block-DCT coefficients and of residuals
(`pipeline.images.content_features`). It knows neither what a picture shows nor where something is; a network
that is no better has learnt no more than how files were saved.
"""

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from pipeline.errors import UserError
from pipeline.images.content_features import N_HISTORY

if TYPE_CHECKING:
    from sklearn.ensemble import ExtraTreesClassifier

INPUTS = ("native", "resized")  # whole pictures at their own size, whatever is asked for

_DIGITS = 9  # of a share: what is lost in adding up must not decide between equals


def build(
    *,
    trees: Annotated[int, Field(ge=1, le=100_000)],
    features_per_split: Annotated[float, Field(ge=0, le=1)],
    smallest_leaf: Annotated[float, Field(ge=0, le=0.5)],
) -> "Forest":
    """Build it with no tree grown yet.

    Args:
        trees: how many.
        features_per_split: share of the features that is looked at for each split; one at least.
        smallest_leaf: share of the pictures that a leaf holds at least; one picture at least.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    return Forest(
        ExtraTreesClassifier(
            trees,
            max_features=float(features_per_split) or 1,
            min_samples_leaf=float(smallest_leaf) or 1,
            class_weight="balanced",
        )
    )


class Forest:
    """A detector that answers for whole pictures, as networks do, with a logit; it has no map.

    Args:
        trees: scikit-learn's, fitted or not, on `N_HISTORY` features and the classes 0 (genuine) and 1.
    """

    def __init__(self, trees: "ExtraTreesClassifier") -> None:
        self.trees = trees

    def fit(self, features: np.ndarray, targets: np.ndarray, *, seed: int, workers: int = 1) -> "Forest":
        """Grow the trees, forgetting earlier ones, and return itself.

        Both classes weigh the same, however many there are.

        Args:
            features: (n, `N_HISTORY`) float32 of `pipeline.images.content_features`.
            targets: (n,) 1 for fake, 0 for genuine.
            seed: of the draws; their result is the same for any number of workers.
            workers: cores that may be used.

        Raises:
            UserError: a class is missing.
        """
        targets = np.asarray(targets)
        for number, label in enumerate(("genuine", "fake")):
            if not (targets == number).any():
                raise UserError(
                    f"the training table has no {label} picture, and a forest learns from both classes; add "
                    "some and make the manifest again"
                )
        self.trees.set_params(random_state=seed, n_jobs=workers).fit(features, targets)
        self.trees.set_params(n_jobs=1)  # several would add up in any order, and the last digits with it
        return self

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Return the log-odds of being fake, see `log_odds`, of (n, `N_HISTORY`) features; n may be 0."""
        if not len(features):
            return np.empty(0)
        return log_odds(self.trees.predict_proba(features)[:, 1], len(self.trees.estimators_))

    def describe(self) -> str:
        """Describe it in two lines, as the summary of a network does."""
        grown = getattr(self.trees, "estimators_", None)
        nodes = f", {sum(each.tree_.node_count for each in grown):,} nodes" if grown else ""
        return (
            f'Model: "forest"\n{self.trees.n_estimators:,} extremely randomised trees on {N_HISTORY} '
            f"features of a whole picture{nodes}\n"
        )


def log_odds(share: np.ndarray, trees: int) -> np.ndarray:
    """Return the log-odds of the share that so many trees give to fake: (n,) float64.

    Half a tree for and half a tree against are added: so they are finite, within ±log(2 · trees + 1), and
    order pictures as the share does.
    """
    rounded = np.round(np.asarray(share, np.float64), _DIGITS)
    odds: np.ndarray = np.log(rounded * trees + 0.5) - np.log((1 - rounded) * trees + 0.5)
    return odds
