"""What an audit found, in plain words: what gives the label away, how much, and what to do about it."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pipeline.auditing import features
from pipeline.auditing.features import BY_NAME
from pipeline.auditing.findings import Shortcut, list_shortcuts, part_title
from pipeline.auditing.names import ALL, BEST, CONVERTED, PROBE, RAW, TRAINING
from pipeline.reports.numbers import Figure, as_decimal

BAD, WARNING, GOOD, NOTE = "bad", "warning", "good", "note"
STILL = 0.60  # ROC AUC of a converted file from which on a shortcut is named, certain or not
HISTORY = 0.80  # of the probe, from which on figures would be JPEG history and little else

_NOT_SEEN = "A network sees pixels only, so it cannot read this itself, but it may see what goes with it."
_WHY_STILL = {
    features.FORMAT: "The policy keeps the formats of the files. convert=matched saves all of them alike.",
    features.COMPRESSION: "The policy keeps how files were compressed. convert=matched gives both classes "
    "the same distribution of settings.",
    features.STRUCTURE: "Files that are kept carry the segments of their software. " + _NOT_SEEN,
    features.METADATA: "The policy keeps what software wrote into the files. convert=matched drops it. "
    + _NOT_SEEN,
    features.BYTES: "Under like settings the size of a file tells how much detail its picture holds, and "
    "how much an earlier save had taken away. " + _NOT_SEEN,
    features.SIZE: "No way of saving mends this: the classes differ in width and height. Train on crops of "
    "one size, or leave out the sizes that one class has alone; resizing only hides it.",
}
_MATCH = (
    "Set convert=matched: fakes keep their last compression and genuine pictures are given the same ones, so "
    "that “saved by an editor” says nothing any more."
)


class Remark(NamedTuple):
    """One thing that a person should know.

    Attributes:
        level: `BAD`, `WARNING`, `GOOD` or `NOTE`.
        title: in one line.
        text: what was found, and why it matters.
        advice: what to do; "" where there is nothing to be done.
    """

    level: str
    title: str
    text: str
    advice: str


def remarks(audit: Mapping[str, Any]) -> list[Remark]:
    """Say what was found, worst first."""
    found = [*_about_pixels(audit), *_about_files(audit), *_about_leaks(audit), *_about_labels(audit)]
    order = [BAD, WARNING, NOTE, GOOD]
    return sorted(found, key=lambda remark: order.index(remark.level))


def verdict(audit: Mapping[str, Any]) -> str:
    """Say the whole in one sentence."""
    part, warn = audit["parts"][TRAINING], audit["settings"]["warn_above"]
    if part["too_few"]:
        return f"There are too few pictures to tell: {part['too_few']}."
    strong = [found for found in list_shortcuts(part[CONVERTED], TRAINING) if (found.low or 0) > warn]
    probe = next((found for found in strong if found.what == PROBE), None)
    if probe is not None and probe.roc_auc >= HISTORY and _policy(audit) != "matched":
        return "Figures of a detector trained on these pictures would be JPEG history."
    if probe is not None:
        return "Part of a detector's figures will be compression history: read them against the probe's."
    if strong:
        return "Files tell something of the label even after conversion."
    return "Nothing was found besides the tampering that tells the label."


def still_there(audit: Mapping[str, Any]) -> list[tuple[Shortcut, str]]:
    """List what still tells the label of converted pictures at an AUC above `STILL`, with the reason."""
    named = [
        shortcut
        for part, found in audit["parts"].items()
        for shortcut in list_shortcuts(found[CONVERTED], part)
        if shortcut.roc_auc > STILL
    ]
    return [(shortcut, _why(shortcut, audit)) for shortcut in named]


def _why(shortcut: Shortcut, audit: Mapping[str, Any]) -> str:
    if shortcut.what == PROBE:
        if _policy(audit) == "matched":
            return (
                "The last save is alike in both classes. What is left are earlier saves under it, and the "
                "tampering itself, which changes the same histograms."
            )
        return f"convert={_policy(audit)} leaves in the pixels how files were saved before."
    if _tells_the_collection(shortcut, audit):
        return _shares_of_fakes(audit)
    if shortcut.what == ALL:
        return "All properties together; see the single ones for the cause."
    return _WHY_STILL[BY_NAME[shortcut.name].family]


def _tells_the_collection(shortcut: Shortcut, audit: Mapping[str, Any]) -> bool:
    """Tell whether a property says something of the pooled collections and nothing within any of them."""
    if shortcut.part != TRAINING:
        return False
    within = [
        found
        for name, part in audit["parts"].items()
        if name != TRAINING and not part["tested_only"] and part[CONVERTED] is not None
        for found in list_shortcuts(part[CONVERTED], name)
        if found.what == shortcut.what and (found.what != BEST or found.name == shortcut.name)
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


def _about_pixels(audit: Mapping[str, Any]) -> Iterator[Remark]:
    part = audit["parts"][TRAINING]
    found = None if part["too_few"] else part[CONVERTED][PROBE]
    if found is None or found["roc_auc"] is None:
        yield Remark(NOTE, "The pixels were not probed", "Too few pictures of each class were looked at.", "")
        return
    auc = _written(found)
    seen = (
        "A forest was shown how often each DCT coefficient and each residual occurs, and neither what a "
        f"picture shows nor where. On pictures that it had not learnt from it reaches a ROC AUC of {auc}."
    )
    if not found["low"] or found["low"] <= audit["settings"]["warn_above"]:
        yield Remark(GOOD, f"The pixels do not tell how they were saved: {auc}", seen, "")
    elif _policy(audit) == "matched":
        yield Remark(
            WARNING,
            f"Pixels still tell something of their past: {auc}",
            f"{seen} The last compression is distributed alike in both classes, so this is no longer the "
            "last save. It is what lies under it: a fake was decoded, changed and saved once more; and the "
            "tampering itself, which changes the histograms, too.",
            "No way of saving takes this away. Judge a detector by how far it lies above this figure, by its "
            "maps, and by collections that it was not trained on.",
        )
    elif found["roc_auc"] >= HISTORY:
        yield Remark(
            BAD,
            f"Pixels tell the label by their JPEG history: {auc}",
            f"{seen} A detector can do the same and find no tampering at all: figures on these pictures "
            "would be JPEG history."
            + (
                " Saving all pictures alike has hidden the history from the files and left it in the pixels."
                if _policy(audit) == "equal"
                else ""
            ),
            _MATCH,
        )
    else:
        yield Remark(
            WARNING,
            f"Pixels tell something of the label by their history: {auc}",
            f"{seen} Figures of a detector would in part be JPEG history.",
            _MATCH,
        )


def _about_files(audit: Mapping[str, Any]) -> Iterator[Remark]:
    part, warn = audit["parts"][TRAINING], audit["settings"]["warn_above"]
    if part["too_few"]:
        yield Remark(
            NOTE,
            "Too few pictures to learn from",
            f"There are {part['too_few']}. What tells their label cannot be known.",
            "Add pictures, or read the figures of any detector with that in mind.",
        )
        return
    before = [found for found in list_shortcuts(part[RAW], TRAINING) if (found.low or 0) > warn]
    after = [found for found in list_shortcuts(part[CONVERTED], TRAINING) if (found.low or 0) > warn]
    single = [found for found in after if found.what == BEST]
    together = [found for found in after if found.what == ALL]
    if single or together:
        strongest = (single or together)[0]
        reasons = dict.fromkeys(_why(found, audit) for found in single or together)
        figure = as_decimal(Figure(*strongest[4:]))
        yield Remark(
            BAD if strongest.roc_auc >= HISTORY else WARNING,
            f"Converted files tell the label: {strongest.words}, {figure}",
            f"{len(single)} of {len(BY_NAME)} properties of the files lie above {warn:g} with their whole "
            f"interval, though nothing of the picture was looked at. {' '.join(reasons)}",
            "",
        )
    else:
        yield Remark(
            GOOD,
            "Converted files do not tell the label",
            f"No property of a file, alone or with the others, lies above {warn:g} with its whole interval.",
            "",
        )
    if before and _policy(audit) not in ("raw", "tif_only"):
        yield Remark(
            NOTE,
            f"The files as handed in told it: {before[0].words}, {as_decimal(Figure(*before[0][4:]))}",
            f"{len([found for found in before if found.what == BEST])} properties of the original files gave "
            "their label away. The conversion took away what lies between the two dots of a row below.",
            "",
        )


def _about_leaks(audit: Mapping[str, Any]) -> Iterator[Remark]:
    leaks = audit["leaks"]
    leaking = [row for row in leaks["counts"] if row["split"] in ("test", "elsewhere")]
    if leaking:
        worst = max(leaking, key=lambda row: row["pictures"] / row["of"])
        yield Remark(
            BAD if worst["pictures"] / worst["of"] > 0.01 else WARNING,
            f"The split leaks: {worst['pictures']:,} of {worst['of']:,} {worst['label']} test pictures",
            f"They are {worst['relation']} with {worst['label_in_train']} pictures that are trained on. A "
            "detector may know them instead of judging them.",
            "Set split=grouped, or split=parents where one group holds most fakes."
            if audit["built_from"]["split"]["method"] in ("random", "official")
            else "Look at the pairs below; give their names a source id in data.collections.<name>.naming.",
        )
    else:
        yield Remark(
            GOOD,
            "Nothing tested was trained on",
            "No test picture shares a group, its bytes, its pixels or its looks with a training picture.",
            "",
        )
    largest = next(iter(leaks["largest_groups"]), None)
    if largest and largest["share_of_fakes"] > 0.3 and len(largest["splits"]) == 1:
        yield Remark(
            NOTE,
            f"One group holds {largest['share_of_fakes']:.0%} of the fakes",
            f"{largest['pictures']:,} pictures hang together over their sources and stand in "
            f"{largest['splits'][0]} as a whole, so the other splits are small.",
            "split=parents deals single sources and leaves out the fakes that would join two sides.",
        )


def _about_labels(audit: Mapping[str, Any]) -> Iterator[Remark]:
    labels, masks = audit["labels"], audit["masks"]
    if labels["identical"]:
        yield Remark(
            BAD,
            f"{labels['identical']:,} pictures are there as genuine and as fake",
            "They have the same pixels, so one of the two labels is wrong, or the fake was never changed.",
            "Remove one of each, or correct its folder; they are listed below.",
        )
    if labels["alike_unexplained"]:
        yield Remark(
            NOTE,
            f"{labels['alike_unexplained']:,} pairs look alike, have unlike labels and share no source",
            "A fake looks like the picture that it was made from; these have no name in common that says so.",
            "If they belong together, a rule in data.collections.<name>.naming keeps them on one side.",
        )
    odd = {kind: len(masks[kind]) for kind in ("empty", "full", "inverted", "rejected") if masks[kind]}
    if odd:
        yield Remark(
            WARNING,
            "Masks that cannot be right: " + ", ".join(f"{count} {kind}" for kind, count in odd.items()),
            "An empty or full mask shows no place, an inverted one the wrong one; a rejected one has another "
            "shape than its picture.",
            "Correct or remove them; they are listed below.",
        )


def _policy(audit: Mapping[str, Any]) -> str:
    return str(audit["built_from"]["convert"]["policy"])


def _written(estimate: Mapping[str, Any]) -> str:
    return as_decimal(Figure(estimate["roc_auc"], estimate["low"], estimate["high"]))
