"""What becomes of the figures when pictures are passed on as people pass them on."""

from collections.abc import Iterator

import pandas as pd

from pipeline.reports.audit_words import GOOD, WARNING
from pipeline.reports.content import ReportContent
from pipeline.reports.finding import FRAGILE, Finding, on_test, pairs
from pipeline.reports.numbers import as_decimal, first_figure
from pipeline.scoring.perturbations import CONTENT_ONLY
from pipeline.scoring.robustness import AS_HANDED_IN, FALL
from pipeline.scoring.robustness import FRAGILE as FALLS

UNTOUCHED = "lossless"
# What happens to nearly every picture before anybody judges it, mildest first. Who asks a detector does not
# know of it, so figures that do not survive it hold for the files of the test set and hardly for others.
# Blur, noise and strong compression are harm, and may cost what they cost.
EVERYDAY = {
    UNTOUCHED: "when a picture is only saved as another file, each pixel as it was,",
    "jpeg 95": "when a picture is only saved once more",
    "social network": "when a picture went through a social network",
}


def about_fragility(content: ReportContent) -> Iterator[Finding]:
    """Say whether it still works once a picture was saved again or sent through a social network."""
    table = content.robustness
    known = pd.DataFrame(columns=["name"]) if table is None else table[table["roc_auc"].notna()]
    after = {name: first_figure(_row(known, name)) for name in EVERYDAY}
    whole = on_test(content, "roc_auc")
    if whole.value is None or any(figure.value is None for figure in after.values()):
        yield Finding(
            FRAGILE,
            WARNING,
            "nobody has checked what saving a picture once more does to it",
            "That takes both classes, and evaluate.robustness=fast or full.",
        )
        return
    listed = ", ".join(f"{name} {as_decimal(figure)}" for name, figure in after.items())
    evidence = f"ROC AUC {as_decimal(whole)} as handed in; {listed}. {_others(known)}"
    fallen = [name for name, figure in after.items() if whole.value - (figure.value or 0.0) > FALL]
    if not fallen:
        title = "saving a picture once more, or sending it through a social network, changes little"
        yield Finding(FRAGILE, GOOD, title, evidence)
        return
    first, sure = fallen[0], set(known.loc[known["verdict"] == FALLS, "name"])
    if UNTOUCHED in fallen:
        evidence = (
            "Saved as PNG, no pixel changes; only the table is gone in which a JPEG says how it was "
            f"compressed. So it reads that table, and not the picture alone. {evidence}"
        )
    if first not in sure:
        evidence += " With so few pictures the fall may be chance."
    title = f"{EVERYDAY[first]} it picks the fake in {pairs(after[first])} pairs instead of {pairs(whole)}"
    yield Finding(FRAGILE, WARNING, title, evidence)


def _row(table: pd.DataFrame, name: str) -> pd.DataFrame:
    return table[table["name"] == name].rename(columns={"roc_auc": "value"})


def _others(known: pd.DataFrame) -> str:
    ordinary = known[(known["family"] != CONTENT_ONLY) & (known["name"] != AS_HANDED_IN)]
    n_fragile = int((ordinary["verdict"] == FALLS).sum())
    return f"After {n_fragile} of {len(ordinary)} alterations it is surely worse by more than {FALL:g}."
