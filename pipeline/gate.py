"""Stops before training where a shortcut on the converted files is too strong.

Reads `reports/audit.json` and `audit.fail_above`; writes `data/gate.txt`, one constant line, on which
`train` depends: so training waits for the audit and does not depend on every change of it.

    python -m pipeline.gate audit.fail_above=0.65
"""

from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from pipeline.auditing.findings import part_title, read_audit, shortcuts_above
from pipeline.auditing.names import AUDIT, PAGE
from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.manifests.checks import check_same_choice
from pipeline.stage import execute, start
from pipeline.storage.atomic import write_text

GATE = Path("data/gate.txt")
OPEN = "the audit is done and found nothing above audit.fail_above\n"
NAMED = 5  # shortcuts that the message lists


def run(config: Config) -> None:
    """Write `data/gate.txt`, or say which shortcut forbids it."""
    reports = Path(config.paths.reports)
    audit = read_audit(reports / AUDIT)
    commands = "python -m pipeline.audit …"
    check_same_choice(audit["built_from"], config, f"{reports / AUDIT} was made", commands)
    limit = config.audit.fail_above
    if limit is not None:
        refuse_above(audit, limit, reports / PAGE)
    write_text(GATE, OPEN)
    print(
        f"{GATE}: "
        + ("open, audit.fail_above is not set" if limit is None else f"open, nothing above {limit}")
    )


def refuse_above(audit: dict[str, Any], limit: float, page: Path) -> None:
    """Raise UserError where a shortcut's interval lies wholly above `limit`."""
    found = shortcuts_above(audit, limit)
    if not found:
        return
    lines = [
        f"  {shortcut.words} ({part_title(shortcut.part)}): ROC AUC {shortcut.roc_auc:.2f}, "
        f"at least {shortcut.low:.2f}"
        for shortcut in found[:NAMED]
    ]
    lines += [f"  and {len(found) - NAMED} more"] if len(found) > NAMED else []
    raise UserError(
        f"the labels of the converted pictures can be told without looking for tampering, better than "
        f"audit.fail_above={limit} allows:\n"
        + "\n".join(lines)
        + f"\nNothing was trained. {page} says what to "
        "do about each; audit.fail_above=null trains all the same"
    )


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(composed: DictConfig) -> None:
    """Hydra's entry."""
    execute(run, composed, lambda _: str(GATE))


if __name__ == "__main__":
    start(main)
