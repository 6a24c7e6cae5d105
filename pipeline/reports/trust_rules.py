"""Was the detector tested in a way that says something: on whom, on how many, and on what of a picture.

A tick takes an interval that shows what it says: that one figure lies above another, or that a difference is
small, with the whole interval in a band (`Metric.lies_within`). Where an interval is too wide for either, the
finding is `TOO_FEW`: too few pictures to tell.
"""

from collections.abc import Mapping
from math import hypot, inf
from typing import Any, NamedTuple

import pandas as pd

from pipeline.datasets.power import ENOUGH, NOTHING_SAID, groups_by_label, says_nothing, what_it_takes
from pipeline.errors import counted
from pipeline.evaluation.bootstrap import NONE, Interval, Metric
from pipeline.evaluation.metrics import METRICS, NEAR_A_COIN
from pipeline.evaluation.perturbations import CONTENT_ONLY
from pipeline.evaluation.results import A_SET, BEST_SHORTCUT, ELSEWHERE, TEST, Results
from pipeline.evaluation.robustness import AS_HANDED_IN, FALL
from pipeline.evaluation.robustness import FRAGILE as FALLS
from pipeline.reports.rendering import BAD, GOOD, TOO_FEW, WARNING, as_decimal

SHORTCUTS, LEAK, CONTROL, FRAGILE = "shortcuts", "leak", "control", "fragile"
FILES, CONTENT, ALTERED, SKILL = "files", "content", "altered", "skill"
NUMBER = "number"  # and `ELSEWHERE`


class Finding(NamedTuple):
    """One reason to believe the figures, or not to.

    Attributes:
        about: what it is about: `SHORTCUTS`, `LEAK`, `CONTROL`, …
        level: `GOOD`, `TOO_FEW`, `WARNING` or `BAD`.
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
    """Return whether a metric is above another with the whole interval of their difference."""
    low, _ = difference(first, second)
    return low is not None and low > 0


def difference(first: Metric, second: Metric) -> Interval:
    """Compute the interval of the difference of two metrics; `NONE` where one of them has none.

    It is put together from theirs (Zou and Donner, 2008, doi:10.1002/sim.3095) as if they were independent;
    on the same pictures they go up and down together, so that it is too wide, which errs towards doubt.
    """
    if None in (*first, *second):
        return NONE
    (value, low, high), (other, other_low, other_high) = first, second
    apart = value - other  # type: ignore[operator]
    return (
        apart - hypot(value - low, other_high - other),  # type: ignore[operator]
        apart + hypot(high - value, other - other_low),  # type: ignore[operator]
    )


MUCH = 0.5  # of what it reacts with to forged pieces, from which on untouched ones explain the figures
SMALL = (-FALL, FALL)  # change of a ROC AUC that is none to speak of
AS_WELL = 0.1  # by how much less a ROC AUC may be elsewhere, with its whole interval, to be about as good
LEAKS = 0.01  # share of the tested pictures with relatives in training that is no mere accident
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

    @property
    def counted(self) -> str:
        """How many were tested, in words."""
        return counted(self.pictures, self.whom.removesuffix("s"))


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
            "Scoring does not compare these pictures with those that were trained on."
            if results.scored
            else "Nothing says which pictures were trained on; python -m pipeline.manifest deals them out.",
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
        title = f"{counted(twins, 'tested picture')} {'has' if twins == 1 else 'have'} a twin in training"
        return WARNING, title, f"{meaning} See audit.html."
    if says_nothing(_tested_groups(results)):
        return (
            TOO_FEW,
            "too few pictures were tested to see whether relatives are kept apart",
            f"None has one in training; with {worst.counted} and {other.counted} tested that says little of "
            "the way they were dealt.",
        )
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
        return TOO_FEW, "too few pieces of fakes to tell whether it looks at the forgery itself", evidence
    if reacts and untouched.value - 0.5 > MUCH * ((tampered.value or 0.5) - 0.5):
        return (
            BAD,
            "it reacts to pieces of fakes that nobody has forged",
            f"{evidence} It sees how the whole file was made, rather than where it is forged.",
        )
    if reacts:
        return WARNING, "it reacts a little to pieces of fakes that nobody has forged", evidence
    if not untouched.lies_within(NEAR_A_COIN):
        title = "too few pieces of fakes to tell whether it leaves alone what nobody has forged"
        return TOO_FEW, title, evidence
    if tampered.low <= 0.5 or not surely_above(tampered, untouched):
        title = "it does not surely react more to the forged places than to the rest"
        return WARNING, title, evidence
    return GOOD, "it reacts to the forged places and not to the rest", evidence


NO_BETTER = "it is no better than a coin"


def about_skill(results: Results) -> Check:
    """Check whether it can do anything at all."""
    found = results.metric(TEST, "roc_auc")
    if found.low is None or found.high is None or found.low > 0.5:
        return None
    is_a_coin = found.high <= NEAR_A_COIN[1]
    return (
        BAD,
        NO_BETTER if is_a_coin else "it is not surely better than a coin",
        f"ROC AUC {as_decimal(found)}; 0.5 is a coin, and the interval "
        + ("ends close to it." if is_a_coin else "holds it, and much better ones, too."),
    )


def about_elsewhere(results: Results) -> Check:
    """Check whether it holds for collections that it was not trained on."""
    here, there, trick = (
        results.metric(TEST, "roc_auc"),
        results.metric(ELSEWHERE, "roc_auc"),
        results.metric(ELSEWHERE, BEST_SHORTCUT),
    )
    if results.scored == A_SET and there.value is None:
        return (
            WARNING,
            "what it does on these pictures says little of pictures from elsewhere",
            "They were chosen for a test of their own; on other collections it may do better or worse.",
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
    elif (difference(there, here)[0] or -1.0) >= -AS_WELL:
        title = "on pictures from elsewhere it does about as well"
        return GOOD, title, evidence
    else:
        title = "too few pictures to tell whether it does as well on pictures from elsewhere"
        return TOO_FEW, title, f"{evidence} As well means at most {AS_WELL:g} less, with the whole interval."
    return WARNING, title, f"{evidence} The other figures hold for pictures like those that it knows."


def about_number(results: Results) -> Check:
    """Check how rough the metrics are."""
    n = results.n()
    text = (
        f"{counted(n.n_fake, 'fake')} and {counted(n.n_genuine, 'genuine picture')} in "
        f"{counted(n.n_groups, 'group')} that belong together."
    )
    found = {name: results.metric(TEST, name) for name in ("fake_accuracy", "genuine_accuracy", "roc_auc")}
    widest = max(found, key=lambda name: half_width(found[name]))
    if half_width(found["roc_auc"]) > NOTHING_SAID:
        return TOO_FEW, "it was tested on too few pictures to tell anything", f"{text} {what_it_takes()}"
    if half_width(found[widest]) <= ENOUGH:
        return GOOD, "it was tested on enough pictures", text
    metric = METRICS[widest]
    if found[widest].low is not None:
        low, high = (end or 0.0 for end in found[widest][1:])
        span = f"{100 * low:.0f} to {100 * high:.0f} %" if metric.is_share else f"{low:.2f} to {high:.2f}"
        text += f" The {metric.title}, for instance, may be anything from {span}."
    return WARNING, "it was tested on few pictures, so its figures are rough", f"{text} {what_it_takes()}"


def half_width(metric: Metric) -> float:
    """Return half of the width of an interval; infinite where there is none."""
    return inf if metric.low is None or metric.high is None else (metric.high - metric.low) / 2


def _tested_groups(results: Results) -> dict[str, int]:
    """Count the groups of each label that were tested; pictures where the table of answers is not at hand."""
    if results.predictions.empty:
        n = results.n()
        return {"fake": n.n_fake, "genuine": n.n_genuine}
    return groups_by_label(results.by_subset()[TEST])


def _alike_in_training(audit: Mapping[str, Any]) -> int:
    counts = audit["leaks"]["counts"] if audit else []
    return sum(row["pictures"] for row in counts if row["split"] == "test")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else "less than 1 %"


NOT_ALTERED = "Scoring alters no picture; python -m pipeline.evaluate does."
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
            NOT_ALTERED
            if results.scored
            else "That takes both classes, and evaluate.robustness=fast or full.",
        )
    listed = ", ".join(f"{name} {as_decimal(metric)}" for name, metric in after.items())
    evidence = f"ROC AUC {as_decimal(whole)} as handed in; {listed}. {_others(known)}"
    fallen = [name for name, metric in after.items() if whole.value - (metric.value or 0.0) > FALL]
    changes = {name: results.change(name) for name in EVERYDAY}
    if not fallen and all(change.lies_within(SMALL) for change in changes.values()):
        title = "saving a picture once more, or sending it through a social network, changes little"
        return GOOD, title, evidence
    if not fallen:
        widest = max(changes, key=lambda name: half_width(changes[name]))
        _, low, high = changes[widest]
        possible = (
            f"The change after {widest} has no interval"
            if low is None or high is None
            else f"By its interval, the change after {widest} may be anything from {low:+.2f} to {high:+.2f}"
        )
        return (
            TOO_FEW,
            "too few pictures to tell what saving a picture once more does to it",
            f"{evidence} {possible}; changing little means less than {FALL:g} either way.",
        )
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
