"""Results of two made-up detectors, as the stages would leave them: one to be believed, one not to be.

`BELIEVABLE` has a ROC AUC of about 0.97 where the best shortcut has 0.81, and no leak; `CLASSIC` 0.70 where
the file's headers alone have 1.00, on a split that leaks.
"""

from collections import Counter
from dataclasses import fields, replace

import numpy as np
import pandas as pd

from pipeline.evaluation.bootstrap import Bootstrap
from pipeline.evaluation.perturbations import SETS
from pipeline.evaluation.results import COLUMNS, Results
from pipeline.evaluation.subsets import measure_results
from pipeline.reports.gallery import Shown, choose, write_gallery
from pipeline.reports.model_card import render_model_card
from pipeline.reports.report import render_report, shared_content
from pipeline.reports.trust import believe
from tests.reports.audited import audit, side

HERE = {"casia1": (21, 50), "casia2": (104, 46)}
AWAY = {"columbia": (2, 2), "comofod": (10, 10), "imd2020": (35, 35)}
SUBSETS = {"comofod": ("copy_move",), "columbia": ("splice",), "imd2020": ("",)}
FORMATS, QUALITIES = ("JPEG", "TIFF", "BMP"), (75.0, 92.0, np.nan)
THRESHOLD, DECISION = 0.46, {"threshold": 0.46, "temperature": 0.5, "false_alarms": 0.02, "unsure": 0.1}


def predictions(separation, elsewhere=0.6, seed=1):
    random = np.random.default_rng(seed)
    rows = []
    for name, (n_genuine, n_fake) in (HERE | AWAY).items():
        apart = separation if name in HERE else elsewhere
        for label, n in (("genuine", n_genuine), ("fake", n_fake)):
            is_fake, subsets = label == "fake", SUBSETS.get(name, ("splice", "copy_move"))
            prefix = "Sp_D_CRN_A" if is_fake else "Au"
            for number in range(n):
                subset = subsets[number % len(subsets)] if is_fake else ""
                center = apart * (0.7 if subset == "copy_move" else 1.0) / 2 if is_fake else -apart / 2
                rows.append(
                    {
                        "path": f"data/converted/{name}/{label}/{prefix}_ani{number:04}_{number:04}.jpg",
                        "label": label, "target": int(is_fake), "collection": name, "subset": subset,
                        "group": f"{name}:{number // 2 if is_fake else number}",
                        "source_format": FORMATS[number % 3], "jpeg_quality": QUALITIES[number % 3],
                        "width": 384, "height": 256,
                        "network": 1.6 * (center + random.normal()),
                    }
                )  # fmt: skip
    table = pd.DataFrame(rows)
    logit = table["network"] / 1.6
    probability = 1 / (1 + np.exp(-logit))
    called = np.where(probability >= THRESHOLD, "fake", "genuine")
    silent = np.choose(np.arange(len(table)) % 4, ["genuine", "no trace found", "cannot tell", "genuine"])
    verdict = np.where(probability >= 0.55, "fake", np.where(probability > 0.4, "unsure", silent))
    has_mask = (table["target"] == 1) & table["collection"].isin(list(HERE))
    pixels = {"pixel_roc_auc": 0.91, "pixel_f1": 0.44, "pixel_iou": 0.33}
    return table.assign(
        logit=logit,
        probability_fake=probability,
        called=called,
        verdict=verdict,
        pixel_false_positive_rate=np.where(table["target"] == 0, 0.02, np.nan),
        **{name: np.where(has_mask, value, np.nan) for name, value in pixels.items()},
    )


def row(kind, subset, metric, value, low, high, n=100):
    place = {"kind": kind, "subset": subset, "condition": "", "metric": metric}
    return place | {"value": value, "low": low, "high": high} | dict.fromkeys(COLUMNS[-3:], n)


def robustness(base, slope=1.0, knows=0.52, rises=False):
    described, seen = [("none", "", "as handed in", 0.0)], Counter()
    for each in SETS["full"]:
        change = 0.0 if each.name == "lossless" else -0.02 * slope * (seen[each.family] + 0.2)
        described.append((each.name, each.family, each.strength, change))
        seen[each.family] += 1
    table = []
    for name, family, strength, change in described:
        verdict = "fragile" if change < -0.05 else ""
        if family == "content only":
            change, verdict = knows - base, "shortcut" if knows >= 0.6 else ""
        if rises and (family, strength) == ("JPEG", "50"):
            change, verdict = 0.09, "shortcut"
        table.append(
            {
                "name": name,
                "family": family, "strength": strength, "n_fake": 96, "n_genuine": 125,
                "roc_auc": base + change, "low": base + change - 0.03, "high": min(base + change + 0.03, 1.0),
                "change": change, "change_low": change - 0.02, "change_high": change + 0.02,
                "true_positive_rate": max(0.9 + change, 0), "false_positive_rate": max(0.06 - change / 2, 0),
                "genuine_shift": 0.4, "fake_shift": -0.6, "flipped": abs(change), "verdict": verdict,
            }
        )  # fmt: skip
    return pd.DataFrame(table)


def counts(leaking):
    leak = {
        "genuine": {"pictures": 125, "with_relatives_in_train": int(0.4 * leaking * 125)},
        "fake": {"pictures": 96, "with_relatives_in_train": round(leaking * 96)},
    }
    return {"test_only": {name: {} for name in AWAY}, "left_out": {}, "leak": leak}


def record(policy, model):
    return {
        "run_key": "0f", "run_id": "231e4156b4184bf3a4ef8d05a1eb0592", "name": "first", "seed": 20,
        "started": "2026-11-26T20:36:01+00:00", "commit": "251fe87c0ffee251fe87c0ffee251fe87c0ffee2",
        "uncommitted_changes": False, "dvc_experiment": None, "machine": "Linux-6.1-x86_64",
        "device": "cpu", "precision": "bfloat16", "data_digest": "a1b2c3d4e5f6", "images_per_second": 81.0,
        "config": {
            "data": {"name": "casia"}, "seed": 20, "convert": {"policy": policy},
            "split": {"method": "grouped" if policy == "matched" else "random"},
            "model": {"_target_": f"pipeline.models.{model}.build", "filters": 64},
            "train": {"epochs": 40, "batch_size": 64, "optimizer": "adamw", "learning_rate": 0.002},
        },
    }  # fmt: skip


def history():
    epoch = np.arange(1, 25)
    return pd.DataFrame(
        {
            "epoch": epoch,
            "train/loss": 0.7 * np.exp(-epoch / 8),
            "train/accuracy": 1 - 0.5 * np.exp(-epoch / 6),
            "validation/loss": 0.68 * np.exp(-epoch / 14) + 0.1,
            "validation/accuracy": 0.95 - 0.45 * np.exp(-epoch / 7),
            "validation/roc_auc": 0.97 - 0.4 * np.exp(-epoch / 5),
        }
    )


def crops(untouched, tampered):
    """Rows of the localisation check; each ROC AUC with an interval around it, or with that given."""
    return [
        row("localisation", kind, "roc_auc", *(found if isinstance(found, tuple) else around(found)))
        for kind, found in (("untouched", untouched), ("tampered", tampered))
    ]


def around(value):
    return value, value - 0.06, min(value + 0.06, 1.0)


def with_crops(found, untouched, tampered):
    others = found.table[found.table["kind"] != "localisation"]
    return replace(found, table=pd.concat([others, pd.DataFrame(crops(untouched, tampered))]))


def changed(found, subset, metric, *numbers):
    """The results with another value and interval of a metric."""
    table = found.table.copy()
    rows = (table["subset"] == subset) & (table["metric"] == metric) & (table["condition"] == "")
    assert rows.any()
    table.loc[rows, ["value", "low", "high"]] = numbers
    return replace(found, table=table)


def shortcuts(words, value):
    """The best shortcut of each subset; the audit did not probe what was only tested, by collection."""
    history = {"history_roc_auc": 0.77, "history_low": 0.7, "history_high": 0.83}
    probed = {"test": value, "test_at_half": value, "elsewhere": 0.58}
    probed |= {f"collections.{name}": value - 0.02 for name in HERE}
    rows = [{"part": part, "words": words, "roc_auc": found} | history for part, found in probed.items()]
    rows += [{"part": f"collections.{name}", "words": "", "roc_auc": 0.55} for name in AWAY]
    table = pd.DataFrame(rows)
    return table.assign(low=table["roc_auc"] - 0.05, high=(table["roc_auc"] + 0.05).clip(upper=1))


def left_out():
    reason = "a relative is in a training collection"
    return pd.DataFrame({"path": ["x", "y"], "collection": ["imd2020"] * 2, "reason": [reason] * 2})


def content(
    separation, elsewhere, shortcut, words, policy, model, tells, leaking, untouched, tampered, **more
):
    table = predictions(separation, elsewhere)
    here = table[table["collection"].isin(list(HERE))]
    no_crops = pd.DataFrame(columns=["group", "kind", "logit"])
    found = measure_results(table, no_crops, THRESHOLD, AWAY, Bootstrap(100, 0.95, 0), sliced=here)
    found = replace(
        with_crops(found, untouched, tampered),
        robustness=robustness(found.metric("test", "roc_auc").value, **more),
        history=history(),
        left_out=left_out(),
        record=record(policy, model),
        decision=DECISION,
        counts=counts(leaking),
        data={"name": "casia", "root": "/abs/dir"},
    )
    return found.with_audit(audit(policy, tells), shortcuts(words, shortcut))


BELIEVABLE = content(
    2.9, 0.9, 0.81, "compression history in the pixels", "matched", "dct",
    side(0.81, 0.6, bytes=0.54), 0.0, 0.51, 0.95,
)  # fmt: skip
CLASSIC = content(
    0.75, 0.15, 1.0, "all metadata together", "tif_only", "cnn",
    side(0.98, 1.0, luma_table=0.98, software=0.9), 0.86, 0.71, 0.74, slope=0.6, knows=0.64, rises=True,
)  # fmt: skip


def shown(table, seed=0):
    """Pictures of a made-up landscape with a forged square, and the map of a detector that finds it."""
    random = np.random.default_rng(seed)
    for row in choose(table[table["collection"].isin(list(HERE))]).to_dict("records"):
        ramp = np.linspace(60, 190, 256)[:, None, None] * np.array([0.7, 0.9, 1.1])
        pixels = np.clip(ramp + random.normal(0, 18, (256, 384, 3)), 0, 255).astype(np.uint8)
        mask = np.zeros((256, 384), bool)
        top, left = random.integers(20, 150, 2)
        mask[top : top + 70, left : left + 100] = True
        pixels[mask] = pixels[mask] // 2 + 70
        cells = random.normal(-3, 0.8, (32, 48))
        if row["called"] == "fake":
            cells[top // 8 : top // 8 + 9, left // 8 : left // 8 + 12] += 5
        yield Shown(row, pixels, cells, mask if row["target"] else None)


def with_one_collection_each(found):
    """The results with all that was tested in one collection, and all from elsewhere in another."""
    kept = [*(name for name in found.table["subset"].unique() if name.startswith("format: J"))]
    kept += ["test", "elsewhere", "collections.casia1", "collections.imd2020"]
    table = found.table[found.table["subset"].isin(kept)].copy()
    counts = ["n_fake", "n_genuine"]
    table.loc[table["kind"] == "slice", counts] = list(found.n()[:2])
    names = {name: "casia1" if name in HERE else "imd2020" for name in (*HERE, *AWAY)}
    predictions = found.predictions.assign(collection=found.predictions["collection"].map(names))
    return replace(found, table=table, predictions=predictions)


def with_gallery(found, folder):
    write_gallery(folder, shown(found.predictions))
    return replace(found, gallery=folder)


def with_names(found, name):
    """The results with `name` for all that people name: collections, slices, perturbations, commits."""
    record = {"config": {"model": {"_target_": name}}, "commit": name}
    table = found.table.replace({"subset": {"collections.casia1": f"collections.{name}"}})
    return replace(
        found,
        table=table.assign(subset=table["subset"].where(table["kind"] != "slice", f"format: {name}")),
        robustness=found.robustness.assign(name=name, family=name, strength=name),
        shortcuts=found.shortcuts.assign(words=name),
        record=record,
        data={"name": name},
    )


def without(found, *names):
    """The results without some of what is optional."""
    empty = {each.name: each.default_factory for each in fields(Results) if each.name in OPTIONAL[:-1]}
    return replace(found, **{name: empty.get(name, lambda: None)() for name in names})


OPTIONAL = [each.name for each in fields(Results) if each.name not in ("table", "threshold", "confidence")]


def about(found, what):
    """The one finding about something."""
    (finding,) = [each for each in believe(found) if each.about == what]
    return finding


def report_of(found, charts=()):
    return render_report(found, shared_content(found), dict(charts))


def card_of(found):
    return render_model_card(found, shared_content(found))
