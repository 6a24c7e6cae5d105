"""Trains and evaluates in a folder of its own; the command that is swept.

    python -m pipeline.experiment train.learning_rate=3e-4
    python -m pipeline.experiment -m train.learning_rate=1e-3,3e-4 model=dct,srm
    python -m pipeline.experiment -m experiment=dropout_and_rate   a kept sweep

Reads the tables in `data/manifest/`; writes `multirun/<time>/<n>/{models,reports}`. Each job is a child
run of one parent in MLflow and answers with its *validation* score. Overrides of `data`, `convert` or
`split` are refused: what happens before training is the pipeline's to change.
"""

if __name__ == "__main__":  # --help answers before what the work needs is imported, which takes seconds
    from pipeline.usage import answer

    answer(__doc__)

import datetime
import math
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import hydra
import pandas as pd
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from pipeline.calibrate import calibrate
from pipeline.config import Config, flatten, validate
from pipeline.errors import UserError
from pipeline.evaluate import evaluate
from pipeline.evaluation.results import INTERVALS, TEST, metric_of
from pipeline.records import EVALUATION_FOLDER, close_sweep, open_sweep
from pipeline.reports.rendering import COLUMNS, NOTHING, as_decimal, in_percent, render_table
from pipeline.stage import plain_errors, start
from pipeline.storage import read_json, write_csv, write_json
from pipeline.train import train

UPSTREAM = ("data", "convert", "split", "sample", "paths", "seed")  # the seed assigns the pictures too
CHOSEN_BY = "balanced_accuracy"  # on validation: never a metric of the test
SHOWN = {  # of the test, in the table
    "fake": "fake_accuracy", "genuine": "genuine_accuracy", "balanced": "balanced_accuracy", "AUC": "roc_auc",
}  # fmt: skip
RESULT = "result.json"
PARENT = "parent.json"
_AGAIN = "start the sweep again"


def refuse_upstream(overrides: list[str]) -> None:
    """Raise UserError, with the command that does it, where an override sweeps what happens before training.

    One value is let through: it must be the one that the tables were built with, which training checks.
    """
    for override in OverridesParser.create().parse_overrides(overrides):
        key, line = override.key_or_group.split(".")[0], str(override.input_line).lstrip("+~")
        if key in UPSTREAM and override.is_sweep_override():
            raise UserError(
                f"{line}: an experiment trains on the tables that are there, so it cannot change {key}. "
                f"Through all stages: python -m pipeline.repro {line.split(',')[0]}; "
                f"several values: dvc exp run --queue -S {line}, then dvc queue start -j 2"
            )


def count_jobs(arguments: list[str]) -> int:
    """Return how many jobs Hydra makes of the command line and a recipe's space: each value with each other.

    >>> count_jobs(["-m", "model=dct,srm", "train.seed=range(1,4)", "train.epochs=1"])
    6
    """
    chosen = [argument for argument in arguments if "=" in argument and not argument.startswith("-")]
    sweeps = {
        each.key_or_group: each
        for each in OverridesParser.create().parse_overrides(chosen)
        if each.is_sweep_override()
    }
    return math.prod(len(list(each.sweep_iterator())) for each in sweeps.values())


def new_folder() -> Path:
    """Return a folder named after the time, as Hydra names those of its sweeps."""
    return Path("multirun") / datetime.datetime.now().strftime("%Y-%m-%d/%H-%M-%S")


@dataclass(frozen=True)
class Sweep:
    """A folder of jobs, `multirun/<time>`; its state is on disk, so that jobs may be other processes."""

    folder: Path

    def parent(self, config: Config) -> str | None:
        """Return the MLflow run above all jobs, opened by whoever asks first."""
        path = self.folder / PARENT
        if not path.is_file():
            write_json(path, {"run_id": open_sweep(config, self.folder.as_posix())})
        run_id: str | None = read_json(path, _AGAIN, "run_id")["run_id"]
        return run_id

    def run_job(self, config: Config, number: int, of: int, name: str) -> dict[str, Any]:
        """Train and evaluate in a folder of its own; return the run's id and its metrics."""
        folder = self.folder / str(number)
        print(f"job {number + 1} of {of}: {name}, in {folder.as_posix()}/", flush=True)
        record = train(config, folder / "models", name=name, parent=self.parent(config))
        decided = calibrate(config, folder / "models")
        metrics = evaluate(config, folder / "models", folder / "reports").headline()
        result = {
            "name": name,
            "run_id": record["run_id"],
            "folder": folder.as_posix(),
            "validation": decided["validation"],
            **metrics,
        }
        write_json(folder / RESULT, result)
        return result

    def close(self, config: Config) -> str:
        """End the parent run with the best job's metrics; return the table for the terminal."""
        results = [
            read_json(path, _AGAIN, "name", "folder", "validation", TEST)
            for path in sorted(self.folder.glob(f"*/{RESULT}"))
        ]
        if not results:
            if (self.folder / PARENT).is_file():
                close_sweep(self.parent(config), None, self.folder)
            return ""
        results.sort(key=_score, reverse=True)
        write_csv(self.folder / "results.csv", pd.DataFrame([flatten(result) for result in results]))
        close_sweep(self.parent(config), results[0], self.folder / "results.csv")
        jobs = [Path(result["folder"]).name for result in results]
        rows = [
            [job, _shown(_score(result)), *self._tested(result)]
            for job, result in zip(jobs, results, strict=True)
        ]
        heads = ["job", "validation", *(f"test {short}" for short in SHOWN)]
        names = [f"  {job}: {result['name']}" for job, result in zip(jobs, results, strict=True)]
        last = explain_table(rows, results[0]["folder"])
        return "\n".join(
            ["", render_table(heads, rows, "rrrrrr"), "", *names, "", *textwrap.wrap(last, COLUMNS)]
        )

    def _tested(self, result: Mapping[str, Any]) -> Iterator[str]:
        """Yield `SHOWN` of a job with the intervals that its evaluation left."""
        table = pd.read_csv(Path(result["folder"]) / "reports" / EVALUATION_FOLDER / INTERVALS)
        of_test = {row["metric"]: metric_of(row) for _, row in table[table["part"] == TEST].iterrows()}
        for key in SHOWN.values():
            yield (as_decimal if key == "roc_auc" else in_percent)(of_test[key])


def explain_table(rows: Sequence[Sequence[str]], best: str) -> str:
    """Return what stands below the table of a sweep: rows of job, validation score and test figures."""
    bare = any(text != NOTHING and "(" not in text for _, _, *tested in rows for text in tested)
    return (
        f"Sorted by the validation score; the best one is in {best}/. (a–b): interval, "
        "from groups of test pictures"
        + ("; a figure without one has too few groups for it. " if bare else ". ")
        + "Where those of two jobs overlap, python -m pipeline.compare says whether one is surely better."
    )


def _score(result: Mapping[str, Any]) -> float:
    score = result["validation"][CHOSEN_BY]
    return -1.0 if score is None else float(score)


def _shown(metric: float | None) -> str:
    return "–" if metric is None else f"{metric:.3f}"


_started: dict[Sweep, Config] = {}  # what `main` closes once Hydra has run all jobs


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def job(composed: DictConfig) -> float | None:
    """One job, in Hydra's sweep or alone."""
    with plain_errors():
        hydra_config = HydraConfig.get()
        config = validate(composed)
        # As they were given: Hydra would resolve ${…} in them among its own keys.
        given = cast(
            dict[str, Any], OmegaConf.to_container(OmegaConf.structured(hydra_config), resolve=False)
        )
        refuse_upstream(given["overrides"]["task"])
        swept = hydra_config.mode == RunMode.MULTIRUN
        sweep = Sweep(Path(hydra_config.sweep.dir)) if swept else Sweep(new_folder())
        _started[sweep] = config
        name = given["job"]["override_dirname"].replace("++", "") or "default"
        space = given["sweeper"].get("params") or {}
        jobs = count_jobs([*sys.argv[1:], *(f"{key}={value}" for key, value in space.items())])
        result = sweep.run_job(config, hydra_config.job.num if swept else 0, jobs if swept else 1, name)
    score: float | None = result["validation"][CHOSEN_BY]
    return score


def main() -> None:
    """Run the jobs, then print the table of those that ended."""
    try:
        start(job)
    finally:
        with plain_errors():
            for sweep, config in _started.items():
                print(sweep.close(config))


if __name__ == "__main__":
    main()
