"""The schema of the configuration: every key, its type and what it may be.

Values stand in `conf/` and nowhere else; here are no defaults but for keys that may be left out.
`pipeline/validate.py` applies it after Hydra has composed, because DVC composes without it.
"""

from dataclasses import dataclass, field
from typing import Any


def number(above: float | None = None, at_least: float | None = None, at_most: float | None = None) -> Any:
    """A number with limits; `above` excludes its limit, the others include theirs."""
    return field(metadata={"above": above, "at_least": at_least, "at_most": at_most})


def one_of(*choices: str) -> Any:
    """A text that must be one of `choices`."""
    return field(metadata={"choices": choices})


@dataclass(kw_only=True)
class Paths:
    """Folders of the stages, relative to the repository."""

    converted: str
    manifest: str
    models: str
    reports: str


@dataclass(kw_only=True)
class Naming:
    """How names of pictures tell their source and subset (regular expressions)."""

    namespace: str  # sources of collections with one namespace are the same pictures
    source: str | None = None  # found anywhere in the stem, as often as it occurs
    subsets: dict[str, str] = field(default_factory=dict)  # subset -> pattern on the stem of a fake


@dataclass(kw_only=True)
class Official:
    """The split that a dataset's authors published: train, validation, test -> where it is written down."""

    folders: dict[str, str] = field(default_factory=dict)  # -> pattern on the path below the class folder
    lists: dict[str, str] = field(default_factory=dict)  # -> text file, one name of a picture a line


@dataclass(kw_only=True)
class Collection:
    """One pair of folders. A relative path starts at the repository, as all of the configuration's do.

    Folders below the root are therefore written `${data.root}/…`.
    """

    genuine: str
    fake: str
    role: str = one_of("train", "test")
    masks: list[str] = field(default_factory=list)  # looked through in this order
    mask_name: str = "{stem}.png"
    licence: str | None = None  # the terms under which its pictures may be used, for the model card
    naming: Naming | None = None
    official: Official | None = None


@dataclass(kw_only=True)
class Data:
    """A dataset: where it lies, what it consists of, and which of its pictures are used."""

    name: str
    root: str
    genuine: str
    fake: str
    masks: str
    # Each leaves pictures out.
    protocol: list[str] = field(metadata={"choices": ("source_matched", "jpeg_only")})
    known_groups: str | None  # table of pictures that belong together for reasons of their own
    collections: dict[str, Collection]


@dataclass(kw_only=True)
class Sample:
    """The built-in pictures."""

    genuine: int = number(at_least=4, at_most=100_000)
    fake: int = number(at_least=4, at_most=100_000)
    width: int = number(at_least=64, at_most=8_192)
    height: int = number(at_least=64, at_most=8_192)


@dataclass(kw_only=True)
class Convert:
    """What becomes of the files before anything else sees them."""

    policy: str = one_of("raw", "tif_only", "equal", "matched", "lossless")
    quality: int = number(at_least=1, at_most=100)
    subsampling: str = one_of("4:4:4", "4:2:2", "4:2:0")
    pages: str = one_of("first", "all")  # of a TIFF: the first one, or each as a picture of its own
    max_rejected: float = number(at_least=0.0, at_most=1.0)  # share of files beyond which the stage fails
    max_megapixels: float = number(above=0.0)  # larger pictures are rejected before they are decoded
    max_gib: float = number(above=0.0)  # of memory for one decoded picture, likewise


@dataclass(kw_only=True)
class Split:
    """How pictures are dealt to training, validation and test."""

    method: str = one_of("grouped", "parents", "official", "random")
    shares: dict[str, float]  # train, validation, test: add up to 1
    folds: int | None = number(at_least=2, at_most=100)  # test 1/folds of the pictures; null: by the shares
    fold: int = number(at_least=0)  # which of them: each picture is tested in one fold


@dataclass(kw_only=True)
class Audit:
    """The search for what gives the label away besides the tampering."""

    folds: int = number(at_least=2, at_most=20)  # of the cross-validation by group
    bootstrap: int = number(at_least=100, at_most=100_000)  # draws of groups behind each interval
    confidence: float = number(above=0.0, at_most=0.999)
    warn_above: float = number(at_least=0.5, at_most=1.0)  # ROC AUC: a lower end of an interval above it
    fail_above: float | None = number(at_least=0.5, at_most=1.0)  # null: training starts whatever is found
    probe_pictures: int | None = number(at_least=20)  # pictures of a collection that are probed; null: all


@dataclass(kw_only=True)
class Preprocess:
    """From a decoded picture to what the network is given."""

    method: str = one_of("resize", "native")  # the whole picture resized; or crops, and whole to be judged
    height: int = number(at_least=8, at_most=4_096)  # of the resized picture, of a crop in training
    width: int = number(at_least=8, at_most=4_096)
    rescale: float = number(above=0.0)  # factor on the 8-bit values
    views: int = number(at_least=1, at_most=10_000)  # how often an epoch shows each picture


@dataclass(kw_only=True)
class Augment:
    """Random changes of training pictures; each is off at 0 or false."""

    # Of resized pictures:
    rotation: float = number(at_least=0.0, at_most=180.0)  # degrees, to either side
    width_shift: float = number(at_least=0.0, at_most=1.0)  # share of the width, to either side
    height_shift: float = number(at_least=0.0, at_most=1.0)
    # Of both kinds:
    horizontal_flip: bool
    # Of crops at native resolution:
    vertical_flip: bool
    transpose: bool  # rows and columns exchanged
    tamper: float = number(at_least=0.0, at_most=1.0)  # share of a batch: genuine pictures and fakes of them
    matched_saves: bool  # genuine pictures saved anew, each time as another fake was
    untouched: float = number(at_least=0.0, at_most=1.0)  # share of crops of fakes that show no tampering
    handed_in: float = number(at_least=0.0, at_most=1.0)  # share of genuine pictures shown as handed in
    alter: float = number(at_least=0.0, at_most=1.0)  # share of pictures saved anew, some scaled or blurred
    scale: list[float]  # smallest and largest factor
    blur: float = number(at_least=0.0, at_most=20.0)  # largest standard deviation, pixels
    quality: list[int]  # lowest and highest JPEG quality
    lossless: float = number(at_least=0.0, at_most=1.0)  # share of the altered that are not saved as JPEG
    altered_fakes: float = number(above=0.0, at_most=1.0)  # weight of altered fakes; of all others 1


@dataclass(kw_only=True)
class Loss:
    """What training makes small: a sum with these weights."""

    label: float = number(at_least=0.0)  # of the picture: genuine or fake
    map: float = number(at_least=0.0)  # of its cells, where a mask tells; only networks with a map have it


@dataclass(kw_only=True)
class Plateau:
    """When `train.schedule=plateau` lowers the learning rate."""

    wait: int = number(at_least=1)  # epochs without a better monitor
    divide_by: float = number(above=1.0)


@dataclass(kw_only=True)
class Train:
    """How the network is fitted."""

    seed: int | None = number(at_least=0, at_most=2**31 - 1)  # weights, dropout, batches; null: the run's
    epochs: int = number(at_least=1)
    batch_size: int = number(at_least=1)
    optimizer: str = one_of("adamw", "adam", "sgd")
    learning_rate: float = number(above=0.0, at_most=10.0)
    momentum: float = number(at_least=0.0, at_most=0.999)  # of sgd
    weight_decay: float = number(at_least=0.0, at_most=10.0)  # of adamw
    clip_norm: float | None = number(above=0.0)  # largest norm of all gradients together; null: no limit
    schedule: str = one_of("constant", "cosine", "plateau")
    warmup: float = number(at_least=0.0)  # epochs in which the rate rises from 0; may be part of one
    plateau: Plateau
    loss: Loss
    class_weights: str | None = one_of("balanced")  # null: pictures weigh alike
    fake_fraction: float | None = number(above=0.0, at_most=1.0)  # null: as in the table
    monitor: str = one_of("validation/loss", "validation/roc_auc")
    patience: int | None = number(
        at_least=1
    )  # epochs without a better monitor; null: all epochs, last weights
    precision: str = one_of("auto", "float32", "mixed_bfloat16")
    resume: bool  # an interrupted training goes on after its last whole epoch
    shuffle_labels: bool  # training and validation learn from labels dealt anew: a check, no detector
    save_h5: bool


@dataclass(kw_only=True)
class Decision:
    """How probabilities become verdicts; chosen on validation pictures."""

    threshold: str = one_of("balanced_accuracy", "false_positive_rate")
    false_positive_rate: float = number(above=0.0, at_most=0.5)  # of genuine validation pictures
    unsure: float | None = number(above=0.0, at_most=0.999)  # confidence of the abstain band; null: none


@dataclass(kw_only=True)
class Evaluate:
    """How the test pictures are scored."""

    bootstrap: int = number(at_least=100, at_most=100_000)  # draws of groups behind each interval
    confidence: float = number(above=0.0, at_most=0.999)
    robustness: str | None = one_of("fast", "full")  # set of perturbations; null: none is tried


@dataclass(kw_only=True)
class Score:
    """What `pipeline.score` tests, and under which name."""

    run: str | None  # MLflow run whose detector is used; null: the one in `paths.models`
    split: str | None = one_of("train", "validation", "test")  # of the manifest, only its pictures; null: all
    name: str | None  # folder under score/; null: named after the data


@dataclass(kw_only=True)
class Search:
    """The Optuna search of `pipeline.search`."""

    trials: int = number(at_least=1)


@dataclass(kw_only=True)
class Tracking:
    """MLflow."""

    experiment: str


@dataclass(kw_only=True)
class Runtime:
    """How the machine is used; only `deterministic` and `strategy` may change a result."""

    deterministic: bool
    strategy: str = one_of("default", "mirrored")  # one device, or all graphics cards of this machine
    cache: str = one_of("auto", "memory", "disk", "none")  # decoded pictures
    cache_gib: float = number(above=0.0)


@dataclass(kw_only=True)
class Compute:
    """Where pictures are converted, drawn and measured."""

    backend: str = one_of("local", "dask")
    workers: int | None = number(at_least=1, at_most=1_024)  # processes; null: one a core
    scheduler: str | None  # address of a Dask scheduler; null: a cluster on this machine


@dataclass(kw_only=True)
class Config:
    """The whole configuration."""

    seed: int = number(at_least=0, at_most=2**31 - 1)
    paths: Paths
    data: Data
    sample: Sample
    convert: Convert
    split: Split
    audit: Audit
    preprocess: Preprocess
    augment: Augment
    model: dict[str, Any]
    train: Train
    decision: Decision
    evaluate: Evaluate
    score: Score
    search: Search
    tracking: Tracking
    runtime: Runtime
    compute: Compute
