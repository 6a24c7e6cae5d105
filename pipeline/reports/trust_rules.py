"""Was the detector tested in a way that says something: on whom, on how many, and on what of a picture."""

from collections.abc import Mapping
from math import hypot
from typing import Any, NamedTuple

import pandas as pd

from pipeline.evaluation.bootstrap import Metric
from pipeline.evaluation.metrics import METRICS
from pipeline.evaluation.perturbations import CONTENT_ONLY
from pipeline.evaluation.results import BEST_SHORTCUT, ELSEWHERE, TEST, Results
from pipeline.evaluation.robustness import AS_HANDED_IN, FALL
from pipeline.evaluation.robustness import FRAGILE as FALLS
from pipeline.reports.rendering import BAD, GOOD, WARNING, as_decimal

SHORTCUTS, LEAK, CONTROL, FRAGILE = "shortcuts", "leak", "control", "fragile"
FILES, CONTENT, ALTERED, SKILL = "files", "content", "altered", "skill"
NUMBER = "number"  # and `ELSEWHERE`


class Finding(NamedTuple):
    """One reason to believe the figures, or not to.

    Attributes:
        about: what it is about: `SHORTCUTS`, `LEAK`, `CONTROL`, …
        level: `GOOD`, `WARNING` or `BAD`.
        title: a clause that starts with a small letter where grammar lets it.
        text: the evidence.
    """

    about: str
    level: str
    title: str
    text: str


# Level, title and text of what a rule finds; None where it has nothing to say.
Check = tuple[str, str, str] | None


def pairs(roc_auc: Metric) -> str:
    """Write a ROC AUC in whole pairs out of a hundred; what is not perfect is never rounded up to it."""
    value = roc_auc.value or 0.0
    return f"{100 if value == 1 else min(round(100 * value), 99)} of 100"


def surely_above(first: Metric, second: Metric) -> bool:
    """Return whether a metric is above another with the whole interval of their difference.

    The interval is put together from those of the two (Zou and Donner, 2008, doi:10.1002/sim.3095) as if
    they were independent; on the same pictures they go up and down together, so that this errs towards no.
    """
    if None in (first.value, first.low, second.value):
        return False
    upwards = 0.0 if second.high is None else second.high - second.value  # type: ignore[operator]
    return first.value - second.value > hypot(first.value - first.low, upwards)  # type: ignore[operator]


MUCH = 0.5  # of what it reacts with to forged pieces, from which on untouched ones explain the figures
WIDE = 0.2  # width of an interval from which on a figure is a rough one
LEAKS = 0.01  # share of the tested pictures with relatives in training that is no mere accident
# How high the interval of untouched pieces may reach that are said to look genuine to it: by then it would
# pick the fake's piece in two of three pairs. Wider intervals come from too few pieces and say nothing.
NEAR_A_COIN = 0.65
TOO_FEW = "there were too few pieces of fakes to say"
_PLURAL = {"fake": "fakes", "genuine": "genuine pictures"}


class Leak(NamedTuple):
    """How many of the tested "fakes" or "genuine pictures" have a relative in training."""

    whom: str
    related: int
    pictures: int

    @property
    def share(self) -> float:
        """Share of them with a relative."""
        return self.related / self.pictures if self.pictures else 0.0


def leaks(counts: Mapping[str, Any]) -> list[Leak]:
    """Return how many tested pictures of each class the split leaks, the class that leaks more first.

    Args:
        counts: `counts.json` of a manifest.
    """
    found = counts.get("leak", {}).items()
    listed = [
        Leak(_PLURAL[label], leak["with_relatives_in_train"], leak["pictures"]) for label, leak in found
    ]
    return sorted(listed, key=lambda leak: -leak.share)


def about_leak(results: Results) -> Check:
    """Check how many tested pictures have relatives in training, by the class that has more."""
    if not results.counts:
        return (
            WARNING,
            "it is not known whether tested pictures have relatives in training",
            "The manifest left no counts.",
        )
    worst, other = leaks(results.counts)
    meaning = (
        "A relative is a picture with the same source. The detector may know it instead of judging it, which "
        "makes figures too high."
    )
    if worst.related:
        return (
            BAD if worst.share > LEAKS else WARNING,
            f"{_percent(worst.share)} of the tested {worst.whom} have a relative in training",
            f"{worst.related:,} of {worst.pictures:,} {worst.whom}, {other.related:,} of {other.pictures:,} "
            f"{other.whom}. {meaning}",
        )
    if twins := _alike_in_training(results.audit):
        title = f"{twins} tested pictures have a twin in training"
        return WARNING, title, f"{meaning} See audit.html."
    return (
        GOOD,
        "no tested picture has a relative in training",
        f"None of the {worst.pictures:,} tested {worst.whom} and none of the {other.pictures:,} tested "
        f"{other.whom} shares a source with a training picture.",
    )


def about_control(results: Results) -> Check:
    """Check whether crops of fakes without a forged pixel look genuine to it."""
    untouched, tampered = (results.metric(kind, "roc_auc") for kind in ("untouched", "tampered"))
    if untouched.value is None:
        return (
            WARNING,
            "nobody has checked whether it looks at the forgery itself",
            "That takes fakes with a mask that says which pixels are forged; there are none, or too few.",
        )
    evidence = (
        "Pieces were cut out of fakes and compared with pieces of genuine pictures. Pieces that nobody has "
        f"touched: ROC AUC {as_decimal(untouched)}, where 0.5 means that it takes them for genuine, as it "
        "should."
    )
    if tampered.value is not None:
        evidence += f" Forged pieces: {as_decimal(tampered)}, where 1 means that it finds all."
    reacts = (untouched.low or 0.0) > 0.5
    if untouched.high is None or tampered.low is None:
        return WARNING, f"{TOO_FEW} whether it looks at the forgery itself", evidence
    if reacts and untouched.value - 0.5 > MUCH * ((tampered.value or 0.5) - 0.5):
        return (
            BAD,
            "it reacts to pieces of fakes that nobody has forged",
            f"{evidence} It sees how the whole file was made, rather than where it is forged.",
        )
    if reacts:
        return WARNING, "it reacts a little to pieces of fakes that nobody has forged", evidence
    if untouched.high > NEAR_A_COIN:
        title = f"{TOO_FEW} whether it leaves alone what nobody has forged"
        return WARNING, title, evidence
    if tampered.low <= 0.5 or not surely_above(tampered, untouched):
        title = "it does not surely react more to the forged places than to the rest"
        return WARNING, title, evidence
    return GOOD, "it reacts to the forged places and not to the rest", evidence


def about_skill(results: Results) -> Check:
    """Check whether it can do anything at all."""
    found = results.metric(TEST, "roc_auc")
    if found.low is not None and found.low <= 0.5:
        return (
            BAD,
            "it is not surely better than a coin",
            f"ROC AUC {as_decimal(found)}; 0.5 is a coin, and the interval holds it.",
        )
    return None


def about_elsewhere(results: Results) -> Check:
    """Check whether it holds for collections that it was not trained on."""
    here, there, trick = (
        results.metric(TEST, "roc_auc"),
        results.metric(ELSEWHERE, "roc_auc"),
        results.metric(ELSEWHERE, BEST_SHORTCUT),
    )
    if there.value is None or here.value is None:
        return (
            WARNING,
            "it was not tested on pictures from elsewhere",
            "Detectors often fail on collections that they were not trained on.",
        )
    beside = "" if trick.value is None else f"; the best shortcut alone {as_decimal(trick)}"
    evidence = (
        f"On collections that it was not trained on it picks the fake in {pairs(there)} pairs "
        f"(ROC AUC {as_decimal(there)}{beside})."
    )
    if there.low is None or there.low <= 0.5:
        title = "on pictures from elsewhere it is not surely better than a coin"
    elif trick.value is not None and not surely_above(there, trick):
        title = "on pictures from elsewhere it is not surely better than a trick"
    elif surely_above(here, there):
        title = "on pictures from elsewhere it is worse"
    else:
        title = "on pictures from elsewhere it does about as well"
        return GOOD, title, evidence
    return WARNING, title, f"{evidence} The other figures hold for pictures like those that it knows."


def about_number(results: Results) -> Check:
    """Check how rough the metrics are."""
    n = results.n()
    pictures = f"{n.n_fake:,} fakes and {n.n_genuine:,} genuine pictures"
    text = f"{pictures} in {n.n_groups:,} groups that belong together."
    found = {name: results.metric(TEST, name) for name in ("fake_accuracy", "genuine_accuracy", "roc_auc")}
    widths = {
        name: metric.high - metric.low
        for name, metric in found.items()
        if metric.low is not None and metric.high is not None
    }
    widest = max(widths, key=lambda name: widths[name], default=None)
    if widest is None or "roc_auc" not in widths:
        return WARNING, "it was tested on too few pictures to say how sure its figures are", text
    if widths[widest] > WIDE:
        low, high = (100 * (end or 0.0) for end in found[widest][1:])
        text += f" The {METRICS[widest].title}, for instance, may be anything from {low:.0f} to {high:.0f} %."
        return WARNING, "it was tested on few pictures, so its figures are rough", text
    return GOOD, "it was tested on enough pictures", text


def _alike_in_training(audit: Mapping[str, Any]) -> int:
    counts = audit["leaks"]["counts"] if audit else []
    return sum(row["pictures"] for row in counts if row["split"] == "test")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else "less than 1 %"


UNTOUCHED = "lossless"
# What happens to nearly every picture before anybody judges it, mildest first. Who asks a detector does not
# know of it, so figures that do not survive it hold for the files of the test set and hardly for others.
# Blur, noise and strong compression are harm, and may cost what they cost.
EVERYDAY = {
    UNTOUCHED: "when a picture is only saved as another file, each pixel as it was,",
    "jpeg 95": "when a picture is only saved once more",
    "social network": "when a picture went through a social network",
}


def about_fragility(results: Results) -> Check:
    """Check whether it still works once a picture was saved again or sent through a social network."""
    known = results.robustness[results.robustness["roc_auc"].notna()]
    after = {name: results.after(name) for name in EVERYDAY}
    whole = results.metric(TEST, "roc_auc")
    if whole.value is None or any(metric.value is None for metric in after.values()):
        return (
            WARNING,
            "nobody has checked what saving a picture once more does to it",
            "That takes both classes, and evaluate.robustness=fast or full.",
        )
    listed = ", ".join(f"{name} {as_decimal(metric)}" for name, metric in after.items())
    evidence = f"ROC AUC {as_decimal(whole)} as handed in; {listed}. {_others(known)}"
    fallen = [name for name, metric in after.items() if whole.value - (metric.value or 0.0) > FALL]
    if not fallen:
        title = "saving a picture once more, or sending it through a social network, changes little"
        return GOOD, title, evidence
    first, sure = fallen[0], set(known.loc[known["verdict"] == FALLS, "name"])
    if UNTOUCHED in fallen:
        evidence = (
            "Saved as PNG, no pixel changes; only the table is gone in which a JPEG says how it was "
            f"compressed. So it reads that table, and not the picture alone. {evidence}"
        )
    if first not in sure:
        evidence += " With so few pictures the fall may be chance."
    title = f"{EVERYDAY[first]} it picks the fake in {pairs(after[first])} pairs instead of {pairs(whole)}"
    return WARNING, title, evidence


def _others(known: pd.DataFrame) -> str:
    ordinary = known[(known["family"] != CONTENT_ONLY) & (known["name"] != AS_HANDED_IN)]
    n_fragile = int((ordinary["verdict"] == FALLS).sum())
    return f"After {n_fragile} of {len(ordinary)} alterations it is surely worse by more than {FALL:g}."
