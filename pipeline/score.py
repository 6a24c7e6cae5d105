"""Tests a trained detector on another labelled set; nothing is trained.

    python -m pipeline.score data=folders data.root=/abs/dir convert=raw
    python -m pipeline.score experiment=casia data.root=/abs score.split=test

Reads the pictures of `data`, every collection whole whatever its role, or those of a table of the manifest
(the second line: the same test pictures in another form), and the detector in `models/` or that of an MLflow
run. Writes `score/<name>/`: `report.html`, `metrics.json`, `predictions.csv`, `converted/` and the charts of
an evaluation. The name is `score.name`, else that of the folder or dataset.
"""

if __name__ == "__main__":  # --help answers before what the work needs is imported, which takes seconds
    from pipeline.usage import answer

    answer(__doc__)

import contextlib
import re
import shlex
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import hydra
import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from pipeline.auditing.findings import PAGE, audit_of
from pipeline.config import Config
from pipeline.conversion.conversion import convert_pictures
from pipeline.datasets.build_manifest import label_table
from pipeline.datasets.listing import list_sources
from pipeline.datasets.near_duplicates import find_near_duplicates
from pipeline.datasets.tables import built_from, cross_dataset_collections, read_files, read_table
from pipeline.detector.detector import Detector, require_detector
from pipeline.errors import UserError, counted
from pipeline.evaluation.bootstrap import Bootstrap
from pipeline.evaluation.predictions import examine
from pipeline.evaluation.results import A_SET, A_SPLIT, PREDICTIONS
from pipeline.evaluation.subsets import measure_results
from pipeline.evidence.measured import measure_files
from pipeline.images.files import Source
from pipeline.records import METRICS_FILE, REPORT, read_record
from pipeline.reports.artifacts import evaluation_charts, write_charts, write_points
from pipeline.reports.report import shared_content, write_report
from pipeline.reports.terminal import summarise
from pipeline.stage import execute, start
from pipeline.storage import write_json
from pipeline.tracking import RUN_KEY, data_name, fetch

SCORES = Path("score")


def run(config: Config) -> None:
    """Score by the detector that is asked for, which is looked for first: converting takes minutes."""
    with _models(config) as models:
        require_detector(models)
        score(config, models)


def score(config: Config, models: Path) -> None:
    """Convert, predict, score; print the metrics."""
    output = folder_of(config)
    elsewhere = cross_dataset_collections(config.data) if config.score.split else frozenset[str]()
    whole = {  # whatever the roles are, and one class alone may be scored
        name: collection.model_copy(update={"role": "test"})
        for name, collection in config.data.collections.items()
    }
    sources, rejected = list_sources(config.data.model_copy(update={"collections": whole}))
    if config.score.split:
        sources = _of_split(sources, Path(config.paths.manifest) / f"{config.score.split}.csv")
    counts = convert_pictures(sources, rejected, output / "converted", config.convert, config.compute)
    converted = read_files(output / "converted")
    duplicates = find_near_duplicates(converted, output / "converted", config.compute)
    table = label_table(converted, output / "converted", duplicates)
    detector, record = Detector.load(models), read_record(models)
    measured = measure_files(table["path"].tolist(), config.compute, "measure")
    examined = examine(detector, table, measured, np.ones(len(table), bool), (), config.seed)
    bootstrap = Bootstrap.of(config.evaluate, config.seed)
    retold = _tested_alone(config)
    results = measure_results(
        examined.predictions, examined.crops, detector.decision.threshold, elsewhere, bootstrap
    )
    results = replace(
        results,
        decision=detector.decision.as_dict(),
        record=record,
        audit=audit_of(output, _audited(config, retold)) or {},
        data={"name": config.data.name},
        scored=A_SPLIT if config.score.split else A_SET,
    )
    charts = evaluation_charts(results)
    results.save(output)
    write_points(output, results)
    write_charts(output, charts)
    given, lacks_audit = _given(), not results.audit and results.scored == A_SET
    shown = [_without_folders(choice) for choice in given]
    commands = [_command("score", shown), *(_audit(output, shown, retold) if lacks_audit else [])]
    write_report(output / REPORT, results, shared_content(results) | {"commands": commands}, charts)
    facts = {"policy": config.convert.policy, "detector": record[RUN_KEY], "run_id": record["run_id"]}
    write_json(output / METRICS_FILE, {**facts, **results.headline()})
    files = {
        "report": output / REPORT,
        **({"audit": output / PAGE} if results.audit else {}),
        "figures": output / METRICS_FILE,
        "answers": output / PREDICTIONS,
    }
    print(
        f"{config.data.name} by policy {config.convert.policy}: {counted(counts.converted, 'picture')}, "
        f"{counted(counts.rejected, 'file')} rejected\n"
    )
    print(summarise(results, files))
    if lacks_audit:
        print("\nWhat tells the label of these pictures besides a forgery:")
        print("\n".join(f"  {command}" for command in _audit(output, given, retold)))


def _audit(output: Path, given: Sequence[str], collections: Iterable[str]) -> list[str]:
    """Return the commands that audit what was scored, with the choices of its command line.

    `collections` are those that get another role for it: a manifest is not made of role test alone.
    """
    kept = [each for each in given if not each.startswith(("score.", "paths."))]
    places = {"converted": output / "converted", "manifest": output / "manifest", "reports": output}
    choices = [*kept, *(f"data.collections.{name}.role=train" for name in collections)]
    choices += [f"paths.{key}={path.as_posix()}" for key, path in places.items()]
    return [_command(stage, choices) for stage in ("manifest", "audit")]


def _tested_alone(config: Config) -> list[str]:
    """List the collections where all have the role test, else none."""
    roles = {name: each.role for name, each in config.data.collections.items()}
    return list(roles) if set(roles.values()) == {"test"} else []


def _audited(config: Config, collections: Iterable[str]) -> dict[str, Any]:
    """Return what a manifest for the audit is built from."""
    found = built_from(config)
    for name in collections:
        found["data"]["collections"][name]["role"] = "train"
    return found


def _command(stage: str, choices: Sequence[str]) -> str:
    return shlex.join(["python", "-m", f"pipeline.{stage}", *choices])


def _given() -> list[str]:
    """Return the choices of this command line, as they were typed; none where Python called."""
    given = HydraConfig.get().overrides.task if HydraConfig.initialized() else []
    return [str(choice).removeprefix("++") for choice in given]


def _without_folders(choice: str) -> str:
    """Return a choice as a page may show it, which tells nothing of the folders of this machine."""
    return re.sub(r"=(['\"]?)/(?:[^/]*/)*", r"=\1…/", choice)


def folder_of(config: Config) -> Path:
    """Return where the scores go; two folders of one name need `score.name` to be told apart."""
    return SCORES / (config.score.name or data_name(config.data.name, config.data.root))


def _of_split(sources: Sequence[Source], table: Path) -> list[Source]:
    """Keep the pictures of a table; raise UserError where it is not there, or none of its pictures is."""
    wanted = set(read_table(table)["source_path"])
    kept = [source for source in sources if source.source_path in wanted]
    if not kept:
        raise UserError(
            f"none of the pictures in {table} is among those asked for; name the data that the manifest was "
            "built from (data=… data.root=…), or leave score.split out"
        )
    return kept


@contextlib.contextmanager
def _models(config: Config) -> Iterator[Path]:
    """Yield the folder of the detector; one of an MLflow run is fetched for as long as it is used."""
    if config.score.run is None:
        yield Path(config.paths.models)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield fetch(config.score.run, Path(folder))


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(composed: DictConfig) -> None:
    """Hydra's entry."""
    execute(run, composed, lambda config: folder_of(config).as_posix())


if __name__ == "__main__":
    start(main)
