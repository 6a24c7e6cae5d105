"""Tests the detector on the test pictures.

Reads `models/`, `data/manifest/` with the test pictures, and `reports/audit.json`; writes
`reports/report.html`, `reports/MODEL_CARD.md`, `reports/metrics.json` and `reports/evaluation/` (predictions,
all figures, points of the curves, pictures of them, a gallery). Adds the figures to the MLflow run.

    python -m pipeline.evaluate evaluate.robustness=full
"""

if __name__ == "__main__":  # --help answers before what the work needs is imported, which takes seconds
    from pipeline.usage import answer

    answer(__doc__)

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import hydra
import pandas as pd
import yaml
from omegaconf import DictConfig

from pipeline.auditing.findings import AUDIT, PAGE, audit_of, shortcuts_on
from pipeline.config import Config, flatten
from pipeline.datasets.tables import (
    built_from,
    check_built_from,
    check_files,
    check_learnt_from,
    cross_dataset_collections,
    read_table,
)
from pipeline.decision_record import registered_address
from pipeline.detector.decision import NETWORK
from pipeline.detector.detector import Detector
from pipeline.detector.inference import NATIVE
from pipeline.errors import counted
from pipeline.evaluation.bootstrap import Bootstrap
from pipeline.evaluation.perturbations import SETS
from pipeline.evaluation.predictions import examine, mask_at
from pipeline.evaluation.results import GALLERY, PREDICTIONS, Results
from pipeline.evaluation.robustness import measure_robustness
from pipeline.evaluation.subsets import measure_results
from pipeline.evidence.measured import measured_of, read_measured
from pipeline.inputs.load import load
from pipeline.models.detector_files import RUN_FILE
from pipeline.parallel import available_cores
from pipeline.records import (
    CARD,
    EVALUATION_FOLDER,
    METRICS_FILE,
    REPORT,
    code_state,
    how_it_was_made,
    read_record,
)
from pipeline.reports.artifacts import evaluation_charts, write_charts, write_points
from pipeline.reports.gallery import Shown, choose, write_gallery
from pipeline.reports.model_card import figures_in_sentences, write_model_card
from pipeline.reports.report import shared_content, write_report
from pipeline.reports.report_tables import SUMMARY, summary_table
from pipeline.run_store import tolerating_a_lost_store
from pipeline.stage import execute, start
from pipeline.storage import read_json, replacing_folder, write_csv, write_json
from pipeline.tracking import RUN_KEY, Tracker


def run(config: Config) -> None:
    """Evaluate `paths.models` into `paths.reports`."""
    models, reports = Path(config.paths.models), Path(config.paths.reports)
    n = evaluate(config, models, reports).n()
    print(
        f"{reports / METRICS_FILE}: {counted(n.n_fake + n.n_genuine, 'test picture')}\n"
        "python -m pipeline.summary shows the figures"
    )


def evaluate(config: Config, models: Path, reports: Path) -> Results:
    """Test one detector; replace the evaluation in `reports`.

    Raises UserError where there is no detector, or tables or pictures are not those that it was trained with.
    """
    manifest = Path(config.paths.manifest)
    check_built_from(manifest, config)
    table = read_table(manifest / "test.csv")
    check_files(table)
    # What the specialists say was measured before: all cores are the network's.
    detector, record = Detector.load(models, threads=available_cores()), read_record(models)
    check_learnt_from(manifest, record["tables"])
    elsewhere = cross_dataset_collections(config.data)
    closely = ~table["collection"].isin(list(elsewhere)).to_numpy()
    perturbations = () if config.evaluate.robustness is None else SETS[config.evaluate.robustness]
    measured = measured_of(table["path"].tolist(), read_measured(Path(config.paths.measured)))
    examined = examine(detector, table, measured, closely, perturbations, config.seed)
    bootstrap, decision = Bootstrap.of(config.evaluate, config.seed), detector.decision
    tested = examined.predictions[closely]
    results = measure_results(
        examined.predictions, examined.crops, decision.threshold, elsewhere, bootstrap, sliced=tested
    )
    if perturbations:
        changes = measure_robustness(
            *(tested[NETWORK].to_numpy(), examined.perturbed, perturbations),
            *(tested["target"].to_numpy(), tested["group"].to_numpy()),
            *(decision.statistic_at(NETWORK), bootstrap),
        )
        results = replace(results, robustness=changes)
    audit = audit_of(Path(config.paths.reports), built_from(config))
    if audit is None:
        print(
            "no audit of this data: the figures stand without those of the best shortcut;\n"
            "make one with python -m pipeline.audit"
        )
    else:
        results = results.with_audit(audit, shortcuts_on(audit, results.intervals["part"].unique()))
    settings, registered = {"evaluate": config.evaluate.model_dump()}, None
    send_with = f" --models {models} --reports {reports}"
    with tolerating_a_lost_store("recording the evaluation", send_with):
        registered = registered_address(models)
    evaluated = {RUN_KEY: record[RUN_KEY], "registered": registered, **code_state(settings), **settings}
    results = replace(results.with_background(models, manifest), evaluated=evaluated)
    charts = evaluation_charts(results)
    with replacing_folder(reports / EVALUATION_FOLDER) as folder:
        results.save(folder)
        write_points(folder, results)
        write_charts(folder, charts)
        write_csv(folder / SUMMARY, summary_table(results))
        write_gallery(folder / GALLERY, _shown(detector, tested, table))
        write_json(folder / RUN_FILE, evaluated)
    results = replace(results, gallery=reports / EVALUATION_FOLDER / GALLERY)
    write_json(reports / METRICS_FILE, results.headline())
    shared = shared_content(results)
    write_report(reports / REPORT, results, shared, charts)
    write_model_card(reports / CARD, results, shared)
    if registered is not None:
        with tolerating_a_lost_store("recording the evaluation", send_with):
            send_evaluation(models, reports)
    return results


def send_evaluation(models: Path, reports: Path) -> None:
    """Bring the evaluation in `reports` into the MLflow run of `models`, over an earlier one."""
    record, address = read_record(models), registered_address(models)
    tracker = Tracker.find(record)
    assert tracker is not None  # what is registered has a run
    again = "evaluate it again with make repro or python -m pipeline.evaluate"
    metrics = read_json(reports / METRICS_FILE, again)
    tracker.log_metrics({key.replace(".", "/"): value for key, value in flatten(metrics).items()})
    evaluation = read_json(reports / EVALUATION_FOLDER / RUN_FILE, again, "evaluate")
    tracker.log_text(yaml.safe_dump({"evaluate": evaluation["evaluate"]}), "config/evaluate.yaml")
    tracker.log_files(
        *(reports / name for name in (EVALUATION_FOLDER, METRICS_FILE, REPORT, CARD, AUDIT, PAGE))
    )
    folder, confidence = reports / EVALUATION_FOLDER, evaluation["evaluate"]["confidence"]
    if evaluation.get("registered") in (None, address):  # not of an earlier decision
        tracker.log_beside_detector(reports / CARD, folder / PREDICTIONS)
    figures = figures_in_sentences(Results.load(folder, reports / METRICS_FILE, confidence))
    tracker.describe(f"{figures}\n\n{how_it_was_made(record, address)}", replace=True)


def _shown(detector: Detector, tested: pd.DataFrame, table: pd.DataFrame) -> Iterator[Shown]:
    """Look once more at the surest answers, for what is drawn of them."""
    masks = table.set_index("path")["mask_path"]
    for _, row in choose(tested).iterrows():
        path = Path(row["path"])
        shown = next(detector.answers([(path, None)]))
        answer = {str(name): value for name, value in row.items()}
        yield Shown(answer, load(path, NATIVE).pixels, shown.map, mask_at(masks[row["path"]], path))


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(composed: DictConfig) -> None:
    """Hydra's entry."""
    execute(run, composed, lambda config: config.paths.reports)


if __name__ == "__main__":
    start(main)
