"""The schema of the configuration: every key, its type, its limits and the rules between keys.

What comes in (data, conversion, split, audit) is in `pipeline.config_data`.

Values stand in `conf/` and nowhere else; here are no defaults but for keys that may be left out.
"""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, TypeAlias, cast

from pydantic import BeforeValidator, Field, model_validator

from pipeline.checking import TARGET, Model, Section, build_function, check, refuse, refuse_old_names
from pipeline.config_data import Audit, Convert, Data, Name, Sample, Seed, Share, Split, Text
from pipeline.errors import UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig


class Paths(Section):
    """Folders of the stages, relative to the repository."""

    converted: Text
    manifest: Text
    measured: Text
    models: Text
    reports: Text


class NativeAugment(Section):
    """Random changes of crops that leave the traces of tampering where they are; what is not named is off."""

    horizontal_flip: bool = False
    vertical_flip: bool = False
    transpose: bool = False  # rows and columns exchanged
    tamper: Share = 0.0  # share of a batch: genuine pictures and fakes of them
    matched_saves: bool = False  # genuine pictures saved anew, each time as another fake was
    untouched: Share = 0.0  # share of crops of fakes that show no tampering
    handed_in: Share = 0.0  # share of genuine pictures shown as handed in
    alter: Share = 0.0  # share of pictures saved anew, some scaled or blurred
    scale: list[float] = Field(default=[1.0, 1.0])  # smallest and largest factor
    blur: float = Field(default=0.0, ge=0.0, le=20.0)  # largest standard deviation, pixels
    quality: list[int] = Field(default=[30, 100])  # lowest and highest JPEG quality
    lossless: Share = 0.0  # share of the altered that are not saved as JPEG
    altered_fakes: float = Field(default=1.0, gt=0.0, le=1.0)  # weight of altered fakes; of all others 1
    noise: float = Field(default=0.0, ge=0.0, le=50.0)  # largest standard deviation, 8-bit steps
    chains: Share = 0.0  # share of the altered that go on to a web site, which makes them smaller and saves
    by_hand: Share = 0.0  # share of the fakes made that are made with more care
    histories: Share = 0.0  # share of twins that were saved as real pictures are, once or twice, before

    @property
    def needs_sources(self) -> bool:
        """Whether genuine training pictures are read as they were handed in."""
        return bool(self.tamper or self.matched_saves or self.handed_in)

    @model_validator(mode="after")
    def _ranges_have_two_ends(self) -> Self:
        ends = "expected the lowest and the highest, from"
        refuse(
            (len(self.scale) != 2 or not 0.1 <= self.scale[0] <= self.scale[1] <= 10)
            and f"inputs.augment.scale: found {self.scale}, {ends} 0.1 to 10",
            (len(self.quality) != 2 or not 1 <= self.quality[0] <= self.quality[1] <= 100)
            and f"inputs.augment.quality: found {self.quality}, {ends} 1 to 100",
        )
        return self


class ResizedAugment(Section):
    """Random changes of resized pictures; what is not named is off."""

    needs_sources: ClassVar[bool] = False

    rotation: float = Field(default=0.0, ge=0.0, le=180.0)  # degrees, to either side
    width_shift: Share = 0.0  # share of the width, to either side
    height_shift: Share = 0.0
    horizontal_flip: bool = False


_NULL_IS_OFF = BeforeValidator(lambda augment: {} if augment is None else augment)


class NativeInputs(Section):
    """Pixels as they are: crops on the JPEG grid in training, whole pictures to be judged."""

    rescale: ClassVar[float] = 1.0  # networks take the 8-bit values as they are

    method: Literal["native"]
    height: int = Field(ge=8, le=4_096, multiple_of=8)  # of a crop in training
    width: int = Field(ge=8, le=4_096, multiple_of=8)
    views: int = Field(ge=1, le=10_000)  # crops of each picture in an epoch, on the average
    augment: Annotated[NativeAugment, _NULL_IS_OFF]  # null: pictures as they are


class ResizedInputs(Section):
    """The whole picture, resized, without keeping its proportions."""

    method: Literal["resized"]
    height: int = Field(ge=8, le=4_096)
    width: int = Field(ge=8, le=4_096)
    rescale: float = Field(gt=0.0)  # factor on the 8-bit values
    views: int = Field(ge=1, le=10_000)  # how often an epoch shows each picture
    augment: Annotated[ResizedAugment, _NULL_IS_OFF]


Inputs: TypeAlias = NativeInputs | ResizedInputs


class Loss(Section):
    """What training makes small: a sum with these weights."""

    label: float = Field(ge=0.0)  # of the picture: genuine or fake
    map: float = Field(ge=0.0)  # of its blocks, where a mask tells; only networks with a map have it


class Plateau(Section):
    """When `train.schedule=plateau` lowers the learning rate."""

    wait: int = Field(ge=1)  # epochs without a better monitor
    divide_by: float = Field(gt=1.0)


class Train(Section):
    """How the network is fitted."""

    seed: Seed | None  # weights, dropout, batches; null: the run's
    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    optimizer: Literal["adamw", "adam", "sgd"]
    learning_rate: float = Field(gt=0.0, le=10.0)
    momentum: float = Field(ge=0.0, le=0.999)  # of sgd
    weight_decay: float = Field(ge=0.0, le=10.0)  # of adamw
    clip_norm: float | None = Field(gt=0.0)  # largest norm of all gradients together; null: no limit
    schedule: Literal["constant", "cosine", "plateau"]
    warmup: float = Field(ge=0.0)  # epochs in which the rate rises from 0; may be part of one
    plateau: Plateau
    loss: Loss
    class_weights: Literal["balanced"] | None  # null: pictures weigh alike
    fake_fraction: float | None = Field(gt=0.0, le=1.0)  # null: as in the table
    monitor: Literal["validation/loss", "validation/roc_auc"]
    patience: int | None = Field(ge=1)  # epochs without a better monitor; null: all epochs, last weights
    precision: Literal["auto", "float32", "mixed_bfloat16"]
    resume: bool  # an interrupted training goes on after its last whole epoch
    shuffle_labels: bool  # training and validation learn from shuffled labels: a check, no detector
    save_h5: bool

    @model_validator(mode="after")
    def _rules(self) -> Self:
        refuse(
            self.loss.label == self.loss.map == 0
            and "train.loss: found 0 for label and for map; one of them must be above 0",
            self.warmup > self.epochs
            and f"train.warmup: found {self.warmup:g}, expected at most train.epochs ({self.epochs})",
            (self.schedule == "plateau" and self.patience is not None and self.patience <= self.plateau.wait)
            and f"train.patience: found {self.patience}, and with train.schedule=plateau it must be above "
            f"train.plateau.wait ({self.plateau.wait}), or training ends before the rate is lowered",
        )
        return self


class Calibration(Section):
    """On which genuine pictures verdicts are calibrated, beside those of validation."""

    genuine: Text | None  # folder; null: the validation pictures alone
    tampered: int = Field(ge=0, le=10_000)  # of them, also shown after tampering


class Decision(Section):
    """How what was measured becomes a verdict."""

    false_alarms: float = Field(gt=0.0, le=0.5)  # share of genuine pictures
    unsure: float | None = Field(gt=0.0, le=1.0)  # likewise, up to which the verdict is unsure; null: none

    @model_validator(mode="after")
    def _unsure_is_more(self) -> Self:
        refuse(
            self.unsure is not None
            and self.unsure < self.false_alarms
            and f"decision.unsure: found {self.unsure:g}, below decision.false_alarms "
            f"({self.false_alarms:g}); expected more, or null"
        )
        return self


class Evaluate(Section):
    """How the test pictures are scored."""

    bootstrap: int = Field(ge=100, le=100_000)  # draws of groups behind each interval
    confidence: float = Field(gt=0.0, le=0.999)
    robustness: Literal["fast", "full"] | None  # set of perturbations; null: none is tried


class Score(Section):
    """What `pipeline.score` tests, and under which name."""

    run: Text | None  # MLflow run whose detector is used; null: the one in `paths.models`
    split: Literal["train", "validation", "test"] | None  # of the manifest, only its pictures; null: all
    name: Name | None  # folder under score/; null: named after the data


class Search(Section):
    """The Optuna search of `pipeline.search`."""

    trials: int = Field(ge=1)


class Tracking(Section):
    """MLflow."""

    experiment: Text


class Runtime(Section):
    """How the machine is used; only `deterministic` and `strategy` may change a result."""

    deterministic: bool
    strategy: Literal["default", "mirrored"]  # one device, or all graphics cards of this machine
    cache: Literal["auto", "memory", "disk", "none"]  # decoded pictures
    cache_gib: float = Field(gt=0.0)


class Compute(Section):
    """Where pictures are converted, drawn and measured."""

    backend: Literal["local", "dask"]
    workers: int | None = Field(ge=1, le=1_024)  # processes; null: one a core
    scheduler: str | None  # address of a Dask scheduler; null: a cluster on this machine


TABLES = ("data", "convert", "split", "seed")  # what the tables of a manifest are made from
# What else a training depends on; of what made its tables it uses three again.
TRAINING = ("inputs", "model", "train", "runtime.deterministic", "runtime.strategy")
USED_AGAIN = ("seed", "data.root", "convert.policy")


class Config(Section):
    """The whole configuration."""

    seed: Seed
    paths: Paths
    data: Data
    sample: Sample
    convert: Convert
    split: Split
    audit: Audit
    inputs: Inputs = Field(discriminator="method")
    model: Model
    train: Train
    calibration: Calibration
    decision: Decision
    evaluate: Evaluate
    score: Score
    search: Search
    tracking: Tracking
    runtime: Runtime
    compute: Compute

    def choose(self, *keys: str) -> dict[str, Any]:
        """Return what lies at dotted keys, as plain values, nested as in the whole."""
        whole, chosen = self.model_dump(), dict[str, Any]()
        for key in keys:
            *sections, last = key.split(".")
            source, target = whole, chosen
            for section in sections:
                source, target = source[section], target.setdefault(section, {})
            target[last] = source[last]
        return chosen

    @property
    def training_seed(self) -> int:
        """The seed of weights, dropout, batches and shuffled labels."""
        return self.seed if self.train.seed is None else self.train.seed

    def for_training(self) -> dict[str, Any]:
        """Return what a training depends on besides its tables: the parameters of its stage in dvc.yaml."""
        return self.choose(*USED_AGAIN, *TRAINING)

    @model_validator(mode="after")
    def _model_takes_these_inputs(self) -> Self:
        function, method = build_function(self.model), self.inputs.method
        taken = getattr(sys.modules[function.__module__], "INPUTS", (method,))
        refuse(
            method not in taken
            and f"inputs.method: found {method}, and {self.model[TARGET]} takes {' or '.join(taken)} "
            f"pictures; choose inputs={taken[0]}, or another model"
        )
        return self

    @model_validator(mode="after")
    def _background_is_shown_as_twins(self) -> Self:
        names = [name for name, each in self.data.collections.items() if each.role == "background"]
        tamper = getattr(self.inputs.augment, "tamper", 0.0)
        refuse(
            bool(names and not tamper and not self.train.shuffle_labels)
            and f"data.collections.{names[0]}.role: found background, whose pictures stand beside fakes made "
            f"of them; that needs inputs=native and inputs.augment.tamper above 0 (it is {tamper})"
        )
        return self

    @model_validator(mode="after")
    def _shuffled_labels_alone_are_learnt(self) -> Self:
        """Refuse what would teach true labels beside shuffled ones, or treat the classes differently."""
        refuse(
            bool(self.train.shuffle_labels and self.model.get("weights"))
            and f"model.weights: found {self.model.get('weights')}, which has learnt true labels; with "
            "train.shuffle_labels=true it must be null"
        )
        for key in ("tamper", "matched_saves", "untouched", "handed_in"):
            found = getattr(self.inputs.augment, key, None)
            refuse(
                bool(self.train.shuffle_labels and found)
                and f"inputs.augment.{key}: found {found}, which treats genuine pictures and fakes "
                "differently; with train.shuffle_labels=true it must be off (experiment=shuffled_labels, or "
                "inputs.augment=null)"
            )
        return self


def validate(composed: "Mapping[str, Any] | DictConfig") -> Config:
    """Return a composed configuration, checked.

    Raises UserError as `pipeline.checking.check`, where a key has another name now, or an interpolation leads
    nowhere.
    """
    from omegaconf import DictConfig, OmegaConf  # what predicts needs the schema alone
    from omegaconf.errors import OmegaConfBaseException

    refuse_old_names(map(str, composed))
    try:
        nodes = composed if isinstance(composed, DictConfig) else OmegaConf.create(dict(composed))
        values = cast(dict[str, Any], OmegaConf.to_container(nodes, resolve=True))
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"the configuration is not right:\n  {error.full_key or 'it'}: {reason} (${{…}} stands for "
            "another key; a $ in a name is written \\$)"
        ) from error
    return check(Config, values)


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return dotted keys, the same as on the command line.

    >>> flatten({"train": {"epochs": 3}, "seed": 7})
    {'train.epochs': 3, 'seed': 7}
    """
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        below = isinstance(value, Mapping) and value
        flat |= flatten(value, f"{prefix}{name}.") if below else {f"{prefix}{name}": value}
    return flat
