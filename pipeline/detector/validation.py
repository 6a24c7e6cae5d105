"""A new detector on the validation pictures: its scores, from which it is calibrated, and their metrics.

`decision.json` keeps these metrics, and sweeps choose by them. They are scikit-learn's and apart from
`pipeline.evaluation` (a test holds them against it), which what predicts does not need.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import metrics

from pipeline.detector.decision import Decision, called_fake
from pipeline.detector.inference import Scorer
from pipeline.inputs.load import load_mask, tampered_share
from pipeline.parallel import shown

MAP_METRICS = ["pixel_roc_auc", "pixel_f1", "pixel_iou", "pixel_false_positive_rate"]
_BINS, _IN_A_BIN = 15, 20  # of the expected calibration error: at most, and pictures in each at least


def score_table(scorer: Scorer, table: pd.DataFrame) -> pd.DataFrame:
    """Return `logit` and `MAP_METRICS` of the pictures of a table.

    It has `path`, `mask_path` ("": none) and `target`.

    Raises:
        UserError: a picture or a mask cannot be read.
    """
    rows = []
    prepared = (scorer.prepare(Path(path)) for path in table["path"])
    answers = shown(scorer.score(prepared), len(table), "validate")
    columns = (table[name] for name in ("path", "mask_path", "target"))
    for answer, path, mask_path, target in zip(answers, *columns, strict=True):
        known = mask_path and answer.map is not None
        mask = load_mask(Path(mask_path), Path(path)) if known else None
        rows.append({"logit": answer.logit, **map_metrics(answer.map, mask, bool(target))})
    return pd.DataFrame(rows, columns=["logit", *MAP_METRICS], dtype=float)


def validation_metrics(scores: pd.DataFrame, decision: Decision) -> dict[str, float | int | None]:
    """Compute the metrics of `decision.json` on validation pictures of both classes.

    From what `calibration_table` returned and the decision on it, by the names of
    `pipeline.evaluation.metrics`; None where nothing has them, such as a precision where nothing is called
    fake.
    """
    fake = (scores["target"] == 1).to_numpy()
    suspicion = decision.suspicion(scores)
    logit, probability = decision.logits(suspicion), decision.probabilities(suspicion)
    called = called_fake(probability, decision.threshold)
    found, alarms = float(called[fake].mean()), float(called[~fake].mean())
    alarm_rates, found_rates, _ = metrics.roc_curve(fake, logit, drop_intermediate=False)
    values = {
        "fake_accuracy": found,
        "genuine_accuracy": 1 - alarms,
        "balanced_accuracy": (found + 1 - alarms) / 2,
        "roc_auc": metrics.roc_auc_score(fake, logit),
        "average_precision": metrics.average_precision_score(fake, logit),
        "f1": metrics.f1_score(fake, called),
        "mcc": metrics.matthews_corrcoef(fake, called),
        "eer": np.interp(0.0, alarm_rates + found_rates - 1, alarm_rates),  # where both error rates meet
        **{
            f"tpr_at_{percent}_percent_fpr": found_rates[alarm_rates <= percent / 100 + 1e-12].max()
            for percent in (1, 5)
        },
        **{
            f"precision_at_{percent}_percent": percent * found / (percent * found + (100 - percent) * alarms)
            if called.any()
            else np.nan
            for percent in (1, 10)
        },
        "brier": np.mean((probability - fake) ** 2),
        "log_loss": metrics.log_loss(fake, probability),
        "ece": _calibration_error(logit, probability - fake),
        **scores[MAP_METRICS].mean(),  # over those that have one
    }
    counts = {"n_fake": fake.sum(), "n_genuine": (~fake).sum(), "n_masks": scores["pixel_roc_auc"].count()}
    return {
        **{name: float(value) if np.isfinite(value) else None for name, value in values.items()},
        **{name: int(count) for name, count in counts.items()},
    }


def _calibration_error(logit: np.ndarray, surplus: np.ndarray) -> float:
    """Return the mean distance of probability and truth in bins of equal mass; equal logits stay together."""
    _, level, counts = np.unique(logit, return_inverse=True, return_counts=True)
    n_bins = min(max(len(logit) // _IN_A_BIN, 1), _BINS)
    bins = n_bins * (2 * np.cumsum(counts) - counts) // (2 * len(logit))
    return float(np.abs(np.bincount(bins[level], weights=surplus)).sum() / len(logit))


def map_metrics(map_: np.ndarray | None, mask: np.ndarray | None, is_fake: bool) -> dict[str, float]:
    """Compute how well a detector's map of one picture finds what was tampered with, by pixel.

    Neither map nor mask is inverted or eroded. A pixel has the logit of its block, and is called tampered at
    probability 0.5; pixels at the border that fill no block do not count.

    Args:
        map_: (height // 8, width // 8) logits of being tampered; None without a map.
        mask: (height, width) bool of the tampered pixels of a fake, from its first block on; None where it
            is not known.
        is_fake: what the picture is.

    Returns:
        `MAP_METRICS`, each in [0, 1]. Of a fake ROC AUC (NaN where all or no pixels are tampered), F1 and
        intersection over union (Jaccard index); of a genuine picture the false positive rate. The others are
        NaN, and all of a fake whose mask is of another size.

    Example:
        >>> logits = np.array([[3.0, -1.0], [-2.0, -4.0]])
        >>> mask = np.zeros((16, 16), bool)
        >>> mask[:8, 8:] = True
        >>> round(map_metrics(logits, mask, is_fake=True)["pixel_roc_auc"], 3)
        0.667
        >>> map_metrics(logits, None, is_fake=False)["pixel_false_positive_rate"]
        0.25
    """
    values = dict.fromkeys(MAP_METRICS, np.nan)
    if map_ is None:
        return values
    called = map_ >= 0
    if not is_fake:
        return values | {"pixel_false_positive_rate": float(called.mean())}
    if mask is None or (share := tampered_share(mask)).shape != map_.shape or not share.any():
        return values
    found, wrong, missed = share[called].sum(), (1 - share[called]).sum(), share[~called].sum()
    values["pixel_f1"] = float(2 * found / (2 * found + wrong + missed))
    values["pixel_iou"] = float(found / (found + wrong + missed))
    if share.mean() < 1:
        # Each block twice: with its tampered pixels, and with the others.
        weights = np.concatenate([share.ravel(), 1 - share.ravel()])
        targets, logits = np.repeat([1, 0], share.size), np.tile(map_.ravel(), 2)
        values["pixel_roc_auc"] = float(metrics.roc_auc_score(targets, logits, sample_weight=weights))
    return values
