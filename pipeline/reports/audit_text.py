"""What an audit found, in plain words: what gives the label away, how much, and what to do about it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.auditing.file_features import FEATURES
from pipeline.auditing.findings import (
    ALL,
    BEST,
    CONVERTED,
    ELSEWHERE,
    PROBE,
    RAW,
    TRAINING,
    Shortcut,
    list_shortcuts,
    part_title,
)
from pipeline.auditing.shortcut_kinds import HISTORY, PROBES
from pipeline.datasets.power import rough_test, says_nothing, what_it_takes
from pipeline.errors import counted
from pipeline.evaluation.bootstrap import Metric
from pipeline.evaluation.metrics import NEAR_A_COIN
from pipeline.reports.audit_advice import (
    ADD_FAKE_JPEGS,
    COPYING,
    STILL,
    advice,
    is_matched,
    is_saved_alike,
    policy_of,
    reasons,
)
from pipeline.reports.rendering import BAD, GOOD, LEVELS, NOTE, TOO_FEW, WARNING, as_decimal

LITTLE_ELSE = 0.80  # ROC AUC of a shortcut, from which on figures would be it and little else
# The same for the history in pixels where the last save is matched: tampering changes the histograms, too.
LITTLE_ELSE_MATCHED = 0.95


class Remark(NamedTuple):
    """One thing that a person should know: what was found, why it matters, what to do ("": nothing)."""

    level: str
    title: str
    text: str
    advice: str = ""


def remarks(audit: Mapping[str, Any]) -> list[Remark]:
    """Return what was found, worst first."""
    found = [*file_remarks(audit), *content_remarks(audit)]
    found += [remark for each in (_about_leaks, _about_labels, _about_the_test) for remark in each(audit)]
    return sorted(found, key=lambda remark: LEVELS.index(remark.level))


def file_remarks(audit: Mapping[str, Any]) -> list[Remark]:
    """Return what tells the label by how pictures were saved: the pixels' past, and the files."""
    return [remark for each in (_about_pixels, _about_matching, _about_files) for remark in each(audit)]


def content_remarks(audit: Mapping[str, Any]) -> list[Remark]:
    """Return what probes found besides the compression history; nothing where pictures were not probed."""
    listed = list_shortcuts(audit["parts"][TRAINING][CONVERTED], TRAINING)
    return [_about_probe(found, audit) for found in listed if found.what == PROBE and found.kind != HISTORY]


def _about_probe(found: Shortcut, audit: Mapping[str, Any]) -> Remark:
    probe, auc = PROBES[found.name], _written(found)
    seen = f"{probe.seen} {auc}."
    if not found.is_above(audit["settings"]["warn_above"]):
        return _nothing_found(f"{probe.not_found}: {auc}", f"{probe.asked}: {auc}", seen, [found], audit)
    return Remark(
        BAD if found.roc_auc >= LITTLE_ELSE else WARNING,
        f"{probe.found}: {auc}",
        f"{seen} {reasons([found], audit)} A detector can learn that and find no tampering at all.",
        advice([found], audit),
    )


def _nothing_found(
    title: str, asked: str, text: str, shortcuts: Sequence[Shortcut], audit: Mapping[str, Any]
) -> Remark:
    """Return praise where the intervals show that there is nothing, else how much there may be."""
    reach = _reach(shortcuts)
    possible = f" By the interval it may be as much as {reach:.2f}."
    if reach <= NEAR_A_COIN[1]:
        return Remark(GOOD, title, text + (possible if reach > STILL else ""))
    n_groups = counted(audit["parts"][TRAINING]["n_groups"], "group")
    return Remark(
        TOO_FEW,
        f"Too few pictures to tell {asked}",
        f"{text}{possible} Below {NEAR_A_COIN[1]:g} it would be shown that there is nothing.",
        f"Add pictures of other groups; there are {n_groups}. {what_it_takes()}",
    )


def _reach(shortcuts: Sequence[Shortcut]) -> float:
    """Return the highest ROC AUC that intervals leave possible; what lies below 0.5 can be read backwards."""
    ends = [
        (0.0, 1.0) if found.low is None or found.high is None else (found.low, found.high)
        for found in shortcuts
    ]
    return max((max(1 - low, high) for low, high in ends), default=0.5)


def verdict(audit: Mapping[str, Any]) -> str:
    """Return the whole in one sentence."""
    part, warn = audit["parts"][TRAINING], audit["settings"]["warn_above"]
    if part["too_few"]:
        return f"There are too few pictures to tell: {part['too_few']}."
    strong = _strong(part[CONVERTED], warn)
    probes = [PROBES[found.name] for found in strong if found.what == PROBE]
    if any(found.kind == HISTORY and _is_history(found, audit) for found in strong):
        if is_matched(audit, TRAINING):
            return "Even with matched saves a detector's figures would be compression history."
        return "Figures of a detector trained on these pictures would be JPEG history."
    if probes:
        shares = " and ".join(probe.share for probe in probes)
        named = " and ".join(f"“{probe.words}”" for probe in probes)
        figures = "figure" if len(probes) == 1 else "figures"
        return f"Part of a detector's figures will be {shares}: read them beside the {figures} of {named}."
    if strong:
        return "Files tell something of the label even after conversion."
    reach = _reach(list_shortcuts(part[CONVERTED], TRAINING))
    if reach > NEAR_A_COIN[1]:
        return f"Too few pictures to tell: shortcuts of up to {reach:.2f} are possible."
    if not part[CONVERTED][PROBE]:
        return "Nothing was found in the files; the pixels were not probed."
    return "Nothing was found besides the tampering that tells the label."


def nothing_above(audit: Mapping[str, Any]) -> str:
    """Return what stands where no shortcut of any part is above `STILL`: nothing, or why none can tell."""
    told = {part_title(name): _untold(found, name) for name, found in audit["parts"].items()}
    sure = [name for name, why in told.items() if not why]
    unsure = [f"{name}: {why}" for name, why in told.items() if why]
    if not unsure:
        return "Nothing."
    beside = f"Nothing in {', '.join(sure)}. " if sure else ""
    return f"{beside}Too few pictures to tell about {'; '.join(unsure)}."


def _untold(part: Mapping[str, Any], name: str) -> str:
    """Return why a part without a shortcut above `STILL` may have one; "" where its intervals exclude it."""
    if part["too_few"]:
        return str(part["too_few"])
    reach = _reach(list_shortcuts(part[CONVERTED], name))
    if reach > NEAR_A_COIN[1]:
        return f"by the intervals shortcuts of up to {reach:.2f} are possible"
    return "" if part[CONVERTED][PROBE] else "the pixels were not probed"


def _is_history(history: Shortcut, audit: Mapping[str, Any]) -> bool:
    return history.roc_auc >= (LITTLE_ELSE_MATCHED if is_matched(audit, TRAINING) else LITTLE_ELSE)


def _strong(found: Mapping[str, Any] | None, warn: float) -> list[Shortcut]:
    """List the shortcuts of the training part that lie above a limit with their whole interval."""
    return [shortcut for shortcut in list_shortcuts(found, TRAINING) if shortcut.is_above(warn)]


def _about_pixels(audit: Mapping[str, Any]) -> Iterator[Remark]:
    listed = list_shortcuts(audit["parts"][TRAINING][CONVERTED], TRAINING)
    history = next((found for found in listed if found.kind == HISTORY), None)
    if history is None:
        yield Remark(TOO_FEW, "The pixels were not probed", "Too few pictures of each class were looked at.")
        return
    probe, auc = PROBES[HISTORY], _written(history)
    seen = f"{probe.seen} {auc}."
    mending = ADD_FAKE_JPEGS if policy_of(audit) == "matched" else probe.advice
    if not history.is_above(audit["settings"]["warn_above"]):
        yield _nothing_found(f"{probe.not_found}: {auc}", f"{probe.asked}: {auc}", seen, [history], audit)
    elif is_matched(audit, TRAINING):
        yield _about_matched_pixels(history, seen, audit)
    elif _is_history(history, audit):
        saved_alike = (
            " Saving all pictures alike has hidden the history from the files and left it in the pixels."
            if is_saved_alike(audit, TRAINING)
            else ""
        )
        yield Remark(
            BAD,
            f"{probe.found}: {auc}",
            f"{seen} A detector can do the same and find no tampering at all: figures on these pictures "
            f"would be JPEG history.{saved_alike}",
            mending,
        )
    else:
        yield Remark(
            WARNING,
            f"Pixels tell something of the label by their history: {auc}",
            f"{seen} Figures of a detector would in part be JPEG history.",
            mending,
        )


def _about_matched_pixels(history: Shortcut, seen: str, audit: Mapping[str, Any]) -> Remark:
    kept, n_fake = (audit["parts"][TRAINING][name] for name in ("kept_scans", "n_fake"))
    text = (
        f"{seen} The last compression is distributed alike in both classes ({kept:,} of {n_fake:,} fakes "
        "kept theirs), so this is no longer the last save. It is what lies under it: a fake was decoded, "
        "changed and saved once more; convert=matched itself puts one more save on genuine JPEGs; and the "
        "tampering changes the histograms, too."
    )
    auc = _written(history)
    if _is_history(history, audit):
        return Remark(
            BAD,
            f"Pixels tell the label in spite of matched saves: {auc}",
            f"{text} A detector can do the same and find no tampering at all: its figures on these "
            "pictures would be compression history.",
            "Add genuine pictures of the same origin as the fakes, saved as often as these; or set "
            "data.protocol=[jpeg_only] where both classes have JPEGs. Believe only figures on collections "
            "that were not trained on.",
        )
    return Remark(
        WARNING,
        f"Pixels still tell something of their past: {auc}",
        text,
        "No way of saving takes this away. Judge a detector by how far it lies above this figure, and by "
        "collections that it was not trained on.",
    )


def _about_matching(audit: Mapping[str, Any]) -> Iterator[Remark]:
    alike = sorted({name for part in audit["parts"].values() for name in part["saved_alike"]})
    if alike:
        names = ", ".join(alike)
        yield Remark(
            NOTE,
            f"convert=matched had nothing to match in {names}",
            f"There are fewer than five fake JPEGs in {'it' if len(alike) == 1 else 'each'}, too few for a "
            "distribution of settings; so all pictures there were saved alike, and how either class was "
            "saved before is left in the pixels.",
            ADD_FAKE_JPEGS,
        )


def _about_files(audit: Mapping[str, Any]) -> Iterator[Remark]:
    part, warn = audit["parts"][TRAINING], audit["settings"]["warn_above"]
    if part["too_few"]:
        yield Remark(
            TOO_FEW,
            "Too few pictures to learn from",
            f"There are {part['too_few']}. What tells their label cannot be known.",
            f"Add pictures, or read the figures of any detector with that in mind. {what_it_takes()}",
        )
        return
    before, after = (_strong(part[side], warn) for side in (RAW, CONVERTED))
    single = [found for found in after if found.what == BEST]
    telling = single or [found for found in after if found.what == ALL]
    if telling:
        strongest = telling[0]
        lie = "lie" if len(single) > 1 else "lies"
        counted = (
            f"{len(single)} of {len(FEATURES)} properties of the files {lie} above {warn:g} with the whole "
            "interval, though nothing of the picture was looked at. "
        )
        yield Remark(
            BAD if strongest.roc_auc >= LITTLE_ELSE else WARNING,
            f"Converted files tell the label: {strongest.words}, {_written(strongest)}",
            (counted if single else "") + reasons(telling, audit),
            advice(telling, audit),
        )
    else:
        listed = [found for found in list_shortcuts(part[CONVERTED], TRAINING) if found.what != PROBE]
        reach = f"up to {_reach(listed):.2f} is possible" if listed else "they are alike"
        yield _nothing_found(
            f"Converted files do not tell the label: {reach}",
            f"whether converted files tell the label: {reach}",
            f"No property of a file, alone or with the others, lies above {warn:g} with its whole interval.",
            listed,
            audit,
        )
    before = [found for found in before if found.what != PROBE]
    if before and policy_of(audit) not in COPYING:
        n_single = sum(found.what == BEST for found in before)
        telling_it = {0: "All properties together", 1: "A property"}.get(n_single, f"{n_single} properties")
        yield Remark(
            NOTE,
            f"The files as handed in told it: {before[0].words}, {_written(before[0])}",
            f"{telling_it} of the original files gave their label away. The conversion took away what lies "
            "between the two dots of a row below.",
        )


def _about_leaks(audit: Mapping[str, Any]) -> Iterator[Remark]:
    leaks = audit["leaks"]
    leaking = [row for row in leaks["counts"] if row["split"] in ("test", ELSEWHERE)]
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
        shared = "No test picture shares a group, its bytes, its pixels or its looks with a training picture."
        few = says_nothing(audit["test_groups"])
        yield Remark(
            TOO_FEW if few else GOOD,
            "None of the few tested pictures was trained on" if few else "Nothing tested was trained on",
            shared + (" So few say little of the way they were dealt." if few else ""),
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
            f"{counted(labels['identical'], 'picture')} as genuine and as fake at once",
            "They have the same pixels, so one of the two labels is wrong, or the fake was never changed.",
            "Remove one of each, or correct its folder; they are listed below.",
        )
    if labels["alike_unexplained"]:
        yield Remark(
            NOTE,
            f"{counted(labels['alike_unexplained'], 'pair')} of pictures that look alike, with unlike labels "
            "and no common source",
            "A fake looks like the picture that it was made from; these have no name in common that says so.",
            "If they belong together, a rule in data.collections.<name>.naming keeps them on one side.",
        )
    for sentence in audit["losses"]["uneven"]:
        yield Remark(
            WARNING,
            "One class lost more pictures than the other",
            f"{sentence[:1].upper()}{sentence[1:]}.",
            "data/converted/rejected.csv says why each was lost; save them as a format that is read, or take "
            "as many of the other class away.",
        )
    odd = {kind: len(masks[kind]) for kind in ("empty", "full", "inverted", "rejected") if masks[kind]}
    if odd:
        yield Remark(
            WARNING,
            "Masks that cannot be right: " + ", ".join(f"{count} {kind}" for kind, count in odd.items()),
            "An empty or full mask shows no place, an inverted one the wrong one; a rejected one has another "
            "shape than its picture, or no rule tells what of it is background.",
            "Correct or remove them; they are listed below.",
        )


def _about_the_test(audit: Mapping[str, Any]) -> Iterator[Remark]:
    if rough := rough_test(audit["test_groups"]):
        yield Remark(
            TOO_FEW,
            "Few pictures to test on: any figure of a detector will be rough",
            rough,
            "Add pictures of other groups before training, give the test a larger share "
            "(split.shares), or cross-validate (split.folds).",
        )


def _written(shortcut: Shortcut) -> str:
    return as_decimal(Metric(shortcut.roc_auc, shortcut.low, shortcut.high))
