"""What the history of a training says: its best epoch, whether it goes on, how far the rate is lowered.

Functions of the values of `train.monitor` alone, one an epoch, so that nothing else has to be remembered
when a training is interrupted.
"""

from collections.abc import Sequence

from pipeline.config import Train

HIGHER_IS_BETTER = {"validation/loss": False, "validation/roc_auc": True}


def best_epoch(values: Sequence[float], monitor: str) -> int:
    """Give the place of the best value; of equal ones the first."""
    sign = -1.0 if HIGHER_IS_BETTER[monitor] else 1.0
    return min(range(len(values)), key=lambda place: sign * values[place])


def is_over(values: Sequence[float], settings: Train) -> bool:
    """Whether training ends after these epochs."""
    if len(values) >= settings.epochs:
        return True
    if settings.patience is None or not values:
        return False
    return len(values) - 1 - best_epoch(values, settings.monitor) >= settings.patience


def rate_factor(values: Sequence[float], settings: Train) -> float:
    """Give what the learning rate is multiplied by in the next epoch; 1 without a plateau.

    The rate is divided once so many epochs have brought nothing better, and again after as many more.
    """
    if settings.schedule != "plateau":
        return 1.0
    divisions, waited = 0, 0
    for place in range(len(values)):
        is_best = best_epoch(values[: place + 1], settings.monitor) == place
        waited = 0 if is_best else waited + 1
        if waited == settings.plateau.wait:
            divisions, waited = divisions + 1, 0
    return settings.plateau.divide_by**-divisions
