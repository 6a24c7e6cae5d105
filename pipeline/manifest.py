"""Splits the converted pictures into training, validation and test.

Reads `data/converted/files.csv` and those of the pictures that may show the same; writes `data/manifest/`:
`train.csv`, `validation.csv`, `test.csv`, `left_out.csv`, `counts.json` and `built_from.json`. Pictures that
share a source, are the same file or show the same stay on one side, unless `split` asks for something else.

    python -m pipeline.manifest split=parents data.protocol=[source_matched]
    python -m pipeline.manifest split.folds=5 split.fold=0
"""

if __name__ == "__main__":  # --help answers before what the work needs is imported, which takes seconds
    from pipeline.usage import answer

    answer(__doc__)

import textwrap
from pathlib import Path

import hydra
from omegaconf import DictConfig

from pipeline.config import Config
from pipeline.datasets.build_manifest import (
    build_manifest,
    count_lines,
    count_manifest,
    count_same,
    same_line,
    write_manifest,
)
from pipeline.datasets.near_duplicates import find_near_duplicates
from pipeline.datasets.power import groups_by_label, rough_test
from pipeline.datasets.tables import built_from, cross_dataset_collections, read_files
from pipeline.stage import execute, start


def run(config: Config) -> None:
    """Build the manifest of `paths.converted` in `paths.manifest`."""
    converted = Path(config.paths.converted)
    files = read_files(converted)
    duplicates = find_near_duplicates(files, converted, config.compute)
    manifest = build_manifest(files, converted, config.data, config.split, config.seed, duplicates)
    same = count_same(files, duplicates)
    elsewhere = cross_dataset_collections(config.data)
    counts = {**count_manifest(manifest, elsewhere), "same": same}
    write_manifest(Path(config.paths.manifest), manifest, counts, built_from(config))
    test = manifest.splits["test"]
    here = test[~test["collection"].isin(list(elsewhere))]
    rough = "\n".join(textwrap.wrap(rough_test(groups_by_label(here)), 80))
    print("\n".join(filter(None, [same_line(same), count_lines(counts), rough])))


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(composed: DictConfig) -> None:
    """Hydra's entry."""
    execute(run, composed, lambda config: config.paths.manifest)


if __name__ == "__main__":
    start(main)
