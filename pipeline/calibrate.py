"""Decides what a score means: how rarely genuine pictures may be called fake, and what that takes.

    python -m pipeline.calibrate --genuine ~/photos --rate 0.01

Reads the detector in `models/trained/`, `data/measured.csv` and the validation pictures, and those of the
folder `--genuine` (`calibration.genuine`): a few hundred photographs, as they are, of the cameras and sizes
that are to be judged. Writes `models/decision.json`, and `models/scores.csv` so that another `--rate`
(`decision.false_alarms`) takes seconds. Nothing is trained.
"""

if __name__ == "__main__":  # --help answers before what the work needs is imported, which takes seconds
    from pipeline.usage import answer

    answer(__doc__)

import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra
import pandas as pd
from omegaconf import DictConfig

from pipeline.composition import choice_of
from pipeline.config import Config
from pipeline.datasets.tables import check_built_from, check_files, check_learnt_from, read_table
from pipeline.decision_record import send_decision
from pipeline.detector.calibration import CALIBRATION, TAMPERED, VALIDATION, decide
from pipeline.detector.calibration_pictures import calibration_table
from pipeline.detector.decision import DECISION_FILE, Decision
from pipeline.detector.detector import require_trained
from pipeline.detector.validation import validation_metrics
from pipeline.errors import UserError
from pipeline.evidence.measured import read_measured, reference_measured
from pipeline.models.portable import trained_digest
from pipeline.records import code_state, portable, read_record
from pipeline.run_store import tolerating_a_lost_store
from pipeline.stage import execute, start, stop
from pipeline.storage import write_json

_OPTIONS = {"--genuine": "calibration.genuine", "--rate": "decision.false_alarms"}


def run(config: Config) -> None:
    """Decide for the detector in `paths.models`."""
    calibrate(config, Path(config.paths.models))


def calibrate(config: Config, models: Path) -> dict[str, Any]:
    """Take the decision for one detector; return its `decision.json`.

    Raises UserError where nothing is trained, tables or pictures are not what they were, or a picture is
    missing of which something has to be known.
    """
    manifest = Path(config.paths.manifest)
    check_built_from(manifest, config)
    require_trained(models)
    record = read_record(models)
    check_learnt_from(manifest, record["tables"])
    validation = read_table(manifest / "validation.csv")
    check_files(validation)
    measured = read_measured(Path(config.paths.measured))
    table = calibration_table(models, validation, measured, config.calibration, config.seed, config.compute)
    decision = decide(table, reference_measured(), config.decision)
    settings = config.choose("calibration", "decision")
    content = {
        "detector": trained_digest(models),
        "config": portable(settings),
        "differing": code_state(settings)["differing"],  # the report names them: they give the same decision
        "pictures": {
            "genuine": int((table["target"] == 0).sum()),
            "validation": int((table["part"] == VALIDATION).sum()),
            "folder": int((table["part"] == CALIBRATION).sum()),
            "tampered": int((table["part"] == TAMPERED).sum()),
        },
        "validation": validation_metrics(table[table["part"] == VALIDATION], decision),
        **decision.as_dict(),
    }
    write_json(models / DECISION_FILE, content)
    print("\n".join(explain(decision, table, models / DECISION_FILE)))
    with tolerating_a_lost_store("recording the decision", f" --models {models}"):
        print(f"registered in MLflow as {send_decision(models)}")
    return content


def explain(decision: Decision, table: pd.DataFrame, path: Path) -> list[str]:
    """Return what a person has to know of a decision, in lines of at most 80 columns."""
    genuine = table[(table["target"] == 0) & (table["part"] != TAMPERED)]
    lines = [
        f"{path}: fake where {decision.false_alarms:.1%} of genuine pictures or fewer look as suspicious; "
        f"from {len(genuine):,} genuine pictures"
    ]
    if shortage := decision.shortage():
        needed = max(needed for _, needed in shortage.values())
        there = ", ".join(f"{name} has {count:,}" for name, (count, _) in shortage.items())
        lines.append(
            f"too few for that rate: each test needs {needed:,} genuine pictures, "
            f"and {there}; until then the rate is an estimate from the most suspicious of them, no "
            "promise. More: python -m pipeline.calibrate --genuine FOLDER"
        )
    if len(decision.found):
        share = decision.found.mean()
        lines.append(f"of {len(decision.found):,} of them tampered with here, {share:.0%} are called fake")
    return [line for each in lines for line in textwrap.wrap(each, 80)]


def as_settings(arguments: Sequence[str]) -> list[str]:
    """Return a command line with `--genuine` and `--rate` as the settings that they stand for.

    >>> as_settings(["--genuine", "photos", "--rate=0.01", "seed=3"])
    ['calibration.genuine="photos"', 'decision.false_alarms=0.01', 'seed=3']

    Raises:
        UserError: nothing follows one of them.
    """
    settings, rest = list[str](), iter(arguments)
    for each in rest:
        option, is_given, value = each.partition("=")
        if option not in _OPTIONS:
            settings.append(each)
            continue
        value = value if is_given else next(rest, "")
        if not value:
            raise UserError(f"{option}: nothing follows it; expected a value, such as {option} VALUE")
        key = _OPTIONS[option]
        settings.append(choice_of(key, value) if option == "--genuine" else f"{key}={value}")
    return settings


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(composed: DictConfig) -> None:
    """Hydra's entry."""
    execute(run, composed, lambda config: config.paths.models)


if __name__ == "__main__":
    try:
        sys.argv[1:] = as_settings(sys.argv[1:])
    except UserError as error:
        stop(str(error))
    start(main)
