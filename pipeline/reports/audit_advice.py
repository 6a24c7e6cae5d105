"""Why a shortcut is still there once pictures are converted, and what to do about it, in plain words."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.auditing.file_features import FEATURES
from pipeline.auditing.findings import (
    ALL,
    BEST,
    CONVERTED,
    PROBE,
    TRAINING,
    Shortcut,
    list_shortcuts,
    part_title,
)
from pipeline.auditing.shortcut_kinds import HISTORY, PROBES, Family

STILL = 0.60  # ROC AUC of a converted file from which on a shortcut is named, certain or not

ADD_FAKE_JPEGS = (
    "Add at least five fakes saved as JPEG, or genuine pictures of the same origin as the fakes, or, where "
    "both classes have JPEGs, set data.protocol=[jpeg_only]."
)
COPYING = ("raw", "tif_only")  # policies that keep files as they are
_NAMED = 3  # single properties named where all together tell more
_NOT_SEEN = "A network sees pixels only, so it cannot read this itself, but it may see what goes with it."


def still_there(audit: Mapping[str, Any]) -> list[tuple[Shortcut, str]]:
    """List what still tells the label of converted pictures at an AUC above `STILL`, with the reason."""
    named = [
        shortcut
        for part, found in audit["parts"].items()
        for shortcut in list_shortcuts(found[CONVERTED], part)
        if shortcut.roc_auc > STILL
    ]
    return [(shortcut, reason(shortcut, audit)) for shortcut in named]


def is_matched(audit: Mapping[str, Any], part: str) -> bool:
    """Return whether in all collections of a part fakes kept their compression and others were given it."""
    return bool(audit["parts"][part]["kept_scans"]) and not audit["parts"][part]["saved_alike"]


def is_saved_alike(audit: Mapping[str, Any], part: str) -> bool:
    """Return whether all pictures of a part were saved once more, both classes by the same settings."""
    policy = policy_of(audit)
    return policy == "equal" or (policy == "matched" and not audit["parts"][part]["kept_scans"])


def policy_of(audit: Mapping[str, Any]) -> str:
    """Return the policy of the conversion; what it did to a part is another matter."""
    return str(audit["built_from"]["convert"]["policy"])


def reason(shortcut: Shortcut, audit: Mapping[str, Any]) -> str:
    """Return why a shortcut is there in converted pictures."""
    if shortcut.kind == HISTORY:
        return _reason_of_history(shortcut.part, audit)
    if _tells_the_collection(shortcut, audit):
        return _shares_of_fakes(audit)
    if shortcut.what == PROBE:
        return PROBES[shortcut.name].why.format(policy=policy_of(audit))
    if shortcut.what == ALL:
        return _reason_of_all(shortcut, audit)
    family = FEATURES[shortcut.name].family
    why = family.why_kept if policy_of(audit) in COPYING else family.why_saved
    return why if family.in_pixels else f"{why} {_NOT_SEEN}"


def reasons(shortcuts: Sequence[Shortcut], audit: Mapping[str, Any]) -> str:
    """Return why several are there; each reason once."""
    said = " ".join(dict.fromkeys(reason(shortcut, audit) for shortcut in shortcuts))
    return f"{said.replace(f' {_NOT_SEEN}', '')} {_NOT_SEEN}" if _NOT_SEEN in said else said


def advice(shortcuts: Sequence[Shortcut], audit: Mapping[str, Any]) -> str:
    """Return what to do about shortcuts other than the compression history; each advice once."""
    return " ".join(dict.fromkeys(_advice_on(shortcut, audit) for shortcut in shortcuts))


def _advice_on(shortcut: Shortcut, audit: Mapping[str, Any]) -> str:
    if _tells_the_collection(shortcut, audit):
        return "Read a detector's figures by collection, or bring the shares of fakes closer together."
    if shortcut.what == PROBE:
        return PROBES[shortcut.name].advice
    family = Family if shortcut.what == ALL else FEATURES[shortcut.name].family
    return family.advice_kept if policy_of(audit) in COPYING else family.advice


def _reason_of_history(part: str, audit: Mapping[str, Any]) -> str:
    if is_matched(audit, part):
        return (
            "The last save is alike in both classes. What is left are earlier saves under it "
            "(convert=matched itself puts one more save on genuine JPEGs), and the tampering itself, which "
            "changes the same histograms."
        )
    if policy_of(audit) == "matched":
        return (
            f"convert=matched found too few fake JPEGs in {', '.join(audit['parts'][part]['saved_alike'])} "
            "and saved both classes alike there, which leaves in the pixels how files were saved before."
        )
    return PROBES[HISTORY].why.format(policy=policy_of(audit))


def _reason_of_all(shortcut: Shortcut, audit: Mapping[str, Any]) -> str:
    listed = list_shortcuts(audit["parts"][shortcut.part][CONVERTED], shortcut.part)
    singles = [found for found in listed if found.what == BEST]
    strongest = "; ".join(f"{found.words} {found.roc_auc:.2f}" for found in singles[:_NAMED])
    if any(found.is_above(audit["settings"]["warn_above"]) for found in singles):
        return f"All properties together; the strongest alone: {strongest}."
    return f"No single property does; together they do. The strongest alone: {strongest}."


def _tells_the_collection(shortcut: Shortcut, audit: Mapping[str, Any]) -> bool:
    """Return whether it says something of the pooled collections and nothing within any of them."""
    trained_on = {name: part for name, part in audit["parts"].items() if not part["tested_only"]}
    if shortcut.part != TRAINING or len(trained_on) < 2:
        return False
    within = [
        found
        for name, part in trained_on.items()
        if name != TRAINING
        for found in list_shortcuts(part[CONVERTED], name)
        if found.what == shortcut.what and (found.what == ALL or found.name == shortcut.name)
    ]
    return not any(found.is_above(audit["settings"]["warn_above"]) for found in within)


def _shares_of_fakes(audit: Mapping[str, Any]) -> str:
    shares = [
        f"{part_title(name)} {part['n_fake'] / (part['n_fake'] + part['n_genuine']):.0%}"
        for name, part in audit["parts"].items()
        if name != TRAINING and not part["tested_only"]
    ]
    return (
        "It tells which collection a picture is from, and that tells its label, because the shares of fakes "
        f"differ ({', '.join(shares)}); within one collection it tells nothing. Read a detector's figures by "
        "collection."
    )
