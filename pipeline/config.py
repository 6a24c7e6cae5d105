"""The schema of the configuration: every key, its type and what it may be.

Values stand in `conf/` and nowhere else; here are no defaults but for keys that may be left out.
`pipeline/config.py` applies it after Hydra has composed, because DVC composes without it.
"""

import dataclasses
import difflib
import inspect
import math
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, cast, get_args, get_origin, get_type_hints

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pipeline.errors import UserError


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


# Checks a composed configuration against the schema; the message says what is allowed.
#


def validate(composed: DictConfig | Mapping[str, Any]) -> Config:
    """Check a composed configuration and give it as dataclasses.

    Raises:
        UserError: an unknown or missing key, a wrong type or a value out of range; the message
            lists each mistake with the key and what is allowed.
    """
    nodes = composed if isinstance(composed, DictConfig) else OmegaConf.create(dict(composed))
    values = OmegaConf.create(cast(dict[str, Any], OmegaConf.to_container(nodes, resolve=True)))
    mistakes = list(_key_mistakes(Config, values, ""))
    if not mistakes:
        try:
            typed = OmegaConf.merge(OmegaConf.structured(Config), values)
        except OmegaConfBaseException as error:
            mistakes = [_type_mistake(str(error.full_key), str(error).splitlines()[0])]
        else:
            config = cast(Config, OmegaConf.to_object(typed))
            mistakes = [
                *_range_mistakes(config, ""),
                *_share_mistakes(config),
                *_input_mistakes(config),
                *_train_mistakes(config.train),
                *_shuffle_mistakes(config),
            ]
    if mistakes:
        raise UserError("the configuration is not right:\n  " + "\n  ".join(mistakes))
    return config


def check_ranges(settings: Any, prefix: str = "") -> None:
    """Refuse numbers out of range in a part of the configuration that was not composed.

    Args:
        settings: a dataclass of `pipeline.config`.
        prefix: of its keys, in messages.

    Raises:
        UserError: a number is out of range.
    """
    if mistakes := list(_range_mistakes(settings, prefix)):
        raise UserError("the configuration is not right:\n  " + "\n  ".join(mistakes))


def unknown_key(key: str) -> str:
    """Say what is wrong with a dotted key, such as one on the command line; nothing if it may be.

    What lies beneath an open part (`model`, the names of collections) is not looked at.
    """
    schema: Any = Config
    prefix = ""
    for part in key.split("."):
        if not dataclasses.is_dataclass(schema):
            break
        types = get_type_hints(schema)
        if part not in types:
            return _no_such_key(prefix, part, list(types))
        schema, prefix = types[part], f"{prefix}{part}."
    return ""


def flatten(nested: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted keys, the same as on the command line: {"train": {"epochs": 3}} -> {"train.epochs": 3}."""

    def walk(value: Any, key: str) -> Iterator[tuple[str, Any]]:
        if isinstance(value, Mapping) and value:
            for name, inner in value.items():
                yield from walk(inner, f"{key}.{name}" if key else str(name))
        else:
            yield key, value

    return dict(walk(nested, ""))


def _key_mistakes(schema: Any, values: Any, prefix: str) -> Iterator[str]:
    """Unknown and missing keys, nested dataclasses and dictionaries of dataclasses included."""
    if not isinstance(values, DictConfig):
        yield f"{prefix.rstrip('.')}: found {values!r}, expected the keys {_names(schema)}"
        return
    types = get_type_hints(schema)
    fields = {each.name: each for each in dataclasses.fields(schema)}
    for key in map(str, values):
        if key not in fields:
            yield _no_such_key(prefix, key, list(fields))
    for name, each in fields.items():
        optional = each.default is not dataclasses.MISSING or each.default_factory is not dataclasses.MISSING
        if name not in values:
            if not optional:
                yield f"{prefix}{name}: missing; see conf/{prefix.split('.')[0] or name}/"
        elif values[name] is not None:
            yield from _inner_mistakes(types[name], values[name], f"{prefix}{name}.")


def _inner_mistakes(declared: Any, value: Any, prefix: str) -> Iterator[str]:
    candidates = [declared, *get_args(declared)]
    dataclass_types = [each for each in candidates if dataclasses.is_dataclass(each)]
    if not dataclass_types:
        return
    if declared is dataclass_types[0] or type(None) in candidates:
        yield from _key_mistakes(dataclass_types[0], value, prefix)
    elif isinstance(value, DictConfig):
        for key in map(str, value):
            yield from _key_mistakes(dataclass_types[0], value[key], f"{prefix}{key}.")


def _no_such_key(prefix: str, key: str, allowed: list[str]) -> str:
    near = difflib.get_close_matches(key, allowed, n=1)
    guess = f"; did you mean {prefix}{near[0]}?" if near else ""
    return f"{prefix}{key}: no such key{guess} (allowed here: {', '.join(allowed)})"


def _type_mistake(key: str, found: str) -> str:
    """Say what is wrong with the type of a value, and what the field at a dotted key takes."""
    schema: Any = Config
    limits: Mapping[str, Any] = {}
    for part in key.split("."):
        if not dataclasses.is_dataclass(schema):
            return f"{key}: {found}"
        limits = {each.name: each.metadata for each in dataclasses.fields(schema)}.get(part, {})
        schema = get_type_hints(schema).get(part)
    allowed = f"; allowed is {_in_words(limits)}" if limits else ""
    if get_origin(schema) is list:
        return f"{key}: expected a list, written in brackets: {key}=[…]{allowed}"
    return f"{key}: {found}{allowed}"


def _names(schema: Any) -> str:
    return ", ".join(each.name for each in dataclasses.fields(schema))


def _range_mistakes(value: Any, prefix: str) -> Iterator[str]:
    """Values outside the limits that the fields of the dataclasses declare."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _range_mistakes(inner, f"{prefix}{key}.")
    if not dataclasses.is_dataclass(value):
        return
    for each in dataclasses.fields(value):
        found, key = getattr(value, each.name), f"{prefix}{each.name}"
        if allowed := _allowed(each.metadata, found):
            yield f"{key}: found {found!r}, allowed is {allowed}"
        yield from _range_mistakes(found, key + ".")


def _allowed(limits: Mapping[str, Any], found: Any) -> str:
    """What is allowed, in words, if `found` is not; else nothing."""
    if not limits or found is None:
        return ""
    if "choices" in limits:
        wrong = set(found if isinstance(found, list) else [found]) - set(limits["choices"])
        return _in_words(limits) if wrong else ""
    above, at_least, at_most = limits["above"], limits["at_least"], limits["at_most"]
    inside = (
        math.isfinite(found)
        and (above is None or found > above)
        and (at_least is None or found >= at_least)
        and (at_most is None or found <= at_most)
    )
    return "" if inside else _in_words(limits)


def _in_words(limits: Mapping[str, Any]) -> str:
    if "choices" in limits:
        return "one of " + ", ".join(limits["choices"])
    above, at_least, at_most = limits["above"], limits["at_least"], limits["at_most"]
    words = [
        f"a number above {above:g}" if above is not None else "",
        f"at least {at_least:g}" if at_least is not None else "",
        f"at most {at_most:g}" if at_most is not None else "",
    ]
    return " and ".join(word for word in words if word)


def _share_mistakes(config: Config) -> Iterator[str]:
    shares = config.split.shares
    if set(shares) != {"train", "validation", "test"}:
        yield f"split.shares: found {', '.join(shares)}, expected train, validation and test"
    elif (
        min(shares["validation"], shares["test"]) <= 0
        or shares["train"] < 0
        or abs(sum(shares.values()) - 1) > 1e-6
    ):
        yield f"split.shares: found {dict(shares)}; validation and test must be above 0, and all add up to 1"
    if config.split.fold >= (config.split.folds or 1):
        yield f"split.fold: found {config.split.fold}, allowed is 0 to split.folds - 1 (0 without folds)"


def _input_mistakes(config: Config) -> Iterator[str]:
    """What does not go together with the way in which pictures are given to the network."""
    preprocess, augment = config.preprocess, config.augment
    native = preprocess.method == "native"
    others = _OF_RESIZED if native else _OF_NATIVE
    for key in (key for key in others if getattr(augment, key)):
        yield (
            f"augment.{key}: found {getattr(augment, key)}, which preprocess.method={preprocess.method} "
            f"cannot do; choose augment={'forensic' if native else 'classic'}, or augment=none"
        )
    sides = (preprocess.height, preprocess.width)
    if native and any(side % 8 for side in sides):
        yield f"preprocess: found crops of {sides[0]}×{sides[1]}; with method=native sides are multiples of 8"
    if native and preprocess.rescale != 1.0:
        yield (
            f"preprocess.rescale: found {preprocess.rescale:g}; with method=native networks take 8-bit "
            "values as they are, so it must be 1"
        )
    for key, least, most in (("scale", 0.1, 10), ("quality", 1, 100)):
        ends = getattr(augment, key)
        if len(ends) != 2 or not least <= ends[0] <= ends[1] <= most:
            yield f"augment.{key}: found {ends}, expected the lowest and the highest, from {least} to {most}"


_OF_RESIZED = ("rotation", "width_shift", "height_shift")
_OF_NATIVE = ("vertical_flip", "transpose", "tamper", "matched_saves", "untouched", "handed_in", "alter")


def _train_mistakes(train: Train) -> Iterator[str]:
    if train.loss.label == train.loss.map == 0:
        yield "train.loss: found 0 for label and for map; one of them must be above 0"
    if train.warmup > train.epochs:
        yield f"train.warmup: found {train.warmup:g}, allowed is at most train.epochs ({train.epochs})"
    if train.schedule == "plateau" and train.patience is not None and train.patience <= train.plateau.wait:
        yield (
            f"train.patience: found {train.patience}, and with train.schedule=plateau it must be above "
            f"train.plateau.wait ({train.plateau.wait}), or training ends before the rate is lowered"
        )


def _shuffle_mistakes(config: Config) -> Iterator[str]:
    """What would teach true labels beside shuffled ones, or tell the classes by how they are treated."""
    if not config.train.shuffle_labels:
        return
    for key in ("tamper", "matched_saves", "untouched", "handed_in"):
        if found := getattr(config.augment, key):
            yield (
                f"augment.{key}: found {found}, which treats genuine pictures and fakes differently; with "
                "train.shuffle_labels=true it must be off (experiment=shuffled_labels, or augment=none)"
            )


# Checks the arguments that a configuration gives to a function against that function's signature.
#


@dataclass(frozen=True)
class Within:
    """Limits of a number, for `Annotated[float, Within(0, below=1)]`; each may be left out."""

    at_least: float = -math.inf
    at_most: float = math.inf
    below: float = math.inf

    def __contains__(self, value: float) -> bool:
        return self.at_least <= value <= self.at_most and value < self.below

    def __str__(self) -> str:
        words = {"at least": self.at_least, "at most": self.at_most, "below": self.below}
        return " and ".join(f"{word} {limit:g}" for word, limit in words.items() if math.isfinite(limit))


def mistakes(
    function: Callable[..., Any], arguments: Mapping[str, Any], given: Sequence[str], prefix: str
) -> Iterator[str]:
    """Say what of `arguments` does not fit the signature of `function`.

    Args:
        function: a function with annotated parameters: bool, int, float, str, None, lists and unions of
            these, `Literal`, and `Annotated` with `Within`.
        arguments: names and values out of a configuration.
        given: parameters that somebody else fills in.
        prefix: stands before each name in the messages, as `model.`.

    Yields:
        one sentence a mistake, with the key, what was found and what is expected.
    """
    parameters = {
        name: each for name, each in inspect.signature(function).parameters.items() if name not in given
    }
    hints = _hints(function, parameters)
    for name, value in arguments.items():
        if name not in parameters:
            near = get_close_matches(name, parameters, n=1)
            guess = f"; did you mean {prefix}{near[0]}?" if near else ""
            yield f"{prefix}{name}: no such key{guess} (allowed here: {', '.join(parameters)})"
        elif not _fits(value, hints[name]):
            yield f"{prefix}{name}: found {value!r}, expected {_words(hints[name])}"
    for name, each in parameters.items():
        if each.default is inspect.Parameter.empty and name not in arguments:
            yield f"{prefix}{name}: missing; expected {_words(hints[name])}"


def _hints(function: Callable[..., Any], parameters: Mapping[str, inspect.Parameter]) -> dict[str, Any]:
    """Annotations of the parameters alone: that of the answer may name what is not imported yet."""
    annotations = {name: each.annotation for name, each in parameters.items()}
    holder = type("Parameters", (), {"__annotations__": annotations})
    return typing.get_type_hints(holder, getattr(function, "__globals__", {}), include_extras=True)


def _fits(value: Any, hint: Any) -> bool:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _fits(value, inner[0]) and all(value in limit for limit in inner[1:] if value is not None)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, each) for each in inner)
    if origin is typing.Literal:
        return value in inner
    if origin in (list, Sequence):
        return isinstance(value, list | tuple) and all(_fits(each, inner[0]) for each in value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint) if hint is not None else value is None


def _words(hint: Any) -> str:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return " ".join([_words(inner[0]), *(str(limit) for limit in inner[1:])])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_words(each) for each in inner)
    if origin is typing.Literal:
        return "one of " + ", ".join(map(repr, inner))
    if origin in (list, Sequence):
        return f"a list, each {_words(inner[0])}"
    names = {float: "a number", int: "a whole number", str: "a text", bool: "true or false"}
    return "null" if hint in (None, type(None)) else names.get(hint, str(hint))


# What an augmentation reads besides the converted pictures; fast, imports nothing of the field.
#


def needs_sources(augment: Augment) -> bool:
    """Say whether genuine training pictures are read as they were handed in."""
    return bool(augment.tamper or augment.matched_saves or augment.handed_in)
