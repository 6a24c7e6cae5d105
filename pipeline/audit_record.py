"""What an audit leaves in MLflow: a run of its own, because there may be no training after it."""

import hashlib
from pathlib import Path

from pipeline.auditing.findings import list_shortcuts, read_audit
from pipeline.auditing.names import AUDIT, CONVERTED, PAGE, RAW
from pipeline.tracking import RUN_KEY, Tracker, tolerating_a_lost_store
from pipeline.validate import flatten

AUDITS = "shortcut audits"  # the experiment, beside that of the trainings


def record_audit(reports: Path) -> None:
    """Send a finished audit."""
    with tolerating_a_lost_store("recording the audit", f" --audit {reports}"):
        send_audit(reports)


def send_audit(reports: Path) -> str:
    """Bring the audit in `reports` into the store as a run of its own, once; give the run's id."""
    audit = read_audit(reports / AUDIT)
    made_from = audit["built_from"]
    record: dict[str, str | None] = {
        RUN_KEY: hashlib.sha256((reports / AUDIT).read_bytes()).hexdigest()[:32],
        "run_id": None,
    }
    if found := Tracker.find(record):
        return found.run_id
    name = " ".join([made_from["data"]["name"], made_from["convert"]["policy"], made_from["split"]["method"]])
    tracker = Tracker.start(AUDITS, name, {RUN_KEY: str(record[RUN_KEY])})
    chosen = {"data": {"name": made_from["data"]["name"]}, "audit": audit["settings"]}
    tracker.log_params(flatten({**{key: made_from[key] for key in ("seed", "convert", "split")}, **chosen}))
    strongest: dict[str, float | None] = {}
    for part, sides in audit["parts"].items():
        for side in (RAW, CONVERTED):
            for found_alone in list_shortcuts(sides[side], part):  # the first of a kind is the strongest
                key = f"{side}/{part.replace('.', '/')}/{found_alone.kind}_roc_auc"
                strongest.setdefault(key, found_alone.roc_auc)
    tracker.log_metrics(strongest)
    tracker.log_files(reports / AUDIT, reports / PAGE, reports / Path(AUDIT).stem)
    tracker.end()
    return tracker.run_id
