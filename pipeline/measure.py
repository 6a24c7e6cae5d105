"""Asks the specialists about validation and test pictures.

Reads `data/manifest/{validation,test}.csv` and the pictures they name; writes `data/measured.csv`: the
statistic of each specialist of `pipeline/evidence/`, and what a picture is (size, quality, detail). Nothing
is learnt and no label is used, so it is done once for all trainings on the same pictures.

    python -m pipeline.measure compute.workers=2
"""

if __name__ == "__main__":  # --help answers before what the work needs is imported, which takes seconds
    from pipeline.usage import answer

    answer(__doc__)

from pathlib import Path

import hydra
import pandas as pd
from omegaconf import DictConfig

from pipeline.config import Config
from pipeline.datasets.tables import SPLITS, check_built_from, check_files, read_table
from pipeline.errors import UserError, counted
from pipeline.evidence.measured import measure_files, write_measured
from pipeline.evidence.panel import SPECIALISTS
from pipeline.stage import execute, start


def run(config: Config) -> None:
    """Measure into `paths.measured`."""
    manifest, target = Path(config.paths.manifest), Path(config.paths.measured)
    check_built_from(manifest, config)
    table = pd.concat([read_table(manifest / f"{split}.csv") for split in SPLITS[1:]], ignore_index=True)
    check_files(table)
    measured = measure_files(table["path"].tolist(), config.compute, "measure")
    if len(broken := measured[measured["error"] != ""]):
        raise UserError(f"{broken.index[0]}: {broken['error'].iloc[0]}; convert the pictures again")
    write_measured(target, measured)
    print(f"{target}: {counted(len(measured), 'picture')} seen by {', '.join(SPECIALISTS)}")


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(composed: DictConfig) -> None:
    """Hydra's entry."""
    execute(run, composed, lambda config: config.paths.measured)


if __name__ == "__main__":
    start(main)
