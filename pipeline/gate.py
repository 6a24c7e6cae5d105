"""Stops before training where a shortcut on the converted files is too strong.

Reads `reports/audit.json` and `audit.fail_above`; writes `data/gate.txt`, one constant line, on which
`train` depends: so training waits for the audit and does not depend on every change of it.

    python -m pipeline.gate audit.fail_above=0.65
"""

if __name__ == "__main__":  # --help answers before what the work needs is imported, which takes seconds
    from pipeline.usage import answer

    answer(__doc__)

import sys
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from pipeline.auditing.findings import (
    AUDIT,
    PAGE,
    TRAINING,
    Shortcut,
    part_title,
    read_audit,
    shortcuts_above,
    unproven,
)
from pipeline.config import Config
from pipeline.datasets.tables import check_same_choice
from pipeline.errors import UserError
from pipeline.stage import execute, start
from pipeline.storage import write_text

GATE = Path("data/gate.txt")
OPEN = "the audit is done and found nothing above audit.fail_above\n"
NAMED = 5  # shortcuts that the message lists


def run(config: Config) -> None:
    """Write `data/gate.txt`, or say which shortcut forbids it."""
    reports = Path(config.paths.reports)
    audit = read_audit(reports / AUDIT)
    commands = "python -m pipeline.audit …"
    check_same_choice(audit["built_from"], config, f"{reports / AUDIT} was made", commands)
    for sentence in audit["losses"]["uneven"]:
        print(f"warning: {sentence}", file=sys.stderr)
    limit = config.audit.fail_above
    if limit is not None:
        refuse(audit, limit, reports / PAGE)
    write_text(GATE, OPEN)
    print(f"{GATE}: open, {'audit.fail_above is not set' if limit is None else f'nothing above {limit}'}")


def refuse(audit: dict[str, Any], limit: float, page: Path) -> None:
    """Raise UserError where a shortcut lies above `limit` with its whole interval, or may.

    Whoever sets a limit asks for proof that it is kept: too few pictures are none.
    """
    if found := shortcuts_above(audit, limit):
        raise UserError(
            "the labels of the converted pictures can be told without looking for tampering, better than "
            f"audit.fail_above={limit} allows:\n{_listed(found)}\nNothing was trained. {page} says what to "
            "do about each; audit.fail_above=null trains all the same"
        )
    too_few, found = audit["parts"][TRAINING]["too_few"], unproven(audit, limit)
    if too_few or found:
        why = (
            f"there are {too_few}, and nothing was searched"
            if too_few
            else f"these lie above it, and there are too few groups for an interval:\n{_listed(found)}"
        )
        raise UserError(
            f"it cannot be shown that the converted pictures keep to audit.fail_above={limit}: {why}\n"
            f"Nothing was trained. Add pictures ({page} says of what there are too few), or train all the "
            "same with audit.fail_above=null"
        )


def _listed(found: list[Shortcut]) -> str:
    lines = [
        f"  {shortcut.words} ({part_title(shortcut.part)}): ROC AUC {shortcut.roc_auc:.2f}"
        + (f", at least {shortcut.low:.2f}" if shortcut.low is not None else "")
        for shortcut in found[:NAMED]
    ]
    return "\n".join(lines + [f"  and {len(found) - NAMED} more"] * (len(found) > NAMED))


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(composed: DictConfig) -> None:
    """Hydra's entry."""
    execute(run, composed, lambda _: str(GATE))


if __name__ == "__main__":
    start(main)
