"""Findings of made-up audits, as `audit_pictures` would leave them."""

from pipeline.auditing.file_features import FEATURES
from pipeline.auditing.shortcut_kinds import CONTENT, HISTORY


def estimate(value, spread=0.05):
    return {"roc_auc": value, "low": max(value - spread, 0.0), "high": min(value + spread, 1.0)}


def side(history=None, all_metadata=None, content=0.5, **features):
    found = {name: estimate(value) for name, value in sorted(features.items(), key=lambda item: -item[1])}
    probes = {HISTORY: history, CONTENT: content} if history else {}
    return {
        "features": found,
        "constant": [name for name in FEATURES if name not in features],
        "all_metadata": {"gradient boosting": estimate(all_metadata)} if all_metadata else {},
        "probe": {name: estimate(value) for name, value in probes.items()},
    }


def part(raw, converted, tested_only=False, n_fake=50):
    return {
        "collections": ["a"],
        "tested_only": tested_only,
        "n_genuine": 50,
        "n_fake": n_fake,
        "n_groups": 40,
        "n_probed": 100,
        "kept_scans": 0,
        "saved_alike": [],
        "too_few": "",
        "raw": raw,
        "converted": converted,
    }


def audit(policy, converted, raw=None, **parts):
    """The findings of an audit; under matched all fakes have kept their scans."""
    raw = raw or side(0.99, 1.0, luma_table=0.98, software=0.9, width=0.55)
    training = part(raw, converted) | {"kept_scans": 50 if policy == "matched" else 0}
    tested = {"n_genuine": 10, "n_fake": 9} | estimate(0.6)
    numbers = ("alike_not_compared", "groups_in_several_splits", "identical", "alike_unexplained")
    none = dict.fromkeys(numbers, 0)
    none |= {name: [] for name in ("counts", "alike_pairs", "largest_groups", "identical_pictures")}
    return {
        "settings": {
            "folds": 5, "bootstrap": 100, "confidence": 0.95, "warn_above": 0.55, "fail_above": None,
        },
        "pictures": {"train": {"genuine": 40, "fake": 40}, "test": {"genuine": 10, "fake": 10}},
        "test_groups": {"genuine": 80, "fake": 80},
        "parts": {"training": training} | parts,
        "on_test": {
            "test": {
                "n_genuine": 10,
                "n_fake": 10,
                "best_feature": tested | {"name": "width"},
                HISTORY: tested | {"name": HISTORY},
            }
        },
        "leaks": none | {"groups": 40, "n_alike_pairs": 0},
        "labels": none | {"alike": 3},
        "masks": {
            "fakes": 50, "with_mask": 50, "median_share": 0.1,
            "empty": [], "full": [], "inverted": [], "rejected": [], "read": [],
        },
        "losses": {"counts": {}, "uneven": []},
        "tables": {"by_label": [], "by_subset": []},
        "built_from": {
            "convert": {"policy": policy}, "split": {"method": "grouped"}, "data": {"name": "folders"},
        },
    }  # fmt: skip
