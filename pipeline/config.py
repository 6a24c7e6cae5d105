"""The schema of the configuration: every key, its type and what it may be.

Values stand in `conf/` and nowhere else; here are no defaults but for keys that may be left out.
The schema is applied after Hydra has composed, because DVC composes without it.
"""

import dataclasses
import difflib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args, get_type_hints

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pipeline.errors import UserError


def number(above: float | None = None, at_least: float | None = None, at_most: float | None = None) -> Any:
    """A number with limits; `above` excludes its limit, the others include theirs."""
    return field(metadata={"above": above, "at_least": at_least, "at_most": at_most})


def one_of(*choices: str) -> Any:
    """A text that must be one of `choices`."""
    return field(metadata={"choices": choices})


@dataclass
class Paths:
    """Folders of the stages, relative to the repository."""

    converted: str
    manifest: str
    models: str
    reports: str


@dataclass
class Naming:
    """How names of pictures tell their source and subset (regular expressions)."""

    namespace: str  # sources of collections with one namespace are the same pictures
    source: str | None = None  # found anywhere in the stem, as often as it occurs
    subsets: dict[str, str] = field(default_factory=dict)  # subset -> pattern on the stem of a fake


@dataclass
class Collection:
    """One pair of folders. A relative path starts at the repository, as all of the configuration's do.

    Folders below the root are therefore written `${data.root}/…`.
    """

    genuine: str
    fake: str
    role: str = one_of("train", "test")
    masks: list[str] = field(default_factory=list)  # looked through in this order
    mask_name: str = "{stem}.png"
    naming: Naming | None = None


@dataclass
class Data:
    """A dataset: where it lies and what it consists of."""

    name: str
    root: str
    genuine: str
    fake: str
    masks: str
    collections: dict[str, Collection]


@dataclass
class Sample:
    """The built-in pictures."""

    genuine: int = number(at_least=4, at_most=100_000)
    fake: int = number(at_least=4, at_most=100_000)
    width: int = number(at_least=64, at_most=8_192)
    height: int = number(at_least=64, at_most=8_192)


@dataclass
class Convert:
    """What becomes of the files before anything else sees them."""

    policy: str = one_of("raw", "tif_only", "equal")
    quality: int = number(at_least=1, at_most=100)
    subsampling: str = one_of("4:4:4", "4:2:2", "4:2:0")


@dataclass
class Split:
    """How pictures are dealt to training, validation and test."""

    method: str = one_of("grouped", "random")
    shares: dict[str, float]  # train, validation, test: add up to 1


@dataclass
class Preprocess:
    """From a decoded picture to what the network is given."""

    height: int = number(at_least=8, at_most=4_096)
    width: int = number(at_least=8, at_most=4_096)
    rescale: float = number(above=0.0)  # factor on the 8-bit values


@dataclass
class Augment:
    """Random changes of training pictures; each is off at 0 or false."""

    rotation: float = number(at_least=0.0, at_most=180.0)  # degrees, to either side
    width_shift: float = number(at_least=0.0, at_most=1.0)  # share of the width, to either side
    height_shift: float = number(at_least=0.0, at_most=1.0)
    horizontal_flip: bool


@dataclass
class Train:
    """How the network is fitted."""

    epochs: int = number(at_least=1)
    batch_size: int = number(at_least=1)
    learning_rate: float = number(above=0.0, at_most=10.0)
    fake_fraction: float | None = number(above=0.0, at_most=1.0)  # null: as in the table
    monitor: str = one_of("validation/loss", "validation/roc_auc")
    patience: int | None = number(at_least=1)  # epochs without a better monitor; null: all epochs, last weights
    precision: str = one_of("auto", "float32", "mixed_bfloat16")
    save_h5: bool


@dataclass
class Evaluate:
    """How the test pictures are scored."""

    bootstrap: int = number(at_least=100, at_most=100_000)  # draws of groups behind each interval
    confidence: float = number(above=0.0, at_most=0.999)


@dataclass
class Score:
    """What `pipeline.score` tests, and under which name."""

    run: str | None  # MLflow run whose detector is used; null: the one in `paths.models`
    name: str | None  # folder under score/; null: named after the data


@dataclass
class Search:
    """The Optuna search of `pipeline.search`."""

    trials: int = number(at_least=1)


@dataclass
class Tracking:
    """MLflow."""

    experiment: str


@dataclass
class Runtime:
    """How the machine is used; of these only `deterministic` may change a result."""

    deterministic: bool
    cache: str = one_of("auto", "memory", "disk", "none")  # decoded pictures
    cache_gib: float = number(above=0.0)


@dataclass
class Compute:
    """Processes that convert and draw pictures."""

    workers: int | None = number(at_least=1, at_most=1_024)  # null: one a core


@dataclass
class Config:
    """The whole configuration."""

    seed: int = number(at_least=0, at_most=2**31 - 1)
    paths: Paths
    data: Data
    sample: Sample
    convert: Convert
    split: Split
    preprocess: Preprocess
    augment: Augment
    model: dict[str, Any]
    train: Train
    evaluate: Evaluate
    score: Score
    search: Search
    tracking: Tracking
    runtime: Runtime
    compute: Compute


def validate(composed: DictConfig | Mapping[str, Any]) -> Config:
    """Check a composed configuration and give it as dataclasses.

    Raises:
        UserError: an unknown or missing key, a wrong type or a value out of range; the message
            lists each mistake with the key and what is allowed.
    """
    values = OmegaConf.create(OmegaConf.to_container(OmegaConf.create(composed), resolve=True))
    mistakes = list(_key_mistakes(Config, values, ""))
    if not mistakes:
        try:
            typed = OmegaConf.merge(OmegaConf.structured(Config), values)
        except OmegaConfBaseException as error:
            mistakes = [f"{error.full_key}: {str(error).splitlines()[0]}"]
        else:
            config = OmegaConf.to_object(typed)
            mistakes = [*_range_mistakes(config, ""), *_share_mistakes(config)]
    if mistakes:
        raise UserError("the configuration is not right:\n  " + "\n  ".join(mistakes))
    return config


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
    for key in values:
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, n=1)
            guess = f"; did you mean {prefix}{near[0]}?" if near else ""
            yield f"{prefix}{key}: no such key{guess} (allowed here: {_names(schema)})"
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
        for key in value:
            yield from _key_mistakes(dataclass_types[0], value[key], f"{prefix}{key}.")


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
        return "" if found in limits["choices"] else "one of " + ", ".join(limits["choices"])
    above, at_least, at_most = limits["above"], limits["at_least"], limits["at_most"]
    inside = (
        math.isfinite(found)
        and (above is None or found > above)
        and (at_least is None or found >= at_least)
        and (at_most is None or found <= at_most)
    )
    words = [
        f"a number above {above:g}" if above is not None else "",
        f"at least {at_least:g}" if at_least is not None else "",
        f"at most {at_most:g}" if at_most is not None else "",
    ]
    return "" if inside else " and ".join(word for word in words if word)


def _share_mistakes(config: Config) -> Iterator[str]:
    shares = config.split.shares
    if set(shares) != {"train", "validation", "test"}:
        yield f"split.shares: found {', '.join(shares)}, expected train, validation and test"
    elif min(shares.values()) <= 0 or abs(sum(shares.values()) - 1) > 1e-6:
        yield f"split.shares: found {dict(shares)}; each must be above 0 and they must add up to 1"
