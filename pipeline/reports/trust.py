"""May the figures of a detector be believed? The rules of the modules `believe_…` together.

Their titles are clauses in words that need no knowledge of the field, because the verdict is put together
from them (see `verdict`); technical terms and figures stand in their texts.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.evaluation.results import Results
from pipeline.reports.numbers import BAD, GOOD, WARNING
from pipeline.reports.shortcut_rules import about_alterations, about_content, about_files, about_shortcuts
from pipeline.reports.trust_rules import (
    CONTROL,
    ELSEWHERE,
    FRAGILE,
    LEAK,
    SHORTCUTS,
    SKILL,
    Finding,
    about_control,
    about_elsewhere,
    about_fragility,
    about_leak,
    about_number,
    about_skill,
)


def believe(results: Results) -> list[Finding]:
    """List the reasons for and against, worst first, weightiest first among equals."""
    rules = (
        about_shortcuts,
        about_leak,
        about_control,
        about_fragility,
        about_skill,
        about_files,
        about_content,
        about_alterations,
        about_elsewhere,
        about_number,
    )
    found = [finding for rule in rules for finding in rule(results)]
    return sorted(found, key=lambda finding: [BAD, WARNING, GOOD].index(finding.level))


# The one sentence on top of a report: may the figures be believed, and why.

# Each must be good before figures may be believed. Fragility is among them because a figure that is gone once
# a picture is saved again holds for these files, and a reader takes it to hold for pictures.
_ESSENTIAL = (SHORTCUTS, LEAK, CONTROL, FRAGILE)
_REASONS = 3  # more are not read


class Verdict(NamedTuple):
    """What a reader takes away.

    Attributes:
        level: `GOOD`, `WARNING` or `BAD`.
        headline: in a few words.
        because: in one sentence.
    """

    level: str
    headline: str
    because: str


def conclude(findings: Sequence[Finding]) -> Verdict:
    """Return the verdict that the findings of `believe` come to."""
    bad = [finding for finding in findings if finding.level == BAD]
    essential = [finding for finding in findings if finding.about in _ESSENTIAL]
    doubtful = [finding for finding in essential if finding.level != GOOD]
    if [finding.about for finding in bad] == [SKILL]:
        return Verdict(BAD, "The detector does not work", _sentence(bad))
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
