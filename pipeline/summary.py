"""Prints the figures of the last evaluation, and where everything is.

    python -m pipeline.summary

Reads `reports/` and `models/run.json`; writes nothing. `make repro` ends with it.
"""

import json
from pathlib import Path
from typing import Any

import hydra
import pandas as pd
from omegaconf import DictConfig

from pipeline.auditing.findings import PAGE
from pipeline.config import Config, validate
from pipeline.errors import UserError
from pipeline.records import EVALUATION_FOLDER, METRICS_FILE, REPORT, evaluated_run, read_record
from pipeline.reports.artifacts import SHORTCUTS
from pipeline.reports.terminal import summarise
from pipeline.stage import plain_errors, start
from pipeline.tracking import RUN_KEY


def summary(config: Config) -> str:
    """Lay out the last evaluation for a terminal of 80 columns.

    Raises:
        UserError: there is none.
    """
    reports, models, manifest = (
        Path(each) for each in (config.paths.reports, config.paths.models, config.paths.manifest)
    )
    evaluation = reports / EVALUATION_FOLDER
    if not (evaluation / "intervals.csv").is_file():
        raise UserError(f"{evaluation} holds no evaluation yet; make one with make repro")
    counts = manifest / "counts.json"
    record = read_record(models)
    if evaluated_run(reports) != record[RUN_KEY]:
        raise UserError(
            f"{reports} holds the evaluation of another detector than {models}; evaluate this one with "
            "python -m pipeline.evaluate, or run make repro"
        )
    files = {
        "report": reports / REPORT,
        "audit": reports / PAGE,
        "figures": reports / METRICS_FILE,
        "pictures": evaluation,
        "detector": models,
    }
    lines = [
        "",
        summarise(
            pd.read_csv(evaluation / "intervals.csv"),
            _read(reports / METRICS_FILE),
            config.evaluate.confidence,
            files,
            _read(counts) if counts.is_file() else None,
            pd.read_csv(evaluation / SHORTCUTS) if (evaluation / SHORTCUTS).is_file() else None,
        ),
        f"MLflow    run {record['run_id'] or 'to be sent with python -m pipeline.runs send'}",
        "",
        "compare runs       make ui, then open http://127.0.0.1:5000",
        "ask of a picture   .venv/bin/python -m pipeline.predict PATH",
    ]
    return "\n".join(lines)


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(composed: DictConfig) -> None:
    """Hydra's entry."""
    with plain_errors():
        print(summary(validate(composed)))


if __name__ == "__main__":
    start(main)
