"""May the metrics of a detector be believed? What gives it away besides forgeries; the verdict of all rules.

Titles of findings are clauses in words that need no knowledge of the field, because the verdict is put
together from them; technical terms and numbers stand in their texts.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from pipeline.auditing.file_features import FEATURES
from pipeline.auditing.findings import ALL, ALL_WORDS, BEST, scored_shortcuts
from pipeline.auditing.shortcut_kinds import CONTENT as PROBE_OF_CONTENT
from pipeline.auditing.shortcut_kinds import HISTORY, PROBES
from pipeline.datasets.power import NOTHING_SAID
from pipeline.evaluation.bootstrap import Metric
from pipeline.evaluation.metrics import NEAR_A_COIN
from pipeline.evaluation.perturbations import CONTENT_ONLY
from pipeline.evaluation.results import A_SET, BEST_SHORTCUT, TEST, Results, metric_of
from pipeline.evaluation.robustness import AS_HANDED_IN
from pipeline.evaluation.robustness import FRAGILE as FALLS
from pipeline.evaluation.robustness import SHORTCUT as TELLS
from pipeline.reports.audit_advice import policy_of
from pipeline.reports.audit_text import Remark, content_remarks, file_remarks
from pipeline.reports.rendering import BAD, GOOD, LEVELS, TOO_FEW, WARNING, as_decimal
from pipeline.reports.trust_rules import (
    ALTERED,
    CONTENT,
    CONTROL,
    ELSEWHERE,
    FILES,
    FRAGILE,
    LEAK,
    NO_BETTER,
    NOT_ALTERED,
    NUMBER,
    SHORTCUTS,
    SKILL,
    SMALL,
    Check,
    Finding,
    about_control,
    about_elsewhere,
    about_fragility,
    about_leak,
    about_number,
    about_skill,
    half_width,
    pairs,
    surely_above,
)


def shortcut_words(results: Results) -> str:
    """Return the words of the best shortcut on the test split as the audit does; "" where none is known."""
    return next(iter(results.shortcuts.loc[results.shortcuts["part"] == TEST, "words"]), "")


def plain_trick(words: str) -> str:
    """Return in plain words what a shortcut reads; one without such words keeps its own."""
    plain = {probe.words: probe.plain for probe in PROBES.values()}
    plain |= {feature.words: feature.family.plain for feature in FEATURES.values()}
    return (plain | {ALL_WORDS: "what the file says besides the picture"}).get(words, words) or "the best one"


_JUDGED = ("", FALLS, TELLS)  # other verdicts say why there is none
_COPYING = ("raw", "tif_only")  # policies that keep files as they are
# Worst first.
_FILES_SAY = {
    BAD: "how the files were saved gives the label away",
    WARNING: "how the files were saved still tells something of the label",
    TOO_FEW: "too few pictures to tell whether how the files were saved gives the label away",
    GOOD: "how the files were saved tells nothing of the label",
}
_PICTURES_SAY = {
    BAD: "what the pictures show gives the label away",
    WARNING: "what the pictures show tells something of the label",
    TOO_FEW: "too few pictures to tell whether fakes show other things than genuine pictures",
    GOOD: "fakes are not found to show other things than genuine pictures",
}


def about_shortcuts(results: Results) -> Check:
    """Compare the detector with the best shortcut, on the same pictures."""
    detector, shortcut = results.metric(TEST, "roc_auc"), results.metric(TEST, BEST_SHORTCUT)
    if detector.value is None:
        return (
            WARNING,
            "whether a trick does as well cannot be told",
            "Comparing the two takes tested pictures of both classes, and answers for them.",
        )
    if shortcut.value is None:
        why = (
            _no_audit(results)
            if not results.audit
            else "The shortcut audit of this data has no figure for the tested pictures: it is of others, "
            "or there are too few of a class to learn from, or to test on."
        )
        return (
            WARNING,
            "nobody has checked whether a trick does as well",
            f"What can be reached without looking for a forgery is not known. {why}",
        )
    words = shortcut_words(results) or "the best shortcut"
    evidence = (
        f"Shown one fake and one genuine picture, the detector picks the fake in {pairs(detector)} cases "
        f"(ROC AUC {as_decimal(detector)}). {words[:1].upper()}{words[1:]} alone, which looks for no "
        f"forgery, does in {pairs(shortcut)} ({as_decimal(shortcut)})."
    )
    if surely_above(detector, shortcut) and surely_above(detector, Metric(0.5, 0.5, 0.5)):
        return GOOD, "it is clearly better than any trick that looks for no forgery", evidence
    surely_below = surely_above(shortcut, detector)
    if not surely_below and max(half_width(detector), half_width(shortcut)) > NOTHING_SAID:
        return TOO_FEW, "too few pictures to tell whether a trick does as well", evidence
    if detector.value <= shortcut.value:
        if surely_below:
            title = "a trick that looks for no forgery does better"
        elif pairs(detector) == pairs(shortcut):
            title = "a trick that looks for no forgery does as well"
        else:
            title = "it is not better than a trick that looks for no forgery"
        return (
            BAD,
            title,
            f"{evidence} So the test can be passed without finding any forgery, and nothing shows that this "
            "detector finds one.",
        )
    return (
        WARNING,
        "it is hardly better than a trick that looks for no forgery",
        f"{evidence} With so many pictures the difference may be chance.",
    )


def _no_audit(results: Results) -> str:
    """Return that there is no audit, and what makes one; of scored pictures that takes two commands."""
    if results.scored:
        making = " The commands that make one stand under “What exactly was run?”."
        return "There is no shortcut audit of these pictures." + (making if results.scored == A_SET else "")
    return "There is no shortcut audit of this data; python -m pipeline.audit makes one."


def about_files(results: Results) -> Check:
    """Return what the audit found, and how files were prepared."""
    if not results.audit:
        policy = results.record.get("config", {}).get("convert", {}).get("policy")
        if policy in _COPYING and not results.scored:  # which converts by a policy of its own
            return (
                WARNING,
                "files were used as handed in",
                f"convert={policy} keeps whatever the files' software left in them.",
            )
        return None
    prepared = f"Pictures were prepared with convert={policy_of(results.audit)}; see audit.html."
    return _worst(results, file_remarks(results.audit), (BEST, ALL, HISTORY), _FILES_SAY, prepared)


def about_content(results: Results) -> Check:
    """Check whether fakes and genuine pictures show unlike things, in training or in what was tested."""
    if not results.audit:
        return None
    found = content_remarks(results.audit)
    return _worst(
        results, found, (PROBE_OF_CONTENT,), _PICTURES_SAY, "It was told from thumbnails; see audit.html."
    )


def _worst(
    results: Results, remarks: Sequence[Remark], kinds: Sequence[str], says: Mapping[str, str], text: str
) -> Check:
    """Return the worst that the audit found in training or test; None where that is no praise and no blame.

    Args:
        results: with an audit.
        remarks: of the training pictures.
        kinds: of the shortcuts that were scored on the tested pictures: what these tell contradicts praise.
        says: level -> title.
        text: for the end.
    """
    level = next((each for each in says if each in {remark.level for remark in remarks}), None)
    scored = scored_shortcuts(results.audit, "test")
    tested = {
        scored[kind]["words"]: metric_of(scored[kind], value="roc_auc") for kind in kinds if kind in scored
    }
    telling = [
        name for name, auc in tested.items() if (auc.low or 0.0) > results.audit["settings"]["warn_above"]
    ]
    unbounded = [name for name, auc in tested.items() if auc.high is None or auc.high > NEAR_A_COIN[1]]
    if level not in (BAD, WARNING) and telling:
        return WARNING, says[WARNING], f"{_on_the_test(tested, telling)} {text}"
    if level is None:
        return None
    evidence = " ".join(f"{remark.title}." for remark in remarks if remark.level == level)
    if level == GOOD and unbounded:
        return TOO_FEW, says[TOO_FEW], f"{evidence} {_on_the_test(tested, unbounded)} {text}"
    if level == GOOD:
        low, high = NEAR_A_COIN
        evidence += f" Nothing means that every interval lies between {low:g} and {high:g}."
    # What the audit found does not explain figures that are surely above it.
    explained = not surely_above(results.metric(TEST, "roc_auc"), results.metric(TEST, BEST_SHORTCUT))
    return level if level != BAD or explained else WARNING, says[level], f"{evidence} {text}"


def _on_the_test(tested: Mapping[str, Metric], names: Sequence[str]) -> str:
    listed = "; ".join(f"{name} {as_decimal(tested[name])}" for name in names)
    return f"Learnt from the training pictures and scored on the tested ones: {listed}."


def about_alterations(results: Results) -> Check:
    """Check what should make the task harder and does not."""
    altered = results.robustness[results.robustness["name"] != AS_HANDED_IN]
    judged = altered[altered["verdict"].isin(_JUDGED)]
    rows = judged[judged["verdict"] == TELLS]
    if rows.empty and judged["family"].eq(CONTENT_ONLY).nunique() < 2:  # alterations and probes, both
        reasons = sorted(set(altered["verdict"]) - {*_JUDGED})
        return (
            WARNING,
            "nobody has checked what it knows where no trace of a forgery is left",
            NOT_ALTERED
            if results.scored
            else f"Of {len(altered)} alterations {len(judged)} could be judged"
            + (f" ({', '.join(reasons)})." if reasons else "; evaluate.robustness=fast makes some."),
        )
    if rows.empty:
        text = (
            f"{len(judged)} of {len(altered)} could be judged. One that did, or one that leaves no trace of "
            "a forgery and changes nothing, would show that it reads something else."
        )
        unbounded = [row["name"] for _, row in judged.iterrows() if not _makes_no_better(row)]
        if not unbounded:
            return GOOD, "no alteration of the pictures makes it better", text
        return (
            TOO_FEW,
            "too few pictures to tell whether an alteration makes it better",
            f"{text} By the intervals {len(unbounded)} may: {', '.join(unbounded)}.",
        )
    probes = rows[rows["family"] == CONTENT_ONLY]
    whole = results.metric(TEST, "roc_auc")
    named = ", ".join(f"{row['name']} {row['roc_auc']:.2f}" for row in rows.to_dict("records"))
    as_well = whole.low is not None and len(probes) > 0 and bool(probes["roc_auc"].max() >= whole.low)
    return (
        BAD if as_well else WARNING,
        "it knows something where no trace of a forgery is left"
        if len(probes)
        else "it gets better when pictures get worse",
        f"ROC AUC after alteration: {named}; of the pictures as they are {as_decimal(whole)}. It reads "
        "something besides forgeries.",
    )


def _makes_no_better(row: pd.Series) -> bool:
    """Return whether an alteration surely leaves a detector no better, or a probe no better than a coin."""
    if row["family"] == CONTENT_ONLY:
        return bool(row["high"] <= NEAR_A_COIN[1])
    return bool(row["change_high"] <= SMALL[1])


RULES: dict[str, Callable[[Results], Check]] = {  # weightiest first
    SHORTCUTS: about_shortcuts,
    LEAK: about_leak,
    CONTROL: about_control,
    FRAGILE: about_fragility,
    SKILL: about_skill,
    FILES: about_files,
    CONTENT: about_content,
    ALTERED: about_alterations,
    ELSEWHERE: about_elsewhere,
    NUMBER: about_number,
}


def believe(results: Results) -> list[Finding]:
    """List the reasons for and against, worst first, weightiest first among equals."""
    found = [Finding(about, *check) for about, rule in RULES.items() if (check := rule(results))]
    return sorted(found, key=lambda finding: LEVELS.index(finding.level))


# Each must be good before figures may be believed. Fragility is among them because a figure that is gone once
# a picture is saved again holds for these files, and a reader takes it to hold for pictures.
_ESSENTIAL = (SHORTCUTS, LEAK, CONTROL, FRAGILE)
_REASONS = 3  # more are not read


class Verdict(NamedTuple):
    """What a reader takes away: `GOOD`, `WARNING` or `BAD`, in a few words, and why in one sentence."""

    level: str
    headline: str
    because: str


def conclude(findings: Sequence[Finding]) -> Verdict:
    """Return the verdict that the findings of `believe` come to.

    The fewer pictures, the harder it is: what a small test cannot show is not half believed.
    """
    bad = [finding for finding in findings if finding.level == BAD]
    few = [finding for finding in findings if finding.about == NUMBER and finding.level == TOO_FEW]
    essential = [finding for finding in findings if finding.about in _ESSENTIAL]
    doubtful = [finding for finding in essential if finding.level != GOOD]
    if few:
        return Verdict(BAD, "Do not believe these figures: too few pictures", _sentence([*few, *bad]))
    if [finding.about for finding in bad] == [SKILL]:
        works = "The detector does not work" if bad[0].title == NO_BETTER else "It is not shown to work"
        return Verdict(BAD, works, _sentence(bad))
    if bad:
        return Verdict(BAD, "Do not believe these figures", _sentence(bad))
    if doubtful:
        sure = [finding for finding in essential if finding.level == GOOD]
        return Verdict(WARNING, "Believe these figures only in part", _sentence(sure, doubtful))
    bounded = any(finding.about == ELSEWHERE and finding.level != GOOD for finding in findings)
    return Verdict(
        GOOD,
        "These figures may be believed" + (", for pictures like these" if bounded else ""),
        _sentence(essential),
    )


def _sentence(*sides: Sequence[Finding]) -> str:
    """Join the titles of findings, those of one side by "and", the sides by "but"."""
    said = ", but ".join(_listed(side[:_REASONS]) for side in sides if side)
    return f"{said[:1].upper()}{said[1:]}."


def _listed(findings: Sequence[Finding]) -> str:
    *first, last = [finding.title for finding in findings]
    return f"{', '.join(first)}, and {last}" if len(first) > 1 else " and ".join([*first, last])
