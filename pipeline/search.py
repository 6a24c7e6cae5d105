"""Searches the space of a kept sweep with Optuna instead of trying every combination.

    python -m pipeline.search experiment=dropout_and_rate search.trials=20

The space is what the recipe's `hydra.sweeper.params` say, in Hydra's words: `a,b` and `choice(a,b)` are
choices, `range(1,5)` whole numbers, `interval(1e-4,1e-2)` a range, with `tag(log, …)` a logarithmic one.
Each trial is a job as in `pipeline.experiment`; the tree-structured Parzen estimator (Bergstra et al.
2011) maximises the validation score, from the configured seed.
"""

if __name__ == "__main__":  # --help answers before what the work needs is imported, which takes seconds
    from pipeline.usage import answer

    answer(__doc__)

import sys
from pathlib import Path
from typing import Any

import optuna
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException
from omegaconf import DictConfig

from pipeline.errors import UserError
from pipeline.experiment import close, new_folder, run_job
from pipeline.stage import let_through, plain_errors, refuse_unreadable
from pipeline.sweeps import CHOSEN_BY, Sweep, checked, refuse_upstream


def search(overrides: list[str]) -> str:
    """Run the trials; return the table of them.

    Raises UserError where the recipe has no space, or it or an override changes what happens before training.
    """
    composed = _compose(overrides)
    space = [f"{key}={value}" for key, value in (composed.hydra.sweeper.params or {}).items()]
    if not space:
        raise UserError(
            "there is nothing to search: name a recipe whose hydra.sweeper.params hold the space, "
            "such as experiment=dropout_and_rate"
        )
    refuse_upstream(overrides + space)
    config = checked(composed)
    sweep = Sweep(new_folder())
    sweep.open(config, config.search.trials)

    def objective(trial: optuna.Trial) -> float:
        parsed = OverridesParser.create().parse_overrides(space)
        chosen = [f"{each.key_or_group}={_suggest(trial, each)}" for each in parsed]
        asked = checked(_compose([*overrides, *chosen]))
        result = run_job(sweep, asked, trial.number, ",".join(chosen))
        return float(result["validation"][CHOSEN_BY] or 0.0)

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=config.seed))
    try:
        study.optimize(objective, n_trials=config.search.trials)
    finally:
        table = close(sweep)
        if sys.exc_info()[0] is not None:
            print(table)  # what was found before the interruption
    return table


def _suggest(trial: optuna.Trial, override: Override) -> Any:
    """Return a value for one key of the space."""
    name, value = override.key_or_group, override.value()
    if isinstance(value, ChoiceSweep | RangeSweep):
        values = value.list if isinstance(value, ChoiceSweep) else value.range()
        return trial.suggest_categorical(name, [str(each) for each in values])
    if isinstance(value, IntervalSweep):
        ends = [float(each or 0.0) for each in (value.start, value.end)]
        return trial.suggest_float(name, *ends, log="log" in value.tags)
    raise UserError(f"{name}: {value} is one value; a space needs a,b or range(…) or interval(…)")


def _compose(overrides: list[str]) -> DictConfig:
    try:
        with initialize_config_dir(str(Path("conf").resolve()), version_base="1.3"):
            return compose("config", overrides=overrides, return_hydra_config=True)
    except HydraException as error:
        raise UserError(str(error)) from error


def main() -> None:
    """Search with the overrides of the command line."""
    with plain_errors():
        for each in sys.argv[1:]:
            if each.startswith("-"):
                raise UserError(f"there is no option {each}; python -m pipeline.search --help says more")
        refuse_unreadable(sys.argv[1:])
        print(search(let_through(sys.argv[1:])))


if __name__ == "__main__":
    main()
