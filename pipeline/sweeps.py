"""A sweep: its folder, its parent run in MLflow, and its jobs on the machines of a Dask cluster.

A job is a process of its own wherever it runs, and finds on disk what it needs to know of its sweep: which
run is above it, and how many jobs there are. So the folder has to be seen by whoever runs one.
"""

import math
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from pipeline.config import Compute, Config, validate
from pipeline.errors import UserError
from pipeline.parallel import shown, workers
from pipeline.stage import plain_errors
from pipeline.storage import read_json, write_json

UPSTREAM = ("data", "convert", "split", "sample", "paths", "seed")  # the seed assigns the pictures too
CHOSEN_BY = "balanced_accuracy"  # on validation: never a metric of the test
RESULT = "result.json"
PARENT = "parent.json"
AGAIN = "start the sweep again"
_COMMAND = "experiment"
_LOOK_SECONDS = 1.0  # between two looks whether the sweep still wants a job
_LAST_LINES = 5  # of a job that failed


@dataclass(frozen=True)
class Sweep:
    """A folder of jobs, `multirun/<time>`; its state is on disk, so that jobs may be other processes."""

    folder: Path

    def open(self, config: Config, jobs: int) -> None:
        """Open the MLflow run above all jobs, before the first of them starts."""
        from pipeline.records import open_sweep

        run_id = open_sweep(config, self.folder.as_posix())
        write_json(self.folder / PARENT, {"run_id": run_id, "jobs": jobs})

    @property
    def parent(self) -> str | None:
        """Return the id of the run above all jobs; None where the store did not answer."""
        run_id: str | None = self._opened()["run_id"]
        return run_id

    @property
    def jobs(self) -> int:
        """Return how many jobs there are."""
        return int(self._opened()["jobs"])

    def _opened(self) -> dict[str, Any]:
        return read_json(self.folder / PARENT, AGAIN, "run_id", "jobs")


opened: list[Sweep] = []  # by this process; whoever runs them closes them


class OpenSweep(Callback):
    """Hydra calls it in the process that begins a sweep, before any job, wherever these run."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Check what is to be swept and open the parent; a stage refuses to be swept by itself."""
        if config.hydra.job.name != _COMMAND:
            return
        with plain_errors():
            given = list(config.hydra.overrides.task)
            refuse_upstream(given)
            space = config.hydra.sweeper.params or {}
            sweep = Sweep(Path(config.hydra.sweep.dir))
            sweep.open(checked(config), count_jobs(given, {str(key): space[key] for key in space}))
            opened.append(sweep)


def checked(composed: DictConfig) -> Config:
    """Return the configuration in what Hydra composed with settings of its own.

    Raises:
        UserError: it is not valid.
    """
    return validate(OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"]))


def refuse_upstream(overrides: Sequence[str]) -> None:
    """Raise UserError, with the command that does it, where an override sweeps what happens before training.

    One value is let through: it must be the one that the tables were built with, which training checks.
    """
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        key, line = override.key_or_group.split(".")[0], str(override.input_line).lstrip("+~")
        if key in UPSTREAM and override.is_sweep_override():
            raise UserError(
                f"{line}: an experiment trains on the tables that are there, so it cannot change {key}. "
                f"Through all stages: python -m pipeline.repro {line.split(',')[0]}; "
                f"several values: dvc exp run --queue -S {line}, then dvc queue start -j 2"
            )


def count_jobs(overrides: Sequence[str], space: Mapping[str, Any]) -> int:
    """Return how many jobs Hydra makes of overrides and of a recipe's space: each value with each other.

    >>> count_jobs(["model=dct,srm", "train.epochs=1"], {"train.seed": "range(1,4)"})
    6
    """
    chosen = [*(f"{key}={value}" for key, value in space.items()), *overrides]
    sweeps = {
        each.key_or_group: each
        for each in OverridesParser.create().parse_overrides(chosen)
        if each.is_sweep_override()
    }
    return math.prod(len(list(each.sweep_iterator())) for each in sweeps.values())


def run_on_cluster(
    folder: Path, jobs: Sequence[Sequence[str]], first: int, scheduler: str
) -> list[float | None]:
    """Run jobs of the sweep in `folder` on a Dask cluster; return the validation score of each.

    Args:
        folder: of the sweep, below the working folder, which the workers see under the same path.
        jobs: overrides of each.
        first: number of the first one.
        scheduler: address of the cluster's.

    Raises:
        UserError: the cluster cannot be reached or does not see the folder; a job failed (the others end).
    """
    compute = Compute(backend="dask", workers=None, scheduler=scheduler)
    mlflow = {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_")}
    work = partial(_run_jobs, Path.cwd(), folder, mlflow)
    numbered = [(number, list(overrides)) for number, overrides in enumerate(jobs, first)]
    failed = []
    with workers(compute) as staff:
        for index, ended in shown(staff.map(work, numbered, chunk=1), len(jobs), "sweep", "jobs"):
            print(ended.output, flush=True)
            if ended.status != 0:
                last = "\n".join(ended.output.splitlines()[-_LAST_LINES:])
                failed.append(
                    f"job {first + index} ({' '.join(jobs[index])}) failed on {ended.host}:\n{last}"
                )
    if failed:
        raise UserError("\n".join(failed))
    results = [read_json(folder / str(number) / RESULT, AGAIN, "validation") for number, _ in numbered]
    return [result["validation"][CHOSEN_BY] for result in results]


class _Ended(NamedTuple):
    """How a job ended on a worker."""

    status: int
    output: str
    host: str


def _run_jobs(
    repository: Path, sweep: Path, mlflow: Mapping[str, str], jobs: Sequence[tuple[int, Sequence[str]]]
) -> list[_Ended]:
    """Run jobs on a worker, each as a command in the repository, with the MLflow settings of the sweep.

    Not in the worker's process: a training sets signals, which threads may not, and leaves memory behind.
    """
    host = os.uname().nodename
    if not (repository / sweep / PARENT).is_file():
        raise UserError(
            f"the Dask worker on {host} does not see {repository / sweep}: the jobs of a sweep need this "
            "repository under the same path on every machine (a shared folder)"
        )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    ended = []
    for number, overrides in jobs:
        ours = [f"hydra.sweep.dir={sweep.as_posix()}", f"hydra.job.num={number}"]
        command = [sys.executable, "-m", f"pipeline.{_COMMAND}", *overrides, *ours]
        with subprocess.Popen(
            command, cwd=repository, env={**kept, **mlflow},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ) as process:  # fmt: skip
            ended.append(_Ended(*_wait_for(process), host))
    return ended


def _wait_for(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return status and output; end the process where the sweep that wants it is gone."""
    from distributed.worker import get_worker, thread_state

    tasks = get_worker().state.tasks
    while True:
        try:
            output, _ = process.communicate(timeout=_LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            wanted = tasks.get(thread_state.key)
            if wanted is None or wanted.state == "cancelled":
                process.terminate()
        else:
            return process.returncode, output
