"""Looks for what tells the label besides the tampering, before anything is trained.

Reads `data/converted/`, `data/manifest/` and the pictures as handed in; writes `reports/audit.json`,
`reports/audit.html` (for people) and `reports/audit/` (the chart, the figures and the features as tables).
It never fails for what it finds: that is what `pipeline.gate` is for.

    python -m pipeline.audit audit.bootstrap=2000
"""

if __name__ == "__main__":  # --help answers before what the work needs is imported, which takes seconds
    from pipeline.usage import answer

    answer(__doc__)

import hashlib
from pathlib import Path

import hydra
from omegaconf import DictConfig

from pipeline.auditing.findings import AUDIT, CONVERTED, PAGE, RAW, list_shortcuts, read_audit
from pipeline.auditing.measurements import gather_pictures, measure_all, plan_measurements, read_rejected
from pipeline.auditing.shortcut_audit import audit_pictures
from pipeline.config import Config, flatten
from pipeline.conversion.file_table import FILE_COLUMNS, REJECTED
from pipeline.datasets.tables import (
    SPLITS,
    background_collections,
    built_from,
    check_built_from,
    cross_dataset_collections,
    read_files,
    read_table,
)
from pipeline.images.files import Limits
from pipeline.reports.audit_report import summarise_audit, write_audit
from pipeline.run_store import tolerating_a_lost_store
from pipeline.stage import execute, start
from pipeline.tracking import RUN_KEY, Tracker, data_name

EXPERIMENT = "shortcut audits"  # in MLflow, beside that of the trainings


def run(config: Config) -> None:
    """Audit `paths.converted` and `paths.manifest` into `paths.reports`."""
    converted, manifest, reports = (
        Path(each) for each in (config.paths.converted, config.paths.manifest, config.paths.reports)
    )
    check_built_from(manifest, config)
    tables = {name: read_table(manifest / f"{name}.csv") for name in SPLITS}
    # Background pictures stand beside fakes made of them alone: what they are saved as tells no label.
    background = list(background_collections(config.data))
    tables = {name: table[~table["collection"].isin(background)] for name, table in tables.items()}
    pictures = gather_pictures(
        read_files(converted, FILE_COLUMNS), tables, converted, cross_dataset_collections(config.data)
    )
    tasks = plan_measurements(pictures, Path(config.data.root), config.audit.probe_pictures)
    limits = Limits(config.convert.max_megapixels, config.convert.max_gib)
    measured = measure_all(tasks, limits, config.compute)
    rejected = read_rejected(converted / REJECTED)
    audit = audit_pictures(pictures, measured, rejected, config.audit, config.compute, config.seed)
    audit |= {"built_from": built_from(config)}
    write_audit(reports, pictures, measured, audit)
    with tolerating_a_lost_store("recording the audit", f" --audit {reports}"):
        send_audit(reports)
    print(summarise_audit(audit, reports / PAGE))


def send_audit(reports: Path) -> str:
    """Bring the audit in `reports` into MLflow, once; return the id of its run.

    It is a run of its own, because there may be no training after it.
    """
    audit = read_audit(reports / AUDIT)
    key = hashlib.sha256((reports / AUDIT).read_bytes()).hexdigest()[:32]
    if sent := Tracker.find({RUN_KEY: key, "run_id": None}):
        return sent.run_id
    made_from = audit["built_from"]
    data = data_name(made_from["data"]["name"], made_from["data"]["root"])
    settings = (made_from["convert"]["policy"], made_from["split"]["method"], f"seed={made_from['seed']}")
    tracker = Tracker.start(EXPERIMENT, " ".join(["audit", data, *settings]), {RUN_KEY: key})
    chosen = {setting: made_from[setting] for setting in ("seed", "convert", "split")}
    tracker.log_params(flatten(chosen | {"data": {"name": data}, "audit": audit["settings"]}))
    strongest: dict[str, float | None] = {}
    for part, sides in audit["parts"].items():
        for side in (RAW, CONVERTED):
            for shortcut in list_shortcuts(sides[side], part):  # the first of a kind is the strongest
                metric = f"{side}/{part.replace('.', '/')}/{shortcut.kind}_roc_auc"
                strongest.setdefault(metric, shortcut.roc_auc)
    tracker.log_metrics(strongest)
    tracker.describe(f"```\n{summarise_audit(audit, reports / PAGE)}\n```", replace=True)
    tracker.log_files(reports / AUDIT, reports / PAGE, reports / Path(AUDIT).stem)
    tracker.end()
    return tracker.run_id


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(composed: DictConfig) -> None:
    """Hydra's entry."""
    execute(run, composed, lambda config: config.paths.reports)


if __name__ == "__main__":
    start(main)
