"""Draws the built-in pictures: genuine and fake photographs with masks, to run everything without a download.

    python -m pipeline.sample sample.genuine=60 sample.fake=60 seed=21

Reads nothing. Writes `data/raw/sample/{genuine,fake,masks}`, replaced as a whole; the same for the same
seed and settings.
"""

if __name__ == "__main__":  # --help answers before what the work needs is imported, which takes seconds
    from pipeline.usage import answer

    answer(__doc__)

from pathlib import Path

import hydra
from omegaconf import DictConfig

from pipeline.config import Config
from pipeline.config_data import SAMPLE
from pipeline.stage import execute, start
from pipeline.storage import replacing_folder

FOLDER = Path("data/raw/sample")


def run(config: Config) -> None:
    """Draw the sample and say what it holds; where other data are used, leave an empty folder for DVC."""
    beside = any(Path(each.genuine).is_relative_to(FOLDER) for each in config.data.collections.values())
    if config.data.name != SAMPLE and not beside:
        with replacing_folder(FOLDER):
            print(f"{FOLDER}: not drawn, the data are {config.data.name}")
        return
    from pipeline.forgery.sample_pictures import draw_sample  # a run on other data needs none of it

    draw_sample(FOLDER, config.sample, config.seed, config.compute.workers)
    print(f"{FOLDER}: {config.sample.genuine} genuine and {config.sample.fake} fake pictures, with masks")


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(composed: DictConfig) -> None:
    """Hydra's entry."""
    execute(run, composed, lambda config: FOLDER.as_posix())  # noqa: ARG005


if __name__ == "__main__":
    start(main)
