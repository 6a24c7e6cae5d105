"""Does the verdict carry over? Prints, of pictures that were scored, alarms and finds by collection.

    python -m pipeline.score data=unseen data.root=/abs/shared/data convert=raw
    python -m benchmarks.carry_over score/unseen --changed comofod

First table: of each collection the genuine pictures called fake (95 % interval of Clopper and Pearson) and
those without a verdict, the fakes found, and the ROC AUC of the smallest p-value and of each test alone (0
where it does not apply). With `--changed` also what is left of the copy-move test in these collections after
JPEG 75, resizing to 0.75, a blur of one pixel and a social network, with its finds at the same rate.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from pipeline.config import Compute
from pipeline.detector.decision import CANNOT_TELL, DECISION_FILE, FAKE, NETWORK, UNSURE, Decision
from pipeline.detector.inference import NATIVE
from pipeline.evaluation.perturbations import SETS, perturb
from pipeline.evidence.measured import measure_files
from pipeline.evidence.panel import SPECIALISTS
from pipeline.images.encode import Png
from pipeline.inputs.load import load
from pipeline.storage import read_json, write_bytes

FORMS = ("jpeg 75", "resize 0.75", "blur 1", "social network")
_TEST = "copy_move"
ALL_TESTS = "ROC AUC of all"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.carry_over", description=__doc__)
    parser.add_argument("scored", type=Path, help="folder of pipeline.score")
    parser.add_argument("--models", type=Path, default=Path("models"), help="the detector (models)")
    parser.add_argument(
        "--changed", nargs="+", metavar="COLLECTION", default=[], help="measure changed copies"
    )
    parser.add_argument("--workers", type=int, default=None, help="processes (one a core)")
    asked = parser.parse_args()
    predictions = pd.read_csv(asked.scored / "predictions.csv")
    print(pd.DataFrame(verdict_rows(predictions)).to_string(index=False), end="\n\n")
    print(pd.DataFrame(ranking_rows(predictions)).to_string(index=False))
    if asked.changed:
        chosen = predictions[predictions["collection"].isin(asked.changed)]
        decision = Decision.from_dict(read_json(asked.models / DECISION_FILE, "calibrate it again"))
        compute = Compute(backend="local", workers=asked.workers, scheduler=None)
        rows = pd.DataFrame(changed_rows(chosen, decision, compute))
        print(f"\n{_TEST} on changed copies of {', '.join(asked.changed)}")
        print(rows.to_string(index=False))


def _parts(predictions: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the collections, kinds of fakes where a collection has several, and all together."""
    for name, part in predictions.groupby("collection"):
        yield str(name), part
        kinds = part[part["target"] == 1].groupby("subset", dropna=True)
        for kind, fakes in kinds if len(kinds) > 1 else ():
            yield f"{name}: {kind}", pd.concat([part[part["target"] == 0], fakes])
    yield "all", predictions


def verdict_rows(predictions: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield which shares of genuine pictures and fakes have which verdict, in percent."""
    for name, part in _parts(predictions):
        row: dict[str, Any] = {"set": name}
        for label, target in (("genuine", 0), ("fakes", 1)):
            verdicts = part.loc[part["target"] == target, "verdict"]
            n, fake = len(verdicts), int((verdicts == FAKE).sum())
            row[label] = n
            if not n:
                continue
            low, high = binomtest(fake, n).proportion_ci(method="exact")
            row[f"fake %{' ' * target}"] = f"{100 * fake / n:.0f} ({100 * low:.0f}–{100 * high:.0f})"
            for verdict in (UNSURE, CANNOT_TELL):
                row[f"{verdict} %{' ' * target}"] = round(100 * float((verdicts == verdict).mean()))
        yield row


def ranking_rows(predictions: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the ROC AUC of the smallest p-value, and of each test alone."""
    for name, part in _parts(predictions):
        if part["target"].nunique() < 2:
            continue
        row = {"set": name, ALL_TESTS: _roc_auc(part["target"], part["logit"])}
        for test in (NETWORK, *SPECIALISTS):
            row[test] = _roc_auc(part["target"], part[test].fillna(part[test].min()).fillna(0.0))
        yield row


def changed_rows(predictions: pd.DataFrame, decision: Decision, compute: Compute) -> Iterator[dict[str, Any]]:
    """Yield, of changed copies, the ROC AUC of the copy-move test, and what the specialists call fake."""
    forms = {each.name: each for each in SETS["fast"] if each.name in FORMS}
    for form in FORMS:
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for number, path in enumerate(predictions["path"]):
                changed = perturb(load(Path(path), NATIVE).pixels, forms[form], 0, number)
                paths.append(str(Path(folder) / f"{number:06}.png"))
                write_bytes(Path(paths[-1]), Png().save(b"", Image.fromarray(changed.pixels)))
            measured = measure_files(paths, compute, form)
        fake = (predictions["target"] == 1).to_numpy()
        called = decision.called(decision.suspicion(measured))
        yield {
            "change": form,
            "ROC AUC": _roc_auc(fake, measured[_TEST]),
            "found %": round(100 * called[fake].mean()),
            "alarms %": round(100 * called[~fake].mean()),
        }


def _roc_auc(target: Any, score: Any) -> float:
    return round(float(roc_auc_score(target, score)), 3)


if __name__ == "__main__":
    main()
