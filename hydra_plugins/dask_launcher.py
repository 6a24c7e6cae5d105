"""Runs the jobs of a sweep on a Dask cluster: `hydra/launcher=dask hydra.launcher.scheduler=tcp://host:8786`.

Hydra finds launchers in this package alone, and imports them at each start: what takes time is imported
where it is used. On one machine `hydra/launcher=joblib` needs no cluster. Why not Ray:
docs/decisions/0030-sweeps.md.
"""

from collections.abc import Sequence
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class DaskLauncher(Launcher):
    """Gives each job to a worker, which runs it as a process of its own in this folder."""

    def __init__(self, scheduler: str) -> None:
        self.scheduler = scheduler
        self.config = DictConfig({})

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep the configuration; a job composes its own."""
        del hydra_context, task_function
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run all jobs; end the command with status 1, when all have ended, where one of them failed."""
        from pipeline.stage import plain_errors
        from pipeline.sweeps import run_on_cluster

        setup_globals()
        with plain_errors():
            folder = Path(self.config.hydra.sweep.dir)
            scores = run_on_cluster(folder, job_overrides, initial_job_idx, self.scheduler)
        returned = []
        for overrides, score in zip(job_overrides, scores, strict=True):
            job = JobReturn(overrides=overrides, status=JobStatus.COMPLETED)
            job.return_value = score
            returned.append(job)
        return returned
