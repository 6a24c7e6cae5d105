"""May the figures of a detector be believed? The rules of the modules `believe_…` together.

Their titles are clauses in words that need no knowledge of the field, because the verdict is put together
from them (see `verdict`); technical terms and figures stand in their texts.
"""

from pipeline.reports.audit_words import BAD, GOOD, WARNING
from pipeline.reports.believe_design import (
    about_control,
    about_elsewhere,
    about_leak,
    about_number,
    about_skill,
)
from pipeline.reports.believe_fragility import about_fragility
from pipeline.reports.believe_shortcuts import (
    about_alterations,
    about_content,
    about_files,
    about_shortcuts,
)
from pipeline.reports.content import ReportContent
from pipeline.reports.finding import Finding


def believe(content: ReportContent) -> list[Finding]:
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
    found = [finding for rule in rules for finding in rule(content)]
    return sorted(found, key=lambda finding: [BAD, WARNING, GOOD].index(finding.level))
