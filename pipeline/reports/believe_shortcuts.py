"""What besides forgeries could have made the figures: tricks, files, motifs, what outlives every trace."""

from collections.abc import Iterator, Mapping, Sequence

from pipeline.reports.audit_reasons import policy_of
from pipeline.reports.audit_words import BAD, GOOD, WARNING, Remark, content_remarks, file_remarks
from pipeline.reports.content import ReportContent
from pipeline.reports.finding import ALTERED, CONTENT, FILES, SHORTCUTS, Finding, on_test, pairs, surely_above
from pipeline.reports.numbers import as_decimal
from pipeline.scoring.evaluation import SHORTCUT
from pipeline.scoring.perturbations import CONTENT_ONLY
from pipeline.scoring.robustness import SHORTCUT as TELLS

_COPYING = ("raw", "tif_only")  # policies that keep files as they are
# Worst first.
_FILES_SAY = {
    BAD: "how the files were saved gives the label away",
    WARNING: "how the files were saved still tells something of the label",
    GOOD: "how the files were saved tells nothing of the label",
}
_PICTURES_SAY = {
    BAD: "what the pictures show gives the label away",
    WARNING: "what the pictures show tells something of the label",
    GOOD: "fakes are not found to show other things than genuine pictures",
}


def about_shortcuts(content: ReportContent) -> Iterator[Finding]:
    """Put the detector beside the best shortcut, on the same pictures."""
    detector, shortcut = on_test(content, "roc_auc"), on_test(content, SHORTCUT)
    if shortcut.value is None or detector.value is None:
        yield Finding(
            SHORTCUTS,
            WARNING,
            "nobody has checked whether a trick does as well",
            "There is no shortcut audit of this data, so what can be reached without looking for a forgery "
            "is not known. python -m pipeline.audit makes one.",
        )
        return
    evidence = (
        f"Shown one fake and one genuine picture, the detector picks the fake in {pairs(detector)} cases "
        f"(ROC AUC {as_decimal(detector)}). {shortcut_words(content)} alone, which looks for no forgery, "
        f"does in {pairs(shortcut)} ({as_decimal(shortcut)})."
    )
    if detector.value <= shortcut.value:
        tie = pairs(detector) == pairs(shortcut)
        yield Finding(
            SHORTCUTS,
            BAD,
            f"a trick that looks for no forgery does {'as well' if tie else 'better'}",
            f"{evidence} So the test can be passed without finding any forgery, and nothing shows that this "
            "detector finds one.",
        )
    elif surely_above(detector, shortcut):
        yield Finding(
            SHORTCUTS, GOOD, "it is clearly better than any trick that looks for no forgery", evidence
        )
    else:
        yield Finding(
            SHORTCUTS,
            WARNING,
            "it is hardly better than a trick that looks for no forgery",
            f"{evidence} With so many pictures the difference may be chance.",
        )


def shortcut_words(content: ReportContent) -> str:
    """Name the best shortcut on the test pictures, as the start of a sentence."""
    table = content.shortcuts
    rows = [] if table is None else table.loc[table["part"] == "test", "words"].tolist()
    words = str(rows[0]) if rows else "the best shortcut"
    return f"{words[:1].upper()}{words[1:]}"


def about_files(content: ReportContent) -> Iterator[Finding]:
    """Say what the audit found, and how files were prepared."""
    if content.audit is None:
        policy = (content.record or {}).get("config", {}).get("convert", {}).get("policy")
        if policy in _COPYING:
            yield Finding(
                FILES,
                WARNING,
                "files were used as handed in",
                f"convert={policy} keeps whatever the files' software left in them.",
            )
        return
    prepared = f"Pictures were prepared with convert={policy_of(content.audit)}; see audit.html."
    yield from _worst(content, FILES, file_remarks(content.audit), _FILES_SAY, prepared)


def about_content(content: ReportContent) -> Iterator[Finding]:
    """Say whether fakes and genuine pictures show unlike things, as the audit found."""
    if content.audit is not None:
        found = content_remarks(content.audit)
        yield from _worst(
            content, CONTENT, found, _PICTURES_SAY, "It was told from thumbnails; see audit.html."
        )


def _worst(
    content: ReportContent, about: str, remarks: Sequence[Remark], says: Mapping[str, str], text: str
) -> Iterator[Finding]:
    """Make the worst of some remarks of the audit a finding; none where they neither praise nor blame."""
    level = next((each for each in says if each in {remark.level for remark in remarks}), None)
    if level is None:
        return
    evidence = " ".join(f"{remark.title}." for remark in remarks if remark.level == level)
    # What the audit found does not explain figures that are surely above it.
    explained = not surely_above(on_test(content, "roc_auc"), on_test(content, SHORTCUT))
    yield Finding(about, level if level != BAD or explained else WARNING, says[level], f"{evidence} {text}")


def about_alterations(content: ReportContent) -> Iterator[Finding]:
    """Name what should make the task harder and does not."""
    if content.robustness is None or content.robustness.empty:
        return
    rows = content.robustness[content.robustness["verdict"] == TELLS]
    if rows.empty:
        yield Finding(
            ALTERED,
            GOOD,
            "no alteration of the pictures makes it better",
            "One that did, or one that leaves no trace of a forgery and changes nothing, would show that it "
            "reads something else.",
        )
        return
    probes = rows[rows["family"] == CONTENT_ONLY]
    whole = on_test(content, "roc_auc")
    named = ", ".join(f"{row['name']} {row['roc_auc']:.2f}" for row in rows.to_dict("records"))
    as_well = whole.low is not None and len(probes) > 0 and bool(probes["roc_auc"].max() >= whole.low)
    yield Finding(
        ALTERED,
        BAD if as_well else WARNING,
        "it knows something where no trace of a forgery is left"
        if len(probes)
        else "it gets better when pictures get worse",
        f"ROC AUC after alteration: {named}; of the pictures as they are {as_decimal(whole)}. It reads "
        "something besides forgeries.",
    )
