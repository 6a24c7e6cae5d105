"""Trains the detector.

Reads `data/manifest/{train,validation}.csv` and the pictures they name; writes `models/trained/`: the
detector (`detector.keras`, `detector.onnx` for whatever predicts, and the `.h5` if asked for), `history.csv`,
`model_summary.txt` and `run.json`.
Opens the run in MLflow. Keeps its state in `.checkpoints/` until it is done: started again after an
interruption it goes on after the last whole epoch. What was trained before is in `.trained/`: the same again
is put back in seconds.

    python -m pipeline.train train.epochs=30 model=fusion
"""

if __name__ == "__main__":  # --help answers before what the work needs is imported, which takes seconds
    from pipeline.usage import answer

    answer(__doc__)

import hashlib
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from pipeline.checking import model_name
from pipeline.config import Config
from pipeline.datasets.tables import (
    LABELS,
    SPLITS,
    check_built_from,
    check_files,
    genuine_sources,
    read_table,
    shuffle_labels,
    with_sources,
)
from pipeline.models.build import describe, describe_in_a_line
from pipeline.models.detector_files import HISTORY_FILE, RUN_FILE, SUMMARY_FILE, TRAINED, save_model
from pipeline.models.export import write_portable
from pipeline.records import RECORDED, TrainingRun
from pipeline.run_store import repository
from pipeline.stage import execute, start, start_tensorflow
from pipeline.storage import replacing_folder, write_csv, write_json, write_text
from pipeline.training.finished import FINISHED, Finished

LEARNT_FROM = SPLITS[:2]  # train and validation: the test table is not even opened


def run(config: Config) -> None:
    """Train into `paths.models`."""
    train(config, Path(config.paths.models))


def train(config: Config, models: Path, name: str | None = None, parent: str | None = None) -> dict[str, Any]:
    """Train one detector; replace the folder `models/trained` by it; return its `run.json`.

    `name` is that of its MLflow run (None: what tells it from others), `parent` the id of that of its sweep.
    Raises UserError where the tables or pictures are not what the configuration says.
    """
    manifest = Path(config.paths.manifest)
    check_built_from(manifest, config)
    paths = {split: manifest / f"{split}.csv" for split in LEARNT_FROM}
    tables = {split: with_sources(read_table(path), config.data.root) for split, path in paths.items()}
    check_files(*tables.values())
    if config.inputs.augment.needs_sources:
        check_files(genuine_sources(tables["train"]))
    digests = _digests(paths)
    # Not where DVC may be running it: some experiments run in a folder that it deletes.
    finished = Finished(config, digests["tables"], repository())
    if config.train.resume and finished.exists():
        return _put_back(finished, config, models, name, parent)
    start_tensorflow()  # 10 s: not before it is needed
    from pipeline.training.fit import fit, prepare_training
    from pipeline.training.portability import check_portable

    if config.train.shuffle_labels:
        tables = {
            split: shuffle_labels(table, [config.training_seed, index])
            for index, (split, table) in enumerate(tables.items())
        }
    model, machine, checkpoint = prepare_training(config, digests["tables"])
    layers = models / TRAINED / SUMMARY_FILE
    line = f"{model_name(config.model)}: {describe_in_a_line(model)}; its layers: {layers}"
    print("\n".join(textwrap.wrap(line, 80)))
    counts = {label: int((tables["train"]["label"] == label).sum()) for label in LABELS}
    facts = {**machine, **digests, "pictures": counts}
    with TrainingRun(config, name, parent, facts) as run, replacing_folder(models / TRAINED) as folder:
        history = fit(model, tables["train"], tables["validation"], config, run.log_epoch, checkpoint)
        save_model(model, folder, with_h5=config.train.save_h5)
        write_portable(model, folder)
        run.record["portable"] = check_portable(folder, tables["validation"], config.inputs)
        # The rate is no result: with it, the same training would leave another file each time.
        run.record["images_per_second"] = float(history.pop("images_per_second").median())
        write_csv(folder / HISTORY_FILE, history)
        write_text(folder / SUMMARY_FILE, describe(model))
        write_json(folder / RUN_FILE, run.record)
    run.finish(models)
    finished.keep(models / TRAINED)  # now: what is put back later is not sent again
    checkpoint.remove()
    return run.record


def _put_back(
    finished: Finished, config: Config, models: Path, name: str | None, parent: str | None
) -> dict[str, Any]:
    """Replace what was trained by a detector of before; in a sweep as a run of its own."""
    with replacing_folder(models / TRAINED) as folder:
        record = finished.put_back(folder)
        print(
            f"trained before, {record['started']}: put back from {FINISHED / finished.folder.name}\n"
            "train.resume=false trains it again"
        )
        if parent is None:
            return record
        facts = {key: value for key, value in record.items() if key not in RECORDED}
        with TrainingRun(config, name, parent, facts) as run:
            write_json(folder / RUN_FILE, run.record)
    run.finish(models)
    return run.record


def _digests(paths: Mapping[str, Path]) -> dict[str, Any]:
    """Return path and SHA-256 of each table, and one digest of them all."""
    digests = {split: hashlib.sha256(path.read_bytes()).hexdigest() for split, path in paths.items()}
    return {
        "tables": {split: {"path": paths[split].as_posix(), "sha256": digests[split]} for split in paths},
        "data_digest": hashlib.sha256("".join(digests.values()).encode()).hexdigest()[:12],
    }


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(composed: DictConfig) -> None:
    """Hydra's entry."""
    execute(run, composed, lambda config: config.paths.models)


if __name__ == "__main__":
    start(main)
