"""Tests the detector on the test pictures.

Reads `models/`, `data/manifest/test.csv` with the pictures that it names, and `reports/audit.json`; writes
`reports/metrics.json` and `reports/evaluation/` (predictions, points of the curves, pictures of them).
Adds the figures to the MLflow run of the training.

    python -m pipeline.evaluate evaluate.bootstrap=2000
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import hydra
import pandas as pd
from omegaconf import DictConfig

from pipeline.auditing.beside import audit_of, beside
from pipeline.config import Config
from pipeline.manifests.checks import built_from, check_files
from pipeline.manifests.roles import test_collections
from pipeline.manifests.tables import read_table
from pipeline.records import EVALUATION_FOLDER, METRICS_FILE, read_record, record_evaluation
from pipeline.reports.evaluation import CROPS, SHORTCUTS, write_evaluation
from pipeline.scoring.control import control_figures
from pipeline.scoring.detector import Detector
from pipeline.scoring.evaluation import evaluate_predictions
from pipeline.scoring.examination import examine
from pipeline.scoring.names import RUN_FILE
from pipeline.stage import execute, start, start_tensorflow
from pipeline.storage.atomic import write_csv, write_json
from pipeline.storage.folder import replacing_folder
from pipeline.tracking import RUN_KEY


def run(config: Config) -> None:
    """Evaluate `paths.models` into `paths.reports`."""
    models, reports = Path(config.paths.models), Path(config.paths.reports)
    metrics = evaluate(config, models, reports)
    n_pictures = metrics["test"]["n_fake"] + metrics["test"]["n_genuine"]
    print(
        f"{reports / METRICS_FILE}: {n_pictures} test pictures; python -m pipeline.summary shows the figures"
    )


def evaluate(config: Config, models: Path, reports: Path) -> dict[str, Any]:
    """Test one detector; replace the evaluation in `reports`; give its `metrics.json`.

    Raises:
        UserError: there is no detector, or the tables or pictures are not what they were.
    """
    table = read_table(Path(config.paths.manifest) / "test.csv")
    check_files(table)
    start_tensorflow()
    detector = Detector.load(models)
    elsewhere = test_collections(config.data)
    closely = ~table["collection"].isin(list(elsewhere)).to_numpy()
    examined = examine(detector, table, closely, (), config.seed)
    evaluation = evaluate_predictions(
        examined.predictions, detector.decision.threshold, elsewhere, config.evaluate, config.seed
    )
    audit = audit_of(Path(config.paths.reports), built_from(config))
    if audit is None:
        print(
            "no audit of this data: the figures stand without those of the best shortcut; make one with "
            "python -m pipeline.audit"
        )
    evaluation, shortcuts = beside(evaluation, audit)
    evaluation.metrics["control"] = control_figures(examined.crops, config.evaluate, config.seed)
    record = read_record(models)
    with replacing_folder(reports / EVALUATION_FOLDER) as folder:
        write_evaluation(folder, examined.predictions, evaluation, pd.read_csv(models / "history.csv"))
        write_csv(folder / SHORTCUTS, shortcuts)
        write_csv(folder / CROPS, examined.crops)
        write_json(folder / RUN_FILE, {RUN_KEY: record[RUN_KEY], "evaluate": asdict(config.evaluate)})
    write_json(reports / METRICS_FILE, evaluation.metrics)
    record_evaluation(models, reports)
    return evaluation.metrics


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(composed: DictConfig) -> None:
    """Hydra's entry."""
    execute(run, composed, lambda config: config.paths.reports)


if __name__ == "__main__":
    start(main)
