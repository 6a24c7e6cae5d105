"""Deals the converted pictures to training, validation and test.

Reads `data/converted/files.csv`; writes `data/manifest/`: `train.csv`, `validation.csv`, `test.csv`,
`left_out.csv`, `counts.json` and `built_from.json`. Pictures that share a source or are the same file
stay on one side, unless `split=random` asks for the classic leak.

    python -m pipeline.manifest split=random
"""

from dataclasses import asdict
from pathlib import Path

import hydra
from omegaconf import DictConfig

from pipeline.config import Config
from pipeline.manifests.build import build_manifest, test_collections, write_manifest
from pipeline.manifests.counts import count_lines, count_manifest
from pipeline.manifests.tables import read_files
from pipeline.stage import execute, start


def run(config: Config) -> None:
    """Build the manifest of `paths.converted` in `paths.manifest`."""
    converted = Path(config.paths.converted)
    files = read_files(converted)
    manifest = build_manifest(files, converted, config.data, config.split, config.seed)
    counts = count_manifest(manifest, test_collections(config.data))
    values = asdict(config)
    built_from = {key: values[key] for key in ("data", "convert", "split", "seed")}
    write_manifest(Path(config.paths.manifest), manifest, counts, built_from)
    print(count_lines(counts))


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(composed: DictConfig) -> None:
    """Hydra's entry."""
    execute(run, composed, lambda config: config.paths.manifest)


if __name__ == "__main__":
    start(main)
