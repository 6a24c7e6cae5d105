"""The learning rate, step by step."""

from typing import Any, TypeAlias

import keras
from keras.optimizers.schedules import CosineDecay, LearningRateSchedule

from pipeline.config import Train

LAST_SHARE = 0.01  # of the learning rate, where a cosine ends

Rate: TypeAlias = float | LearningRateSchedule


@keras.saving.register_keras_serializable(package="fake_image_detection")
class Divided(LearningRateSchedule):
    """A schedule times a factor, which is 1 until it is set: for `train.schedule=plateau`.

    To be made within the scope of the strategy.

    Args:
        schedule: what is multiplied.
    """

    def __init__(self, schedule: LearningRateSchedule) -> None:
        super().__init__()
        self.schedule = schedule
        self.factor = keras.Variable(
            1.0, trainable=False, aggregation="only_first_replica", name="plateau_factor"
        )

    def __call__(self, step: Any) -> Any:
        """Give the rate at a step, counted from 0."""
        return self.schedule(step) * self.factor

    def get_config(self) -> dict[str, Any]:
        """Give what it was made with."""
        return {"schedule": keras.optimizers.schedules.serialize(self.schedule)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Divided":
        """Make it again, with a factor of 1."""
        return cls(keras.optimizers.schedules.deserialize(config["schedule"]))


def make_schedule(settings: Train, steps: int) -> Rate:
    """Make the learning rate of a training.

    Args:
        settings: `learning_rate`, `schedule`, `warmup` and `epochs` are used.
        steps: batches in an epoch.

    Returns:
        one number where the rate never changes.
    """
    if settings.schedule == "constant" and settings.warmup == 0:
        return settings.learning_rate
    if settings.schedule == "cosine":
        return _warmed_up(settings, steps, LAST_SHARE)
    constant = _warmed_up(settings, steps, 1.0)
    return Divided(constant) if settings.schedule == "plateau" else constant


def _warmed_up(settings: Train, steps: int, last_share: float) -> CosineDecay:
    """Rise linearly from 0, then fall as a cosine does to a share of the rate; 1 is no fall at all."""
    rising = round(settings.warmup * steps)
    falling = max(1, settings.epochs * steps - rising)
    if not rising:
        return CosineDecay(settings.learning_rate, falling, alpha=last_share)
    return CosineDecay(
        0.0, falling, alpha=last_share, warmup_target=settings.learning_rate, warmup_steps=rising
    )
