"""Labels dealt anew, to see whether anything but the labels teaches a detector.

What is trained on such a table must tell the true classes of the test pictures no better than chance; if it
does, the label reaches it by another way: through a mask, a name, or what is done to one class only. Labels
go from group to group, as whole groups are what is drawn by chance (Ojala and Garriga, Permutation tests for
studying classifier performance, JMLR 11, 2010).
"""

import numpy as np
import pandas as pd

from pipeline.manifests.tables import LABELS

_MOST = 0.5  # share of the pictures in one group, beyond which there are too few groups to deal among


def shuffle_labels(table: pd.DataFrame, seed: list[int]) -> pd.DataFrame:
    """Deal the labels of a manifest table anew; masks, which tell fakes too, are taken out.

    Groups in one random order take the labels of the groups in another one, as far as they go; a group's
    labels come in random order. So groups of one label go on being so for the most part, and a group with
    both has another mixture. Where one group holds more than half of the pictures, as in CASIA's training
    table, labels are dealt picture by picture instead.

    Args:
        table: of a manifest.
        seed: of the run and of the table, so that two tables are dealt differently.

    Returns:
        the same pictures in the same order, as many of each label as before.
    """
    rng = np.random.default_rng(seed)
    targets = table["target"].to_numpy()
    codes, names = pd.factorize(table["group"], sort=True)
    if np.bincount(codes, minlength=1).max() > _MOST * len(table):
        dealt = rng.permutation(targets)
    else:
        taking, giving = (_by_group(codes, len(names), rng) for _ in range(2))
        dealt = np.empty_like(targets)
        dealt[taking] = targets[giving]
    labels = np.array(LABELS, dtype=object)[dealt]
    return table.assign(target=dealt, label=labels, mask_path="", mask_sha256="")


def _by_group(codes: np.ndarray, n_groups: int, rng: np.random.Generator) -> np.ndarray:
    """Put rows in an order in which those of a group stand together, everything else at random."""
    return np.lexsort((rng.random(len(codes)), rng.permutation(n_groups)[codes]))
