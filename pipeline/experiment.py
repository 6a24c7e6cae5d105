"""Trains and evaluates in a folder of its own; the command that is swept.

    python -m pipeline.experiment train.learning_rate=3e-4
    python -m pipeline.experiment -m train.learning_rate=1e-3,3e-4 model.dropout=0.3,0.5
    python -m pipeline.experiment -m experiment=dropout_and_rate        a kept sweep

Reads the tables in `data/manifest/`; writes `multirun/<time>/<n>/{models,reports}`. Each job is a child
run of one parent in MLflow and answers with its *validation* score. Overrides of `data`, `convert` or
`split` are refused: what happens before training is the pipeline's to change.
"""

from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from pipeline.config import Config
from pipeline.stage import plain_errors, start
from pipeline.sweeps import CHOSEN_BY, Sweep, new_folder, refuse_upstream
from pipeline.validate import validate

_started: dict[Sweep, Config] = {}  # what `main` closes once Hydra has run all jobs


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def job(composed: DictConfig) -> float | None:
    """One job, in Hydra's sweep or alone."""
    with plain_errors():
        hydra_config = HydraConfig.get()
        refuse_upstream(list(hydra_config.overrides.task))
        config = validate(composed)
        swept = hydra_config.mode == RunMode.MULTIRUN
        sweep = Sweep(Path(hydra_config.sweep.dir)) if swept else Sweep(new_folder())
        _started[sweep] = config
        result = sweep.run_job(
            config, hydra_config.job.num if swept else 0, hydra_config.job.override_dirname or "default"
        )
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
