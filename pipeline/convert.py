"""Turns the pictures as handed in into one form, under a policy that does not tell their labels.

    python -m pipeline.convert data=folders data.root=/abs/dir convert=equal

Reads the folders that `data` names. Writes `data/converted/`: the pictures, their masks, `files.csv` (a row
for each) and `rejected.csv` (what is no usable picture, and why). Goes on where it was after an
interruption; does again only what has changed.
"""

if __name__ == "__main__":  # --help answers before what the work needs is imported, which takes seconds
    from pipeline.usage import answer

    answer(__doc__)

from pathlib import Path

import hydra
from omegaconf import DictConfig

from pipeline.config import Config
from pipeline.conversion.conversion import convert_pictures
from pipeline.datasets.listing import list_sources
from pipeline.stage import execute, start


def run(config: Config) -> None:
    """List the pictures of the dataset, convert them, and say how many became what."""
    output = Path(config.paths.converted)
    sources, rejected = list_sources(config.data)
    counts = convert_pictures(sources, rejected, output, config.convert, config.compute)
    print(
        f"{output}: {counts.converted} pictures by policy {config.convert.policy} "
        f"({counts.unchanged} unchanged),\n{counts.rejected} files rejected, {counts.removed} removed"
    )
    if counts.rejected or counts.masks_rejected:
        masks = f" and {counts.masks_rejected} masks" if counts.masks_rejected else ""
        print(f"what was wrong with {counts.rejected} files{masks}: {output / 'rejected.csv'}")


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(composed: DictConfig) -> None:
    """Hydra's entry."""
    execute(run, composed, lambda config: config.paths.converted)


if __name__ == "__main__":
    start(main)
