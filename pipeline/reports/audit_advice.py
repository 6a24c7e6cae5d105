"""Why a shortcut is still there once pictures are converted, and what to do about it, in plain words."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.auditing import probes
from pipeline.auditing.findings import Shortcut, list_shortcuts, part_title
from pipeline.auditing.probes import ALL, BEST, BY_NAME, CONTENT, CONVERTED, HISTORY, TRAINING

STILL = 0.60  # ROC AUC of a converted file from which on a shortcut is named, certain or not

ADD_FAKE_JPEGS = (
    "Add at least five fakes saved as JPEG, or genuine pictures of the same origin as the fakes, or, where "
    "both classes have JPEGs, set data.protocol=[jpeg_only]."
)
_NAMED = 3  # single properties named where all together tell more
_COPYING = ("raw", "tif_only")  # policies that keep files as they are
_NOT_SEEN = "A network sees pixels only, so it cannot read this itself, but it may see what goes with it."
_UNSEEN = (probes.STRUCTURE, probes.BYTES, probes.METADATA)
_WHY_SIZE = "the classes differ in width and height."
_WHY_COPIED = {
    probes.FORMAT: "The policy keeps the formats of the files.",
    probes.COMPRESSION: "The policy keeps how files were compressed.",
    probes.STRUCTURE: "The policy keeps the segments that the files' software wrote.",
    probes.METADATA: "The policy keeps what software wrote into the files.",
    probes.BYTES: "The policy keeps the files, and with them their sizes.",
    probes.SIZE: f"The policy keeps width and height, and {_WHY_SIZE}",
}
_WHY_SAVED = {
    probes.BYTES: "Under like settings the size of a file tells how much detail its picture holds, and "
    "how much an earlier save had taken away.",
    probes.SIZE: f"No way of saving mends this: {_WHY_SIZE}",
}
_WHY_OTHER = "The conversion saves this by the same rule in both classes, and it differs for all that."
_ADVICE = {
    probes.BYTES: "Even out width and height first. What is left is the pictures' own: judge a detector by "
    "how far it lies above this figure.",
    probes.SIZE: "Train on crops of one size, or leave out the sizes that one class has alone; resizing "
    "only hides it.",
}
_WHY_CONTENT = (
    "Fakes and genuine pictures differ in what they show: in motif, composition, light or colours. They may "
    "come from different sources, forgers may have chosen certain motifs, or what was put in may be so large "
    "that it changes the whole. No way of saving mends this."
)
_ADVICE_CONTENT = (
    "Add genuine pictures that show the same as the fakes, best those that they were made from; "
    "data.protocol=[source_matched] keeps only these, where names tell them. Judge a detector by how far it "
    "lies above this figure, and by collections that it was not trained on."
)
_ADVICE_COPIED = "Set convert=matched: it saves both classes alike and drops what software wrote."
_ADVICE_SAVED = (
    "See by collection in “Every figure” where it comes from, and add pictures of the class that lacks it."
)


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
    """Tell whether in all collections of a part fakes kept their compression and others were given it."""
    return bool(audit["parts"][part]["kept_scans"]) and not audit["parts"][part]["saved_alike"]


def is_saved_alike(audit: Mapping[str, Any], part: str) -> bool:
    """Tell whether all pictures of a part were saved once more, both classes by the same settings."""
    policy = policy_of(audit)
    return policy == "equal" or (policy == "matched" and not audit["parts"][part]["kept_scans"])


def policy_of(audit: Mapping[str, Any]) -> str:
    """Name the policy of the conversion; what it did to a part is another matter."""
    return str(audit["built_from"]["convert"]["policy"])


def reason(shortcut: Shortcut, audit: Mapping[str, Any]) -> str:
    """Say why a shortcut is there in converted pictures."""
    if shortcut.kind == HISTORY:
        return _reason_of_history(shortcut.part, audit)
    if _tells_the_collection(shortcut, audit):
        return _shares_of_fakes(audit)
    if shortcut.kind == CONTENT:
        return _WHY_CONTENT
    if shortcut.what == ALL:
        return _reason_of_all(shortcut, audit)
    family = BY_NAME[shortcut.name].family
    why = _WHY_COPIED[family] if policy_of(audit) in _COPYING else _WHY_SAVED.get(family, _WHY_OTHER)
    return f"{why} {_NOT_SEEN}" if family in _UNSEEN else why


def reasons(shortcuts: Sequence[Shortcut], audit: Mapping[str, Any]) -> str:
    """Say why several are there; each reason once."""
    said = " ".join(dict.fromkeys(reason(shortcut, audit) for shortcut in shortcuts))
    return f"{said.replace(f' {_NOT_SEEN}', '')} {_NOT_SEEN}" if _NOT_SEEN in said else said


def advice(shortcuts: Sequence[Shortcut], audit: Mapping[str, Any]) -> str:
    """Say what to do about properties of converted files and about what pictures show; each advice once."""
    return " ".join(dict.fromkeys(_advice_on(shortcut, audit) for shortcut in shortcuts))


def _advice_on(shortcut: Shortcut, audit: Mapping[str, Any]) -> str:
    if _tells_the_collection(shortcut, audit):
        return "Read a detector's figures by collection, or bring the shares of fakes closer together."
    if shortcut.kind == CONTENT:
        return _ADVICE_CONTENT
    family = None if shortcut.what == ALL else BY_NAME[shortcut.name].family
    if policy_of(audit) in _COPYING and family != probes.SIZE:
        return _ADVICE_COPIED
    return _ADVICE_SAVED if family is None else _ADVICE.get(family, _ADVICE_SAVED)


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
    return f"convert={policy_of(audit)} leaves in the pixels how files were saved before."


def _reason_of_all(shortcut: Shortcut, audit: Mapping[str, Any]) -> str:
    listed = list_shortcuts(audit["parts"][shortcut.part][CONVERTED], shortcut.part)
    singles = [found for found in listed if found.what == BEST]
    strongest = "; ".join(f"{found.words} {found.roc_auc:.2f}" for found in singles[:_NAMED])
    if any((found.low or 0) > audit["settings"]["warn_above"] for found in singles):
        return f"All properties together; the strongest alone: {strongest}."
    return f"No single property does; together they do. The strongest alone: {strongest}."


def _tells_the_collection(shortcut: Shortcut, audit: Mapping[str, Any]) -> bool:
    """Tell whether a property says something of the pooled collections and nothing within any of them."""
    if shortcut.part != TRAINING:
        return False
    within = [
        found
        for name, part in audit["parts"].items()
        if name != TRAINING and not part["tested_only"] and part[CONVERTED] is not None
        for found in list_shortcuts(part[CONVERTED], name)
        if found.what == shortcut.what and (found.what == ALL or found.name == shortcut.name)
    ]
    warn = audit["settings"]["warn_above"]
    several = sum(not part["tested_only"] for part in audit["parts"].values()) > 1
    return several and all(found.low is None or found.low <= warn for found in within)


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
