"""ROC AUC and average precision of pictures that count more or less, for many weightings at once."""

import numpy as np


class WeightedRanking:
    """Pictures sorted once by their score, to be weighted by group again and again.

    The figures are those of scikit-learn with `sample_weight`, tied scores included.
    """

    def __init__(self, logit: np.ndarray, fake: np.ndarray, codes: np.ndarray) -> None:
        """Sort the pictures.

        Args:
            logit: (n,) scores, higher is more fake.
            fake: (n,) bool.
            codes: (n,) number of each picture's group.
        """
        order = np.argsort(-logit, kind="stable")
        self.fake = fake[order]
        self.codes = codes[order]
        falls = np.flatnonzero(np.diff(logit[order]))
        self.ends = np.append(falls, len(order) - 1)  # the last picture of each run of equal scores

    def score(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score each weighting.

        Args:
            counts: (m, groups) how often each group counts, float64.

        Returns:
            (m,) ROC AUC and (m,) average precision, NaN where a class has no weight.
        """
        weights = counts[:, self.codes]
        seen = np.cumsum(weights, axis=1)[:, self.ends]
        weights *= self.fake
        fakes = np.cumsum(weights, axis=1)[:, self.ends]
        new_fakes = np.diff(fakes, prepend=0.0, axis=1)
        new_genuine = np.diff(seen - fakes, prepend=0.0, axis=1)
        # A genuine picture is ranked right against each fake above it, half right against one beside it.
        won = np.einsum("ij,ij->i", new_genuine, fakes - new_fakes / 2)
        precision = np.divide(fakes, seen, out=np.zeros_like(fakes), where=seen > 0)
        n_fake = fakes[:, -1]
        n_genuine = seen[:, -1] - n_fake
        with np.errstate(invalid="ignore"):  # 0 / 0 where a class has no weight
            roc_auc = won / (n_fake * n_genuine)
            average_precision = np.einsum("ij,ij->i", new_fakes, precision) / n_fake
        return roc_auc, np.where(n_genuine > 0, average_precision, np.nan)
