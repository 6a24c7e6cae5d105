"""Turns the pictures as handed in into one form, under a policy that does not tell their labels.

    python -m pipeline.convert data=folders data.root=/abs/dir convert=equal

Reads the folders that `data` names. Writes `data/converted/`: the pictures, their masks, `files.csv` (a row
for each) and `rejected.csv` (what is no usable picture, and why). Goes on where it was after an
interruption; does again only what has changed. What was converted from other folders, or under another
policy, waits beside it (`data/.converted.*.aside`) and is there again as soon as it is asked for.
"""

if __name__ == "__main__":  # --help answers before what the work needs is imported, which takes seconds
    from pipeline.usage import answer

    answer(__doc__)

import sys
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from pipeline.config import Config
from pipeline.conversion.conversion import convert_pictures
from pipeline.conversion.losses import mask_lines, uneven_losses
from pipeline.conversion.set_aside import converting
from pipeline.datasets.listing import list_sources
from pipeline.errors import counted
from pipeline.stage import execute, start
from pipeline.surroundings import printable


def run(config: Config) -> None:
    """List the pictures of the dataset, convert them, and say how many became what."""
    output = Path(config.paths.converted)
    sources, rejected = list_sources(config.data)
    with converting(output, _which(config)):
        counts = convert_pictures(sources, rejected, output, config.convert, config.compute)
    print(
        f"{output}: {counted(counts.converted, 'picture')} by policy {config.convert.policy} "
        f"({counts.unchanged} unchanged),\n"
        f"{counted(counts.rejected, 'file')} rejected, {counts.removed} removed"
    )
    for line in mask_lines(counts.masks):
        print(line)
    if counts.masks_rejected:
        print(
            f"warning: {counted(counts.masks_rejected, 'mask')} cannot be used; "
            f"{printable(counts.mask_rejected)}",
            file=sys.stderr,
        )
    for sentence in uneven_losses(counts.losses):
        print(f"warning: {printable(sentence)}", file=sys.stderr)
    if counts.rejected or counts.masks_rejected:
        masks = f" and {counted(counts.masks_rejected, 'mask')}" if counts.masks_rejected else ""
        print(f"what was wrong with {counted(counts.rejected, 'file')}{masks}: {output / 'rejected.csv'}")


def _which(config: Config) -> dict[str, Any]:
    """Return what tells one conversion from another: the folders, and how pictures are saved."""
    folders = {name: [pair.genuine, pair.fake, *pair.masks] for name, pair in config.data.collections.items()}
    return {"folders": folders, **config.choose("convert.policy", "convert.quality", "convert.subsampling")}


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(composed: DictConfig) -> None:
    """Hydra's entry."""
    execute(run, composed, lambda config: config.paths.converted)


if __name__ == "__main__":
    start(main)
