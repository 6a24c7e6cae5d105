"""Prints the figures of the last evaluation, and where everything is.

    python -m pipeline.summary

Reads `reports/` and `models/trained/run.json`; writes nothing. `make repro` ends with it.
"""

if __name__ == "__main__":  # --help answers before what the work needs is imported, which takes seconds
    from pipeline.usage import answer

    answer(__doc__)

from dataclasses import replace
from pathlib import Path

import hydra
from omegaconf import DictConfig

from pipeline.auditing.findings import PAGE, audit_of
from pipeline.config import Config, validate
from pipeline.datasets.tables import BUILT_FROM
from pipeline.errors import UserError
from pipeline.evaluation.results import Results
from pipeline.records import EVALUATION_FOLDER, METRICS_FILE, REPORT, read_evaluated, read_record
from pipeline.reports.reproduce import model_address
from pipeline.reports.terminal import summarise
from pipeline.run_store import where_runs_are_compared
from pipeline.stage import plain_errors, start
from pipeline.storage import read_json
from pipeline.tracking import RUN_KEY


def summary(config: Config) -> str:
    """Return the last evaluation for a terminal of 80 columns; raise UserError where there is none."""
    reports, models = Path(config.paths.reports), Path(config.paths.models)
    evaluation = reports / EVALUATION_FOLDER
    results = Results.load(evaluation, reports / METRICS_FILE, config.evaluate.confidence)
    results = results.with_background(models, Path(config.paths.manifest))
    record = read_record(models)
    results = replace(results, evaluated=read_evaluated(reports))
    if results.evaluated.get(RUN_KEY) != record[RUN_KEY]:
        raise UserError(
            f"{reports} holds the evaluation of another detector than {models}; evaluate this one with "
            "python -m pipeline.evaluate, or run make repro"
        )
    manifest = Path(config.paths.manifest) / BUILT_FROM
    if manifest.is_file():  # the audit as the report had it, so that both come to one headline
        made_from = read_json(manifest, "write it again with make repro, or python -m pipeline.manifest")
        results = replace(results, audit=audit_of(reports, made_from) or {})
    files = {
        "report": reports / REPORT,
        **({"audit": reports / PAGE} if results.audit else {}),
        "figures": reports / METRICS_FILE,
        "pictures": evaluation,
        "detector": models,
    }
    lines = [
        "",
        summarise(results, files),
        f"MLflow    {model_address(results) or 'to be sent with python -m pipeline.runs send'}",
        "",
        f"compare runs       {where_runs_are_compared()}",
        "ask of a picture   .venv/bin/python -m pipeline.predict PATH",
    ]
    return "\n".join(lines)


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(composed: DictConfig) -> None:
    """Hydra's entry."""
    with plain_errors():
        print(summary(validate(composed)))


if __name__ == "__main__":
    start(main)
