"""The few lines that an audit leaves on the terminal."""

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.auditing.findings import best_shortcut
from pipeline.auditing.names import CONVERTED, TRAINING
from pipeline.reports.audit_rows import SAME_IN_ALL, Side, chart_rows
from pipeline.reports.audit_words import BAD, WARNING, remarks, verdict
from pipeline.reports.numbers import Figure, as_decimal

WIDTH = 80


def summarise_audit(audit: Mapping[str, Any], page: Path) -> str:
    """Lay the findings out for a terminal of 80 columns.

    Args:
        audit: as `audit.json` holds it.
        page: the page that says more.
    """
    lines = textwrap.wrap(verdict(audit), WIDTH)
    part = audit["parts"][TRAINING]
    if part[CONVERTED] is not None:
        rows = chart_rows(part)
        width = max(len(row.title) for row in rows)
        lines += ["", f"{'ROC AUC of':<{width}}  {'as handed in':<18}  as converted"]
        lines += [f"{row.title:<{width}}  {_cell(row.raw):<18}  {_cell(row.converted)}" for row in rows]
        lines.append(f"(a–b): {audit['settings']['confidence']:.0%} interval over groups of pictures.")
    best = best_shortcut(audit, "test")
    if best is not None:
        figure = Figure(best["roc_auc"], best["low"], best["high"])
        doubt = ", too few to be believed" if figure.low is None else ""
        lines += textwrap.wrap(
            f"On the test pictures ({best['n_genuine']:,} genuine, {best['n_fake']:,} fake) the strongest of "
            f"these shortcuts, {best['words']}, reaches {as_decimal(figure)}{doubt}.",
            WIDTH,
        )
    serious = [remark for remark in remarks(audit) if remark.level in (BAD, WARNING)]
    if serious:
        lines.append("")
    for remark in serious:
        lines += textwrap.wrap(f"! {remark.title}", WIDTH, subsequent_indent="  ")
    return "\n".join([*lines, "", f"what to do about it: {page.as_posix()}"])


def _cell(side: Side) -> str:
    return SAME_IN_ALL if side.is_same_in_all else as_decimal(side.figure)
