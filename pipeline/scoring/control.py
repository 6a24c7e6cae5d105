"""Does a detector see the tampering, or the picture that it is in? Crops tell.

Crops of fakes without a tampered pixel should look like crops of genuine pictures (ROC AUC 0.5), crops of
what was tampered with should not. Where the first lies high, the score reads something else: how fakes were
saved, or where their sources come from. Each crop is judged by itself, as a picture of its own.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import config
from pipeline.images.mask import read_mask
from pipeline.inputs.load import Loaded, load
from pipeline.scoring.detector import Detector, probability
from pipeline.scoring.intervals import bootstrap_intervals

SIDE = 96  # pixels, of a square crop on the JPEG grid
KINDS = ("genuine", "untouched", "tampered")
_APART = 16  # pixels between an untouched crop and the mask: a feathered edge reaches beyond it
_TAMPERED = 0.25  # share of tampered pixels from which a crop counts as tampered
_MOST = 6  # crops of one kind of a picture, so that large pictures do not decide
_AS_HANDED_IN = config.Preprocess(method="native", height=8, width=8, rescale=1.0, views=1)


def score_crops(detector: Detector, table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Score crops of genuine pictures and of fakes with a mask.

    Args:
        detector: to be tested.
        table: a manifest table; the files are read once more.
        seed: of the choice of crops, where a picture has more than six of a kind.

    Returns:
        one row a crop: `path`, `group`, `collection`, `kind`, `top`, `left`, `logit`.
    """
    rows, logits = [], []
    for number, row in enumerate(table.itertuples()):
        if row.target and not row.mask_path:
            continue
        picture = load(Path(str(row.path)), _AS_HANDED_IN)
        mask = read_mask(Path(str(row.mask_path))) if row.target else np.zeros(picture.pixels.shape[:2], bool)
        crops = []
        for kind, top, left in _chosen(mask, bool(row.target), [seed, number]):
            crops.append(Loaded(picture.pixels[top : top + SIDE, left : left + SIDE], picture.quantisation))
            rows.append((row.path, row.group, row.collection, kind, top, left))
        logits += [look.logit for look in detector.looks_at_crops(crops)]
    columns = ["path", "group", "collection", "kind", "top", "left"]
    return pd.DataFrame(rows, columns=columns).assign(logit=np.array(logits, np.float64))


def control_figures(crops: pd.DataFrame, settings: config.Evaluate, seed: int) -> dict[str, Any]:
    """Compare crops of fakes with crops of genuine pictures.

    Args:
        crops: of `score_crops`.
        settings: of the intervals, which are over groups of pictures.
        seed: likewise.

    Returns:
        `untouched_roc_auc` and `tampered_roc_auc`, each with `_low` and `_high`, None where there are no such
        crops; `n_genuine`, `n_untouched` and `n_tampered`.
    """
    figures: dict[str, Any] = {f"n_{kind}": int((crops["kind"] == kind).sum()) for kind in KINDS}
    for kind in KINDS[1:]:
        pair = crops[crops["kind"].isin(["genuine", kind])]
        pair = pair.assign(
            target=(pair["kind"] == kind).astype(int), probability_fake=probability(pair["logit"].to_numpy())
        )
        value, low, high = None, None, None
        if pair["target"].nunique() == 2:
            value = float(_roc_auc(pair["target"], pair["logit"]))
            low, high = bootstrap_intervals(pair, 0.5, settings, seed)["roc_auc"]
        figures |= {f"{kind}_roc_auc": value, f"{kind}_roc_auc_low": low, f"{kind}_roc_auc_high": high}
    return figures


def _chosen(mask: np.ndarray, is_fake: bool, seed: list[int]) -> Iterator[tuple[str, int, int]]:
    """Choose crops of a picture side by side: kind, top and left, of each kind not too many."""
    height, width = mask.shape
    found: dict[str, list[tuple[int, int]]] = {kind: [] for kind in KINDS}
    for top in range(0, height - SIDE + 1, SIDE // 2):
        for left in range(0, width - SIDE + 1, SIDE // 2):
            share = mask[top : top + SIDE, left : left + SIDE].mean()
            around = mask[
                max(top - _APART, 0) : top + SIDE + _APART, max(left - _APART, 0) : left + SIDE + _APART
            ]
            if not is_fake:
                found["genuine"].append((top, left))
            elif not around.any():
                found["untouched"].append((top, left))
            elif share >= _TAMPERED:
                found["tampered"].append((top, left))
    for kind, places in found.items():
        order = np.random.default_rng(seed).permutation(len(places))[:_MOST]
        for place in sorted(order):
            yield (kind, *places[place])


def _roc_auc(target: pd.Series, logit: pd.Series) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(target, logit))
