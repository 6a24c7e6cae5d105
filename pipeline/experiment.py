"""Trains and evaluates in a folder of its own; the command that is swept.

    python -m pipeline.experiment train.learning_rate=3e-4
    python -m pipeline.experiment -m train.learning_rate=1e-3,3e-4 model=dct,srm
    python -m pipeline.experiment -m experiment=dropout_and_rate   a kept sweep

Reads the tables in `data/manifest/`; writes `multirun/<time>/<n>/{models,reports}`. Each job is a child
run of one parent in MLflow and answers with its *validation* score. Overrides of `data`, `convert` or
`split` are refused: what happens before training is the pipeline's to change. Jobs run one after another,
two at a time with `hydra/launcher=joblib hydra.launcher.n_jobs=2`, and on several machines with
`hydra/launcher=dask hydra.launcher.scheduler=tcp://host:8786`.
"""

if __name__ == "__main__":  # --help answers before what the work needs is imported, which takes seconds
    from pipeline.usage import answer

    answer(__doc__)

import datetime
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import hydra
import pandas as pd
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from pipeline.calibrate import calibrate
from pipeline.config import Config, flatten, validate
from pipeline.evaluate import evaluate
from pipeline.evaluation.results import INTERVALS, TEST, metric_of
from pipeline.records import EVALUATION_FOLDER, close_sweep
from pipeline.reports.rendering import COLUMNS, NOTHING, as_decimal, in_percent, render_table
from pipeline.stage import plain_errors, start
from pipeline.storage import read_json, write_csv, write_json
from pipeline.sweeps import AGAIN, CHOSEN_BY, RESULT, Sweep, opened
from pipeline.train import train

SHOWN = {  # of the test, in the table
    "fake": "fake_accuracy", "genuine": "genuine_accuracy", "balanced": "balanced_accuracy", "AUC": "roc_auc",
}  # fmt: skip


def new_folder() -> Path:
    """Return a folder named after the time, as Hydra names those of its sweeps."""
    return Path("multirun") / datetime.datetime.now().strftime("%Y-%m-%d/%H-%M-%S")


def run_job(sweep: Sweep, config: Config, number: int, name: str) -> dict[str, Any]:
    """Train and evaluate in a folder of its own; return the run's id and its metrics."""
    folder = sweep.folder / str(number)
    print(f"job {number + 1} of {sweep.jobs}: {name}, in {folder.as_posix()}/", flush=True)
    record = train(config, folder / "models", name=name, parent=sweep.parent)
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


def close(sweep: Sweep) -> str:
    """End the parent run with the best job's metrics; return the table for the terminal."""
    results = [
        read_json(path, AGAIN, "name", "folder", "validation", TEST)
        for path in sorted(sweep.folder.glob(f"*/{RESULT}"))
    ]
    if not results:
        close_sweep(sweep.parent, None, sweep.folder)
        return ""
    results.sort(key=_score, reverse=True)
    write_csv(sweep.folder / "results.csv", pd.DataFrame([flatten(result) for result in results]))
    close_sweep(sweep.parent, results[0], sweep.folder / "results.csv")
    jobs = [Path(result["folder"]).name for result in results]
    rows = [
        [job, _shown(_score(result)), *_tested(result)] for job, result in zip(jobs, results, strict=True)
    ]
    heads = ["job", "validation", *(f"test {short}" for short in SHOWN)]
    names = [f"  {job}: {result['name']}" for job, result in zip(jobs, results, strict=True)]
    last = explain_table(rows, results[0]["folder"])
    return "\n".join(["", render_table(heads, rows, "rrrrrr"), "", *names, "", *textwrap.wrap(last, COLUMNS)])


def _tested(result: Mapping[str, Any]) -> Iterator[str]:
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


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def job(composed: DictConfig) -> float | None:
    """One job: of a sweep, in this process or wherever Hydra's launcher started one, or alone."""
    with plain_errors():
        hydra_config = HydraConfig.get()
        config = validate(composed)
        # As they were given: Hydra would resolve ${…} in them among its own keys.
        given = cast(
            dict[str, Any], OmegaConf.to_container(OmegaConf.structured(hydra_config), resolve=False)
        )
        name = given["job"]["override_dirname"].replace("++", "") or "default"
        if OmegaConf.is_missing(hydra_config.job, "num"):  # alone
            sweep, number = Sweep(new_folder()), 0
            sweep.open(config, 1)
            opened.append(sweep)
        else:
            sweep, number = Sweep(Path(hydra_config.sweep.dir)), hydra_config.job.num
        result = run_job(sweep, config, number, name)
    score: float | None = result["validation"][CHOSEN_BY]
    return score


def main() -> None:
    """Run the jobs, then print the table of those that ended."""
    try:
        start(job)
    finally:
        with plain_errors():
            for sweep in opened:
                print(close(sweep))


if __name__ == "__main__":
    main()
